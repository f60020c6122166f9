"""The schema of a new database, made by the migrations once and repeated from then on."""

import sqlite3
from contextlib import closing
from functools import cached_property
from pathlib import Path

from sqlalchemy import Connection, create_engine

from backend.storage.ids import new_id
from backend.storage.upgrade import upgrade as migrate


class RepeatedSchema:
    """Stands in for `backend.storage.upgrade.upgrade`: an eighth of its cost, which every test with a database pays."""

    def __init__(self, folder: Path) -> None:
        """Keep the first database, which the migrations make, in an empty folder."""
        self._file = folder / "migrated.db"

    def __call__(self, connection: Connection) -> None:
        """Bring a new database up to date as the migrations do, all or none; any other one by them."""
        connection.execution_options(writes=True)
        with connection.begin():
            is_new = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar() == 0
            if is_new:
                self._repeat(connection)
        if not is_new:
            migrate(connection)

    def _repeat(self, connection: Connection) -> None:
        for statement in self._statements:
            connection.exec_driver_sql(statement)
        # A mark is one of a kind: by it an index on disk knows whose templates it holds.
        connection.exec_driver_sql("UPDATE gallery_changes SET mark = ?", (new_id(),))

    @cached_property
    def _statements(self) -> list[str]:
        engine = create_engine(f"sqlite:///{self._file}")
        with engine.connect() as connection:
            migrate(connection)
        engine.dispose()
        with closing(sqlite3.connect(self._file)) as made:
            # Without its own beginning and end: they run within one transaction.
            return list(made.iterdump())[1:-1]
