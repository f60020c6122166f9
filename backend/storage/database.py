"""The door to the database: connections, transactions, migrations, and the SQL that only SQLite knows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL, Connection, CursorResult, Engine, create_engine, event, inspect, literal, select, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql import Executable

from backend.domain.errors import StorageError
from backend.storage.secret_box import SecretBox
from backend.storage.tables import ENCRYPTED, REVISION

DATABASE_FILE = "face_server.db"
BUSY_TIMEOUT_MS = 30_000
"""How long a writer waits for another one: longer than any transaction here takes on a slow card."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One unit of reading or writing; what it writes is there for good once its `with` block ends."""

    connection: Connection
    secrets: SecretBox

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run one statement."""
        return self.connection.execute(statement, parameters)


class Database:
    """The rows of the service; safe to use from any thread."""

    def __init__(self, engine: Engine, secrets: SecretBox) -> None:
        """Take an engine whose schema is up to date; `Database.open` makes one."""
        self._engine = engine
        self._secrets = secrets

    @classmethod
    def open(cls, url: URL, secrets: SecretBox) -> Self:
        """Connect, and bring the schema up to date; raises StorageError where either fails."""
        engine = create_engine(url)
        if engine.dialect.name == "sqlite":
            _use_sqlite_safely(engine)
        database = cls(engine, secrets)
        with _translated_errors(), engine.connect() as connection:
            _migrate(connection)
        return database

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A consistent view of the rows."""
        with _translated_errors(), self._engine.connect() as connection, connection.begin():
            yield Transaction(connection, self._secrets)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Changes that are all made, durably, when the block ends, or not at all when it raises."""
        with _translated_errors(), self._engine.connect() as connection:
            connection.execution_options(writes=True)
            with connection.begin():
                yield Transaction(connection, self._secrets)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def sqlite_url(data_dir: Path) -> URL:
    """Where the database of a data folder is."""
    # Not put together as text: a folder's name may hold what means something else in an address.
    return URL.create("sqlite", database=str(data_dir / DATABASE_FILE))


def holds_secrets(data_dir: Path) -> bool:
    """Whether a data folder has a database in which something is encrypted; raises StorageError if it cannot be read.

    A database of an older version is looked into as it is, and nothing is written.
    """
    if not (data_dir / DATABASE_FILE).exists():
        return False
    engine = create_engine(sqlite_url(data_dir))
    try:
        with _translated_errors(), engine.connect() as connection:
            there = inspect(connection).get_table_names()
            rows = (select(literal(1)).select_from(table).limit(1) for table in ENCRYPTED if table.name in there)
            return any(connection.execute(row).first() is not None for row in rows)
    finally:
        engine.dispose()


def _use_sqlite_safely(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # sqlite3's own transaction handling begins too late to choose the kind of lock; ours is in `begin`.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL flushes the log at each commit: what was acknowledged survives a power cut, not only a crash.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the lock at once: taking it halfway fails if another one wrote in between.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(connection: Connection) -> None:
    if _revision(connection) == REVISION:
        return
    # Imported only where there is something to do: Alembic takes a quarter of a second to load, at every start.
    from backend.storage.upgrade import upgrade

    upgrade(connection)


def _revision(connection: Connection) -> str | None:
    """The migration that this database was last brought to; None for a new one."""
    with connection.begin():
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        # Only the driver's own words: the statement and its parameters may hold secrets.
        reason = getattr(error, "orig", None) or type(error).__name__
        raise StorageError(f"The database cannot be used: {reason}.") from error
