"""`python -m backend.cli`, and `face-server`, which is the same."""

import sys

from backend.cli.importing import importing

try:
    with importing():
        from backend.cli.commands import main
except KeyboardInterrupt:
    # Ctrl-C, as every command answers it later.
    sys.exit(130)

if __name__ == "__main__":
    main()
