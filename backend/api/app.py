"""The ASGI entry point: `uvicorn backend.api.app:app`."""

from contextlib import AbstractContextManager

from backend.api.factory import create_app
from backend.api.logs import join_log
from backend.container.services import Services, open_services
from backend.domain.errors import ConfigurationError
from backend.settings import Settings, load_settings


def _settings_or_exit() -> Settings:
    try:
        return load_settings()
    except ConfigurationError as error:
        # One line that a person can act on, where a traceback would bury it.
        raise SystemExit(f"Face Server cannot start. {error.message}") from None


def _opened(settings: Settings) -> AbstractContextManager[Services]:
    # Now and not at import: by the time it starts us, whatever serves us has set up its own log.
    join_log(settings.log_level, settings.log_format, settings.auth_token.get_secret_value())
    return open_services(settings)


app = create_app(_settings_or_exit(), _opened)
