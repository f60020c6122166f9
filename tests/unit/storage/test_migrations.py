"""The migrations lead to the tables that the code works with, from any schema before."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine

from backend.domain.errors import StorageError
from backend.storage import migrations, people, templates, upgrade
from backend.storage.database import Database, sqlite_url
from backend.storage.secret_box import SecretBox
from backend.storage.tables import REVISION, metadata
from backend.storage.upgrade import upgrade as migrate
from tests.rig.schema import RepeatedSchema

BOX = SecretBox("key")


@pytest.fixture(autouse=True)
def _every_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what other tests' databases are made by."""
    monkeypatch.setattr(upgrade, "upgrade", migrate)


@contextmanager
def _connection(folder: Path) -> Iterator[Connection]:
    engine = create_engine(sqlite_url(folder))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _open(folder: Path) -> Database:
    return Database.open(sqlite_url(folder), BOX)


def _history(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__path__[0])))
    config.attributes["connection"] = connection
    return config


def _first_schema(folder: Path) -> None:
    """What a database looked like in the first release, with somebody in it."""
    with _connection(folder) as connection:
        with connection.begin():
            command.upgrade(_history(connection), "0001")
        with connection.begin():
            connection.exec_driver_sql("INSERT INTO people VALUES ('alice', '2026-11-22 12:00:00.000000')")
            connection.exec_driver_sql(
                "INSERT INTO templates VALUES ('01M826HTGMKS5F8WHQWVSW66M1', 'alice', 'model', x'0000803f', 0.9, "
                "'a.jpg', 'hash', '2026-11-22 12:00:00.000000')"
            )


def test_a_new_database_has_exactly_the_tables_of_the_code(tmp_path: Path) -> None:
    _open(tmp_path).close()
    with _connection(tmp_path) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_database_of_the_first_release_is_brought_up_to_date_and_keeps_its_people(tmp_path: Path) -> None:
    _first_schema(tmp_path)
    with closing(_open(tmp_path)) as database, database.read() as tx:
        (alice,) = people.all_with_counts(tx)
        ((owner, template),) = templates.all_of_model(tx, "model")
    assert (alice.person_id, alice.embeddings, owner, template.embedding.tolist()) == ("alice", 1, "alice", [1.0])
    with _connection(tmp_path) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    _open(tmp_path).close()
    before = _schema(tmp_path)
    _open(tmp_path).close()
    assert _schema(tmp_path) == before


def test_the_tests_own_databases_are_like_migrated_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    migrated, repeated, another = (tmp_path / name for name in ("migrated", "repeated", "another"))
    for folder in (migrated, repeated, another):
        folder.mkdir()
    _open(migrated).close()
    monkeypatch.setattr(upgrade, "upgrade", RepeatedSchema(tmp_path))
    for folder in (repeated, another):
        _open(folder).close()
    assert _rows(repeated) == _rows(migrated)
    assert len({_marks(folder) for folder in (migrated, repeated, another)}) == 3


def test_the_history_is_one_line_without_forks() -> None:
    history = list(ScriptDirectory.from_config(_history()).walk_revisions())
    assert (history[0].revision, history[-1].revision) == (REVISION, "0001")
    assert all(isinstance(step.down_revision, str) for step in history[:-1])


def test_a_database_of_a_newer_release_is_left_alone_with_one_sentence(tmp_path: Path) -> None:
    _open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "face_server.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = _schema(tmp_path)
    with pytest.raises(StorageError, match="newer Face Server"):
        _open(tmp_path)
    assert _schema(tmp_path) == before


@pytest.mark.parametrize("content", [b"this is no database at all " * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_told_of_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "face_server.db").write_bytes(content)
    with pytest.raises(StorageError, match="The database cannot be used"):
        _open(tmp_path)


def test_a_folder_with_an_odd_name_holds_a_database_like_any_other(tmp_path: Path) -> None:
    folder = tmp_path / "a b?c#d%e&f=ü"
    folder.mkdir()
    _open(folder).close()
    assert (folder / "face_server.db").stat().st_size > 0


def _schema(folder: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(folder / "face_server.db")) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def _rows(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "face_server.db")) as connection:
        return [line for line in connection.iterdump() if "gallery_changes" not in line or "CREATE" in line]


def _marks(folder: Path) -> tuple[str, ...]:
    with closing(sqlite3.connect(folder / "face_server.db")) as connection:
        return tuple(mark for (mark,) in connection.execute("SELECT mark FROM gallery_changes"))


def test_a_denied_look_from_before_is_led_back_to_the_sighting_that_it_was_seen_in(tmp_path: Path) -> None:
    with _connection(tmp_path) as connection:
        with connection.begin():
            command.upgrade(_history(connection), "notifications_4")
        with connection.begin():
            connection.exec_driver_sql("INSERT INTO people (person_id, created_at) VALUES ('alice', '2026-11-22')")
            for place, look in enumerate((b"\x01", b"\x02")):
                connection.exec_driver_sql(
                    "INSERT INTO negatives VALUES (?, 'alice', 'model', ?, '2026-11-22 12:00:00.000000')",
                    (f"negative {place}", look),
                )
            connection.exec_driver_sql(
                "INSERT INTO sightings (sighting_id, camera_id, camera_nickname, threshold, started_at, last_seen_at, "
                "looks, box_x, box_y, box_width, box_height, model, embedding) VALUES "
                "('seen', 'c', 'c', 0.5, '2026-11-22', '2026-11-22', 1, 0, 0, 1, 1, 'model', x'01')"
            )
    _open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "face_server.db")) as connection:
        found = connection.execute("SELECT negative_id, sighting_id FROM negatives ORDER BY negative_id").fetchall()
    assert found == [("negative 0", "seen"), ("negative 1", None)]
