"""`python -m backend.cli`, and `face-server`, which is the same."""

import gc

# What the imports make stays: to look for garbage among half a million objects, again and again, is a tenth of a start.
gc.disable()

from backend.cli.commands import main  # noqa: E402 - only after the line above


def run() -> None:
    """Run a command, with nothing that was imported so far ever looked through for garbage."""
    gc.freeze()
    gc.enable()
    main()


if __name__ == "__main__":
    run()
