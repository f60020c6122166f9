"""The best looks of a sighting in the database: each refinement leaves what it would if all were written anew."""

from collections.abc import Sequence

import pytest
from sqlalchemy import text

from backend.domain.face import KeptLook
from backend.storage import sighting_looks, sightings
from backend.storage.database import Database
from backend.storage.sighting_looks import Stays
from tests.unit.notifications.situations import a_look, a_sighting

LETTERS = "abcde"


def _look(letter: str) -> KeptLook:
    return KeptLook(a_look(float(ord(letter) % 90)), 0.9, letter.encode())


def _arranged(former: str, wanted: str) -> list[KeptLook | Stays]:
    """Those of `wanted` as they come out of `former`: small letters stay, capital ones are new."""
    return [Stays(former.index(letter)) if letter in former else _look(letter) for letter in wanted]


def _begun(database: Database) -> str:
    """A sighting whose looks have letters for faces."""
    sighting = a_sighting(None)
    with database.write() as tx:
        sightings.add(tx, sighting, a_look())
        sighting_looks.keep(tx, sighting.sighting_id, [_look(letter) for letter in LETTERS])
    return sighting.sighting_id


def _kept(database: Database, sighting_id: str) -> Sequence[tuple[int, int, str]]:
    """Row, place and letter."""
    query = text("SELECT rowid, place, png FROM sighting_looks WHERE sighting_id = :of ORDER BY place")
    with database.read() as tx:
        return [(row.rowid, row.place, row.png.decode()) for row in tx.execute(query, {"of": sighting_id})]


REFINED = ["Xabcd", "abXcd", "abcdX", "XaYbZ", "bcde", "ace", "Xce", "cXeYZ", "VWXYZ", "X", "abcde", ""]


@pytest.mark.parametrize("wanted", REFINED)
def test_what_stays_is_moved_and_only_what_is_new_is_written(database: Database, wanted: str) -> None:
    sighting_id = _begun(database)
    before = {letter: row for row, _, letter in _kept(database, sighting_id)}
    with database.write() as tx:
        sighting_looks.keep(tx, sighting_id, _arranged(LETTERS, wanted))
    after = _kept(database, sighting_id)
    assert [(place, letter) for _, place, letter in after] == list(enumerate(wanted))
    for row, _, letter in after:
        assert row == before.get(letter, row), letter
