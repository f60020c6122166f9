"""Transactions: all or nothing, lasting, and safe beside each other."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from backend.domain.errors import FaceServerError, StorageError
from backend.storage import people, templates
from backend.storage.database import Database, sqlite_url
from backend.storage.secret_box import SecretBox
from backend.storage.tables import people as people_table
from backend.storage.templates import NewTemplate
from tests.unit.notifications.situations import a_look

WRITERS, ROUNDS = 8, 5


class _Refusal(FaceServerError):
    """Raised in the middle of a transaction."""


def _ids(database: Database) -> list[str]:
    with database.read() as tx:
        return [person.person_id for person in people.all_with_counts(tx)]


@pytest.mark.parametrize("error", [_Refusal("no"), KeyError("x"), KeyboardInterrupt()])
def test_a_transaction_that_is_broken_off_leaves_nothing(database: Database, error: BaseException) -> None:
    with suppress(type(error)), database.write() as tx:
        people.add(tx, "alice")
        templates.add(tx, "alice", NewTemplate(a_look(), 1.0, "a.jpg", "hash"))
        raise error
    assert _ids(database) == []


def test_what_was_written_is_there_for_another_connection_at_once(database: Database, tmp_path: Path) -> None:
    with database.write() as tx:
        people.add(tx, "alice")
    with closing(sqlite3.connect(tmp_path / "face_server.db")) as other:
        assert other.execute("SELECT person_id FROM people").fetchall() == [("alice",)]


def test_a_reader_sees_nothing_of_a_change_that_is_not_finished(database: Database) -> None:
    with database.write() as tx:
        people.add(tx, "alice")
        assert _ids(database) == []
    assert _ids(database) == ["alice"]


def test_many_threads_write_at_once_and_every_write_lasts(database: Database) -> None:
    together = threading.Barrier(WRITERS)

    def write(number: int) -> None:
        together.wait()
        for turn in range(ROUNDS):
            with database.write() as tx:
                people.add(tx, f"person {number} {turn}")
                templates.advance_generation(tx)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    assert len(_ids(database)) == WRITERS * ROUNDS
    with database.read() as tx:
        assert templates.generation(tx) == WRITERS * ROUNDS


def test_the_database_is_set_to_lose_nothing(database: Database) -> None:
    with database.read() as tx:
        pragmas = {
            name: tx.connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize("hours", [-12, 0, 5.75, 14])
def test_a_moment_comes_back_as_the_same_moment_in_utc(database: Database, hours: float) -> None:
    moment = datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=hours)))
    with database.write() as tx:
        tx.execute(insert(people_table).values(person_id="alice", created_at=moment))
    with database.read() as tx:
        (alice,) = people.all_with_counts(tx)
    assert alice.created_at == moment
    assert alice.created_at.tzinfo is UTC


def test_a_moment_without_a_zone_cannot_be_stored(database: Database) -> None:
    naive = datetime(2026, 3, 29, 2, 30)  # noqa: DTZ001 — that is what is tried
    with pytest.raises(StorageError, match="without a zone"), database.write() as tx:
        tx.execute(insert(people_table).values(person_id="alice", created_at=naive))


def test_an_error_of_the_database_is_told_without_the_statement_and_what_it_held(database: Database) -> None:
    with database.write() as tx:
        people.add(tx, "alice")
    with pytest.raises(StorageError) as refused, database.write() as tx:
        people.add(tx, "alice")
    assert isinstance(refused.value.__cause__, IntegrityError)
    assert "alice" not in refused.value.message
    assert "INSERT" not in refused.value.message


def test_templates_go_with_their_person(database: Database) -> None:
    with database.write() as tx:
        people.add(tx, "alice")
        people.add(tx, "bob")
        for person_id in ("alice", "alice", "bob"):
            templates.add(tx, person_id, NewTemplate(a_look(), 1.0, "a.jpg", f"hash {templates.count(tx, person_id)}"))
    with database.write() as tx:
        people.remove(tx, "alice")
    with database.read() as tx:
        assert [owner for owner, _ in templates.all_of_model(tx, "model")] == ["bob"]
        assert tx.execute(select(people_table.c.person_id)).scalars().all() == ["bob"]


def test_a_template_without_its_person_cannot_be_stored(database: Database) -> None:
    with pytest.raises(StorageError, match="FOREIGN KEY"), database.write() as tx:
        templates.add(tx, "nobody", NewTemplate(a_look(), 1.0, "a.jpg", "hash"))


def test_the_same_photo_of_a_person_cannot_be_stored_twice_for_one_model(database: Database) -> None:
    with database.write() as tx:
        people.add(tx, "alice")
        templates.add(tx, "alice", NewTemplate(a_look(model="one"), 1.0, "a.jpg", "hash"))
        templates.add(tx, "alice", NewTemplate(a_look(model="two"), 1.0, "a.jpg", "hash"))
    with pytest.raises(StorageError, match="UNIQUE"), database.write() as tx:
        templates.add(tx, "alice", NewTemplate(a_look(model="one"), 1.0, "b.jpg", "hash"))


def test_an_embedding_comes_back_bit_by_bit(database: Database) -> None:
    kept = a_look(33.3)
    with database.write() as tx:
        people.add(tx, "alice")
        templates.add(tx, "alice", NewTemplate(kept, 1.0, "a.jpg", "hash"))
    with database.read() as tx:
        ((_, found),) = templates.all_of_model(tx, "model")
    assert found.embedding.tobytes() == kept.embedding.tobytes()
    assert found.embedding.dtype == kept.embedding.dtype


def test_a_database_that_cannot_be_made_is_told_of_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="unable to open database file"):
        Database.open(sqlite_url(tmp_path / "absent"), SecretBox("key"))
