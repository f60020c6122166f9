"""`make serve`: `face-server up` without the other commands, whose models a process this long-lived need not carry."""

import os
import sys

from backend.domain.errors import ConfigurationError
from backend.launch import up
from backend.launch.processes import end_with_parent


def main() -> None:
    """Run the service; a setting that makes no sense is one sentence on standard error."""
    # `make`, which is in front of the terminal and is what people kill.
    end_with_make = end_with_parent(os.getppid())
    if end_with_make is not None:
        end_with_make()
    try:
        sys.exit(up(_say))
    except ConfigurationError as error:
        _say(f"Face Server cannot start. {error.message}")
        sys.exit(2)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
