"""The database, as the settings say where it lies and with which key."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from backend.domain.errors import ConfigurationError
from backend.settings import LocalSettings
from backend.storage import data_folder
from backend.storage.database import Database, holds_secrets, sqlite_url
from backend.storage.secret_box import KEY_FILE, SecretBox, has_key, load_key, new_key


@contextmanager
def open_database(settings: LocalSettings) -> Iterator[Database]:
    """Open the database, and close it; raises a FaceServerError where it cannot be opened.

    Its key is made where nothing is encrypted yet. Where it is missing, no other takes its place.
    """
    data_folder.prepare(settings.data_dir)
    if _has_no_key(settings) and holds_secrets(settings.data_dir):
        raise ConfigurationError(
            f"DATA_DIR: '{settings.data_dir / KEY_FILE}' is missing, and without it what the database has encrypted "
            "cannot be read; put it back, or set SECRET_KEY as it was. If it is lost for good, `face-server "
            "forget-secrets` tells which cameras and channels must be entered anew; people and sightings stay."
        )
    with _opened(settings, _key(settings)) as database:
        yield database


@contextmanager
def open_without_the_key(settings: LocalSettings) -> Iterator[Database]:
    """Open the database whatever has become of its key, and make none; where it is missing no secret can be read."""
    data_folder.prepare(settings.data_dir)
    with _opened(settings, new_key() if _has_no_key(settings) else _key(settings)) as database:
        yield database


def _opened(settings: LocalSettings, key: str) -> closing[Database]:
    return closing(Database.open(sqlite_url(settings.data_dir), SecretBox(key)))


def _has_no_key(settings: LocalSettings) -> bool:
    return settings.secret_key is None and not has_key(settings.data_dir)


def _key(settings: LocalSettings) -> str:
    given = settings.secret_key
    return given.get_secret_value() if given is not None else load_key(settings.data_dir)
