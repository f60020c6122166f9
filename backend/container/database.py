"""The database, as the settings say where it lies and with which key."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from backend.settings import LocalSettings
from backend.storage import data_folder
from backend.storage.database import Database, sqlite_url
from backend.storage.secret_box import SecretBox, load_key


@contextmanager
def open_database(settings: LocalSettings) -> Iterator[Database]:
    """Open the database, and close it; raises a FaceServerError where it cannot be opened."""
    data_folder.prepare(settings.data_dir)
    given = settings.secret_key
    key = given.get_secret_value() if given is not None else load_key(settings.data_dir)
    with closing(Database.open(sqlite_url(settings.data_dir), SecretBox(key))) as database:
        yield database
