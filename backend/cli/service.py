"""`up`, `serve` and `ui`: the service itself."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from backend import launch
from backend.api.leaving import leaving_at_once
from backend.api.listening import listening
from backend.api.logs import configure_logging
from backend.api.stopping import signals_to
from backend.cli.console import err
from backend.cli.importing import importing
from backend.container.ahead import opened_ahead
from backend.settings import load_local_settings, load_settings

app = typer.Typer()

Host = Annotated[str | None, typer.Option(help="The address to listen on; HOST by default.")]
Port = Annotated[int | None, typer.Option(help="The port to listen on; PORT by default.", min=0, max=65535)]
UiHost = Annotated[str | None, typer.Option(help="The address to listen on; UI_HOST by default.")]
UiPort = Annotated[int | None, typer.Option(help="The port to listen on; UI_PORT by default.", min=1, max=65535)]
DataDir = Annotated[Path | None, typer.Option(help="Where everything is kept; DATA_DIR by default.")]


@app.command(epilog="Example: face-server up")
def up() -> None:
    """Run the API with its cameras and the web UI together, making a token first where there is none."""
    raise typer.Exit(launch.up(lambda text: err.print(text, highlight=False, soft_wrap=True)))


@app.command(epilog="Example: face-server serve --port 8000 --data-dir data")
def serve(host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Run the API and the cameras in the foreground, logging to standard error."""
    given = {"host": host, "port": port, "data_dir": data_dir}
    settings = load_settings().model_copy(update={name: value for name, value in given.items() if value is not None})
    configure_logging(settings.log_level, settings.log_format, settings.auth_token.get_secret_value())
    breaking_off = _BreakingOff()
    with (
        leaving_at_once(),
        signals_to(breaking_off),
        listening(settings) as listeners,
        opened_ahead(settings) as opened,
    ):
        with breaking_off.put_off(), importing():
            # Here, for this is a third of all imports: done while the models load, and not by other commands.
            from backend.api.factory import create_app
            from backend.api.serving import serve as serve_until_told
        sys.exit(0 if serve_until_told(create_app(settings, opened), settings, listeners) else 1)


@app.command(epilog="Example: face-server ui --port 8501")
def ui(host: UiHost = None, port: UiPort = None) -> None:
    """Run the web UI in the foreground; it talks to the API at UTILITIES_URL and CAMERA_SCHEDULER_URL."""
    settings = load_local_settings()
    raise typer.Exit(launch.run_ui(host or settings.ui_host, port or settings.ui_port))


class _BreakingOff:
    """Hears the signals that end the server while it starts, and ends that in order: what is being opened is closed."""

    def __init__(self) -> None:
        self._has_come = self._is_put_off = False

    def __call__(self, *_: object) -> None:
        self._has_come = True
        if not self._is_put_off:
            sys.exit(0)

    @contextmanager
    def put_off(self) -> Iterator[None]:
        """End nothing before the end of the block.

        What is raised in the middle of an import can be lost there, and a lock be left behind that others wait for.
        """
        self._is_put_off = True
        yield
        self._is_put_off = False
        if self._has_come:
            sys.exit(0)
