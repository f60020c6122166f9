"""Brings the schema of a database up to date, by Alembic's migrations."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from backend.domain.errors import StorageError


def upgrade(connection: Connection) -> None:
    """Run the migrations that are missing, all or none; raises StorageError where a newer program wrote the rows."""
    connection.execution_options(writes=True)
    config = Config()
    # Alembic reads options as configuration files are read, where a percent sign begins a reference.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        with connection.begin():
            command.upgrade(config, "head")
    except CommandError as error:
        raise StorageError("The database was written by a newer Face Server; use that, or a backup.") from error
