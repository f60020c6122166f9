"""The commands of `face-server`: one file a subject, every command a few lines."""

import sys

import typer

from backend.cli import bench, calibrate, camera, evaluate, imports, keys, models, optimise, people, service, watch
from backend.cli.console import err
from backend.domain.access import Actor, acting_as
from backend.domain.errors import ConfigurationError, FaceServerError

app = typer.Typer(
    help="A local service that knows faces.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
PARTS = (service, people, imports, models, keys, watch, camera, evaluate, calibrate, optimise, bench)
for part in PARTS:
    app.add_typer(part.app)


def main() -> None:
    """Run a command; what goes wrong is one sentence on standard error."""
    try:
        with acting_as(Actor("command line")):
            app()
    except FaceServerError as error:
        err.print(f"face-server: {error.message}", highlight=False, markup=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, ConfigurationError) else 1)
