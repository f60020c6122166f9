"""Face Server as two processes that find each other: the API with its cameras, and the web UI."""

import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from backend.domain.errors import ConfigurationError
from backend.launch.env_file import ENV_FILE, ensure_env_file
from backend.launch.processes import Part, run_together
from backend.settings import Settings, is_usable_token, load_settings, load_ui_settings


def up(say: Callable[[str], None]) -> int:
    """Run the API with its cameras and the web UI until a signal or the end of either; the exit status.

    Makes a token first where there is none. Raises ConfigurationError for a setting that makes no sense and for a
    port that is taken. Nothing that is said holds the token.
    """
    if not is_usable_token(load_ui_settings().auth_token) and ensure_env_file():
        say(f"Wrote a new AUTH_TOKEN to {ENV_FILE.resolve()}")
    settings = load_settings()
    parts = service_parts(settings)
    say(
        "Starting."
        if _has_models(settings)
        else "Starting. The face models are prepared first: it takes a little longer."
    )
    return run_together(parts, say, _greeting(parts, settings))


def _has_models(settings: Settings) -> bool:
    """Whether an earlier start prepared the models; not asked of the container, which would import what runs them."""
    return any((settings.data_dir / "models").glob("*.onnx"))


def service_parts(settings: Settings) -> tuple[Part, Part]:
    """The API and the web UI, each told where the other is; raises ConfigurationError for a port that is taken."""
    if settings.tls_certificate is not None:
        raise ConfigurationError(
            "TLS_CERTIFICATE: with HTTPS run the two halves by themselves: `face-server serve` and `face-server ui`."
        )
    port = _free_port(settings.host, settings.port)
    ui_port = _free_port(settings.ui_host, settings.ui_port, "UI_")
    host, ui_host = _address_to_call(settings.host), _address_to_call(settings.ui_host)
    environment = {
        "PORT": str(port),
        # What .env says of these two may belong to another port than the one in use now.
        "UTILITIES_URL": f"{_url(host, port)}/person",
        "CAMERA_SCHEDULER_URL": f"{_url(host, port)}/cameras/schedule",
    }
    serve = (sys.executable, "-m", "backend.cli", "serve")
    return (
        Part("API", serve, host, port, "/readyz", environment),
        Part("web UI", _ui_command(settings.ui_host, ui_port), ui_host, ui_port, "/_stcore/health", environment),
    )


def run_ui(host: str, port: int) -> NoReturn:
    """Become the web UI, listening there; raises ConfigurationError for a port that is taken."""
    command = _ui_command(host, _free_port(host, port, "UI_"))
    # In the place of this process, so that whoever signals it signals Streamlit.
    os.execv(command[0], command)  # noqa: S606 — the command is our own


def _ui_command(host: str, port: int) -> tuple[str, ...]:
    script = Path(__file__).parents[1] / "ui" / "web_ui.py"
    listening = (f"--server.address={host}", f"--server.port={port}")
    return (sys.executable, "-m", "streamlit", "run", str(script), *listening)


def _free_port(host: str, port: int, prefix: str = "") -> int:
    """The port, or the one that the system chose where it is 0, after binding it once; raises ConfigurationError."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # As the servers themselves do: a port whose last connections linger is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {host} port {port}: {error.strerror}. "
            f"Set {prefix}PORT to another port, or {prefix}HOST to another address: {prefix}PORT={port + 1} make serve"
        ) from error


def _address_to_call(host: str) -> str:
    """Where a server that listens on `host` is reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 — compared, not bound


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _greeting(parts: Sequence[Part], settings: Settings) -> str:
    api, ui = (_url("localhost" if part.host == "127.0.0.1" else part.host, part.port) for part in parts)
    token = settings.auth_token.get_secret_value()
    in_file = ENV_FILE.exists() and token in ENV_FILE.read_text(encoding="utf-8")
    return "\n".join(
        (
            "Face Server is ready.",
            f"  Web UI  {ui}",
            f"  API     {api}/docs",
            f"  Token   AUTH_TOKEN in {ENV_FILE.resolve() if in_file else 'the environment'}",
            "Ctrl-C stops all of it.",
        )
    )
