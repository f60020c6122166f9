"""What the documents say is compared with what is there."""

import configparser
import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from starlette.routing import Match
from typer.core import TyperGroup
from typer.main import get_command

from backend.api.factory import create_app
from backend.cli.commands import application
from backend.settings import Settings
from tools.write_reference import SECTIONS, Section

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
DECISIONS = sorted(ROOT.glob("docs/decisions/*.md"))
SETTINGS = {name.upper() for name in Settings.model_fields}
NOT_OURS = {
    *("COMPREFACE_API_KEY", "CONTAINER_GID", "CONTAINER_UID", "SSL_CERT_FILE", "STREAMLIT_SERVER_ALLOWED_HOSTS", "TZ"),
    *("CROWD_SECONDS", "CROWD_SLOTS", "ENROL_KILLS", "FUZZ_SECONDS", "KILL_SIGHTINGS", "SERIAL_ROUNDS"),
}
"""Variables that one command, Docker Compose, Python, Streamlit, the C library and the tests read."""


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code_of(document: Path) -> str:
    """The document's commands and names: its code blocks and what stands between backticks."""
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```.*?^ *```", text, re.MULTILINE | re.DOTALL)
    return "\n".join((*blocks, *re.findall(r"`[^`\n]+`", text)))


def found_in_code(pattern: str) -> set[str]:
    return {match for document in DOCUMENTS for match in re.findall(pattern, code_of(document))}


def pins_of(lock: str) -> set[tuple[str, str]]:
    """The packages of a lock file, each with its version, or with one for each kind of machine."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", text, re.MULTILINE)
    return {(canonicalize_name(name), version) for name, version in found}


def project() -> dict[str, list[str]]:
    """What the project asks for, by the lock file that must hold it."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = declared["project"]["dependencies"]
    return {"requirements.txt": runtime, "requirements-dev.txt": runtime + declared["dependency-groups"]["dev"]}


def test_there_are_documents() -> None:
    names = {relative(document) for document in DOCUMENTS}

    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/architecture.md"} <= names


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_a_table_made_from_the_code_is_up_to_date(section: Section) -> None:
    text = section.document.read_text(encoding="utf-8")

    assert section.replaced_in(text) == text, "run `make docs`"


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    files = [link.partition("#")[0] for link in links if not urlsplit(link).scheme]

    assert [file for file in files if file and not (document.parent / file).exists()] == []


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = found_in_code(r"\bmake ([a-z]+)")

    assert {"serve", "test"} <= named
    assert named <= targets


def test_every_command_that_is_named_exists() -> None:
    group = get_command(application())
    assert isinstance(group, TyperGroup)
    named = found_in_code(r"\bface-server ([a-z]+(?:-[a-z]+)*)")

    assert named == set(group.commands)


def test_every_variable_that_is_named_is_a_setting() -> None:
    named = found_in_code(r"(?<![A-Za-z0-9_$-])([A-Z][A-Z0-9]*_[A-Z0-9_]+|HOST|PORT|THREADS|TZ)(?==|`)")

    assert {"AUTH_TOKEN", "UTILITIES_URL"} <= named
    assert named - SETTINGS - NOT_OURS == set()


def test_every_address_of_the_api_that_is_named_is_a_route() -> None:
    app = create_app(Settings.model_validate({"auth_token": "secret"}))
    paths = found_in_code(r"http://localhost:8000(/[a-z0-9/]*)")

    assert {"/persons", "/person", "/cameras/schedule"} <= paths
    for path in paths:
        scopes = ({"type": "http", "path": path, "method": method} for method in ("GET", "POST"))
        assert any(route.matches(scope)[0] is Match.FULL for scope in scopes for route in app.routes), path


def test_the_layers_that_are_drawn_are_those_that_are_checked() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    checked = contracts["importlinter:contract:layers"]["layers"].strip()
    blocks = re.findall(r"```\n(cli\n.*?)\n```", (ROOT / "docs/architecture.md").read_text(), re.DOTALL)

    assert blocks == [checked]


def test_the_example_of_an_env_file_holds_settings_only() -> None:
    names = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)

    assert names[:1] == ["AUTH_TOKEN"]
    assert set(names) <= SETTINGS


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_a_lock_file_holds_what_the_project_asks_for(lock: str) -> None:
    pins = pins_of(lock)
    wanted = [Requirement(line) for line in project()[lock]]

    assert wanted
    for requirement in wanted:
        versions = [version for name, version in pins if name == canonicalize_name(requirement.name)]
        assert versions, f"{requirement.name} is not in {lock}: run `make lock`"
        assert all(requirement.specifier.contains(version, prereleases=True) for version in versions), requirement


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_a_lock_file_names_hashes_and_no_package_host(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")

    assert "://" not in text
    assert len(re.findall(r"==.*\\\n    --hash=sha256:", text)) == len(pins_of(lock))


def test_contributing_names_every_lock_file_that_is_compiled() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    variables = dict(re.findall(r"^(\w+) := (.*)$", makefile, re.MULTILINE))
    compiled = [variables.get(file.strip("$()"), file) for file in re.findall(r"uv pip compile .* -o (\S+)", makefile)]

    assert len(compiled) >= 5
    assert [
        file for file in compiled if f"`{file}`" not in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    ] == []


def test_both_lock_files_hold_the_same_versions() -> None:
    assert pins_of("requirements.txt") <= pins_of("requirements-dev.txt")


def test_decisions_are_numbered_and_say_why() -> None:
    numbers = [decision.name[:4] for decision in DECISIONS]

    assert numbers == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]
    assert len(numbers) >= 8
    for decision in DECISIONS:
        headings = re.findall(r"^\*\*(\w+)\.\*\*", decision.read_text(encoding="utf-8"), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], decision.name


def test_containers_may_not_write_gain_rights_or_be_reached_from_outside() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]

    assert set(services) == {"data", "api", "ui"}
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert all("HOST:-127.0.0.1}:" in port for port in service.get("ports", []))
    assert "./data:/data" in services["api"]["volumes"]


def test_compose_sets_settings_only() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    names = {name for service in services.values() for name in service.get("environment", {})}

    assert names - SETTINGS - NOT_OURS == set()


def test_the_gpu_file_changes_the_api_s_image_and_device_alone() -> None:
    override = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text(encoding="utf-8"))

    (api,) = override["services"].values()
    assert list(override["services"]) == ["api"]
    assert api["deploy"]["resources"]["reservations"]["devices"] == [
        {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    ]
    assert api["environment"] == {"DEVICE": "${DEVICE:-cuda}"}
    assert (ROOT / api["build"]["args"]["REQUIREMENTS"]).is_file()


@pytest.mark.parametrize(
    ("lock", "package"), [("requirements-gpu.txt", "onnxruntime-gpu"), ("requirements-optimise.txt", "nncf")]
)
def test_a_lock_with_an_extra_adds_to_the_usual_one_and_changes_nothing_of_it(lock: str, package: str) -> None:
    usual, more = (
        {line.split(" ")[0] for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if "==" in line[:60]}
        for name in ("requirements.txt", lock)
    )
    assert usual - more == set()
    assert any(line.startswith(f"{package}==") for line in more - usual)
