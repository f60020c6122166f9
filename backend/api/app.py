"""The ASGI entry point: `uvicorn backend.api.app:app`."""

from backend.api.factory import create_app
from backend.domain.errors import ConfigurationError
from backend.settings import Settings, load_settings


def _settings_or_exit() -> Settings:
    try:
        return load_settings()
    except ConfigurationError as error:
        # One line that a person can act on, where a traceback would bury it.
        raise SystemExit(f"Face Server cannot start. {error.message}") from None


app = create_app(_settings_or_exit())
