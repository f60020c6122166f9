"""The commands of `face-server`: one file a subject, every command a few lines."""

import sys
from collections.abc import Iterable
from importlib import import_module

import typer

from backend.cli.console import err
from backend.cli.importing import importing
from backend.domain.access import Actor, acting_as
from backend.domain.errors import ConfigurationError, FaceServerError

PARTS = {
    "service": ("up", "serve", "ui"),
    "people": ("enrol", "identify"),
    "imports": ("import", "export"),
    "models": ("models",),
    "keys": ("key",),
    "secrets": ("forget-secrets",),
    "watch": ("watch",),
    "camera": ("camera",),
    "evaluate": ("evaluate",),
    "calibrate": ("calibrate",),
    "optimise": ("optimise",),
    "bench": ("bench",),
}
"""The files beside this one, and the commands that each has."""


def application(parts: Iterable[str] = PARTS) -> typer.Typer:
    """The program with the commands of these files, which are imported for it."""
    app = typer.Typer(
        help="A local service that knows faces.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    for part in parts:
        app.add_typer(import_module(f"backend.cli.{part}").app)
    return app


def main() -> None:
    """Run a command; what goes wrong is one sentence on standard error."""
    try:
        with importing():
            app = application(_parts_for(sys.argv[1:]))
        with acting_as(Actor("command line")):
            app()
    except KeyboardInterrupt:
        # While it was still being imported: later each command answers Ctrl-C by itself, with the same status.
        sys.exit(130)
    except FaceServerError as error:
        err.print(f"face-server: {error.message}", highlight=False, markup=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, ConfigurationError) else 1)


def _parts_for(arguments: list[str]) -> Iterable[str]:
    """The file of the command that is asked for, or all: whoever starts a server need not wait for the benchmarks."""
    named = [part for part, commands in PARTS.items() if arguments and arguments[0] in commands]
    return named or PARTS
