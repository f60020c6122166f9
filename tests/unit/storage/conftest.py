"""A database of each test's own."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.storage.database import Database, sqlite_url
from backend.storage.secret_box import SecretBox

KEY = "key of the tests"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database.open(sqlite_url(tmp_path), SecretBox(KEY))) as database:
        yield database
