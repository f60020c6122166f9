"""The audit log grows with what it tells of, and in no other way."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from backend.domain.access import Actor, acting_as
from backend.domain.audit import Deed
from backend.domain.errors import StorageError
from backend.storage import audit, people
from backend.storage.database import DATABASE_FILE, Database
from backend.storage.tables import audit as rows


def noted(database: Database) -> list[tuple[str, str]]:
    with database.read() as tx:
        return [(entry.deed, entry.subject) for entry in audit.page(tx, None, 100)]


def test_an_entry_tells_who_did_what(database: Database) -> None:
    actor = Actor("nas", "K", "192.0.2.1", "request")
    with acting_as(actor), database.write() as tx:
        audit.note(tx, Deed.PERSON_ENROLLED, "alice", faces=2)
    with database.read() as tx:
        (entry,) = audit.page(tx, None, 10)
    assert (entry.actor, entry.deed, entry.subject, entry.facts) == (actor, "person.enrolled", "alice", {"faces": 2})


def test_what_nobody_asked_for_is_the_servers_own_doing(database: Database) -> None:
    with database.write() as tx:
        audit.note(tx, Deed.ARMING_CHANGED, "arming")
    with database.read() as tx:
        assert audit.page(tx, None, 10)[0].actor == Actor("server")


def test_what_is_undone_is_not_told(database: Database) -> None:
    def fail() -> None:
        with database.write() as tx:
            people.add(tx, "alice")
            audit.note(tx, Deed.PERSON_CREATED, "alice")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert noted(database) == []


@pytest.mark.parametrize("change", [rows.update().values(actor="nobody"), rows.delete()])
def test_an_entry_can_be_neither_changed_nor_deleted(database: Database, change: "object") -> None:
    with database.write() as tx:
        audit.note(tx, Deed.PERSON_CREATED, "alice")
    with pytest.raises(StorageError, match="can only grow"), database.write() as tx:
        tx.execute(change)  # type: ignore[arg-type]  # any statement
    assert noted(database) == [("person.created", "alice")]


def test_another_program_is_refused_as_well(database: Database, tmp_path: Path) -> None:
    with database.write() as tx:
        audit.note(tx, Deed.PERSON_CREATED, "alice")
    (file,) = tmp_path.rglob(DATABASE_FILE)
    with closing(sqlite3.connect(file)) as connection, pytest.raises(sqlite3.IntegrityError, match="can only grow"):
        connection.execute("DELETE FROM audit")


def test_entries_come_in_pages_newest_first(database: Database) -> None:
    for name in ("a", "b", "c"):
        with database.write() as tx:
            audit.note(tx, Deed.PERSON_CREATED, name)
    with database.read() as tx:
        first = audit.page(tx, None, 2)
        second = audit.page(tx, first[-1].audit_id, 2)
        others = audit.page(tx, None, 2, Deed.KEY_CREATED)
    assert {entry.subject for entry in (*first, *second)} == {"a", "b", "c"}
    assert (len(first), len(second), others) == (2, 1, [])
