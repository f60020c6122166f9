# Face Server. `make help` lists what there is to do.

# Where to look for a Python that fits; `make PYTHON=/path/to/python3.12 …` names one.
PYTHON ?=
pythons := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python)
venv_python := .venv/bin/python

# Empty files that say what is installed, so that a second `make serve` has nothing to do.
runtime := .venv/.runtime-installed
development := .venv/.development-installed

# Another server's client, which the tests run: its dependencies are no part of ours.
compreface_lock := tests/clients/compreface.txt
compreface_client := .venv/clients/compreface

# What pip fetches where there is no uv.
uv := uv==0.13.9

# Asked by running it: a version manager's stand-in is on the path even where it leads nowhere.
have_uv := uv --version >/dev/null 2>&1

# Compiled once at installation, as pip does, and not at the first start or, where Python may not write, at every start.
export UV_COMPILE_BYTECODE := 1
# So is our own code, which is not installed but used from here.
compile = $(venv_python) -m compileall -q backend

lock_options := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url

.DELETE_ON_ERROR:
.PHONY: help serve install test check format docs lock

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(runtime) ## start the API with its cameras and the web UI; Ctrl-C stops everything
	@$(compile)
	@$(venv_python) -m backend.launch

install: $(development) ## set up .venv with everything, and start nothing

test: $(development) ## run the whole test suite
	@$(compile)
	$(venv_python) -m pytest -n 3 --dist loadfile --no-loadscope-reorder

check: $(development) ## formatting, lint, types, layers, spelling
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/typos

format: $(development) ## put the code into the form that `make check` wants
	.venv/bin/ruff format
	.venv/bin/ruff check --fix

docs: $(development) ## rewrite the tables and openapi.json, which are made from the code
	$(venv_python) -m tools.write_reference
	$(venv_python) -m tools.write_openapi

lock: ## compile requirements.txt, -gpu.txt, -optimise.txt and -dev.txt anew (needs uv)
	uv pip compile $(lock_options) pyproject.toml -o requirements.txt
	uv pip compile $(lock_options) pyproject.toml --extra gpu -c requirements.txt -o requirements-gpu.txt
	uv pip compile $(lock_options) pyproject.toml --extra optimise -c requirements.txt -o requirements-optimise.txt
	uv pip compile $(lock_options) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	uv pip compile $(lock_options) tests/clients/compreface.in -o $(compreface_lock)

# uv where there is one; where there is none, pip fetches it into .venv.
$(venv_python):
	@python=; for candidate in $(pythons); do \
	  python=$$("$$candidate" -c 'import sys; print(sys.executable) if sys.version_info >= (3, 11) else sys.exit(1)' 2>/dev/null) && break; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Face Server needs Python 3.11 or newer. Looked for: $(pythons). Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	echo "Creating .venv with $$python"; \
	rm -rf .venv; \
	if $(have_uv); then uv venv --quiet --python "$$python" .venv; \
	elif "$$python" -m venv .venv; then .venv/bin/python -m pip install --quiet --disable-pip-version-check $(uv) || true; \
	else \
	  rm -rf .venv; \
	  echo "$$python cannot create a virtual environment. Debian and Ubuntu have that in the package python3-venv; or install uv." >&2; exit 1; \
	fi

$(runtime): requirements.txt pyproject.toml | $(venv_python)
	$(call install,requirements.txt)
	@touch $@

$(development): requirements-dev.txt $(compreface_lock) pyproject.toml | $(venv_python)
	$(call install,requirements-dev.txt)
	$(call install_client,$(compreface_client),$(compreface_lock))
	@touch $(runtime) $@

# $(1) is a lock file. pip has the second try: where it fetched uv, a mirror may be known to pip's settings alone.
define install
	@echo "Installing what $(1) names"; \
	for step in '--require-hashes --no-deps -r $(1)' '--no-deps -e .'; do \
	  if $(have_uv); then uv pip install --quiet --python $(venv_python) $$step || exit 1; \
	  else .venv/bin/uv pip install --quiet --python $(venv_python) $$step \
	    || $(venv_python) -m pip install --quiet --disable-pip-version-check $$step || exit 1; fi; \
	done
endef

# $(1) is the folder of an environment of its own, $(2) its lock file.
define install_client
	@rm -rf $(1); \
	if $(have_uv); then uv venv --quiet --python $(venv_python) $(1) && uv pip install --quiet --python $(1) --require-hashes --no-deps -r $(2); \
	else $(venv_python) -m venv $(1) && $(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(2); fi \
	|| { echo "$(2) cannot be installed: is the package index reachable? The tests need it." >&2; rm -rf $(1); exit 1; }
endef
