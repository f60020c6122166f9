"""Sightings in the database: pages, filters, and what a crash leaves open."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count

import numpy as np
import pytest

from backend.domain.sighting import Sighting, SightingFilter
from backend.storage import outbox, people, sightings
from backend.storage.database import Database
from tests.unit.notifications.situations import NOON, a_look, a_sighting

MINUTE = timedelta(minutes=1)
EVERYTHING = SightingFilter()


def _keep(database: Database, *kept: Sighting) -> Sequence[Sighting]:
    with database.write() as tx:
        for sighting in kept:
            sightings.add(tx, sighting, a_look())
    return kept


def _page(
    database: Database, wanted: SightingFilter = EVERYTHING, before: str | None = None, limit: int = 50
) -> list[Sighting]:
    with database.read() as tx:
        return list(sightings.page(tx, wanted, before, limit))


def test_a_sighting_comes_back_as_it_was(database: Database) -> None:
    (kept,) = _keep(database, a_sighting(ended_at=NOON + MINUTE, picture="2026-11-22/x-1.jpg"))
    assert _page(database) == [kept]
    with database.read() as tx:
        assert sightings.find(tx, kept.sighting_id) == kept
        assert sightings.find(tx, "another") is None


def test_a_stranger_keeps_a_template_to_be_named_by(database: Database) -> None:
    (stranger,) = _keep(database, a_sighting(None, similarity=None))
    with database.read() as tx:
        ((found, template),) = sightings.seen_since(tx, "front", NOON)
    assert (found, template.model) == (stranger, "model")
    assert np.array_equal(template.embedding, a_look().embedding)


def test_pages_are_newest_first_without_gaps_or_repeats(database: Database) -> None:
    kept = sorted(_keep(database, *(a_sighting() for _ in range(7))), key=lambda sighting: sighting.sighting_id)
    seen: list[Sighting] = []
    for expected in (3, 3, 1, 0):
        page = _page(database, before=seen[-1].sighting_id if seen else None, limit=3)
        assert len(page) == expected
        seen += page
    assert seen == kept[::-1]


def test_a_page_stays_where_it_was_when_somebody_new_passes(database: Database) -> None:
    first, second = sorted(_keep(database, a_sighting(), a_sighting()), key=lambda sighting: sighting.sighting_id)
    (top,) = _page(database, limit=1)
    _keep(database, a_sighting(sighting_id="7" + "Z" * 25))
    assert top == second
    assert _page(database, before=top.sighting_id) == [first]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (EVERYTHING, {"alice early", "alice late", "bob", "stranger", "back door"}),
        (SightingFilter(camera_id="back"), {"back door"}),
        (SightingFilter(person_id="alice"), {"alice early", "alice late", "back door"}),
        (SightingFilter(camera_id="front", person_id="alice"), {"alice early", "alice late"}),
        (SightingFilter(unknown_only=True), {"stranger"}),
        (SightingFilter(person_id="alice", unknown_only=True), set()),
        (SightingFilter(since=NOON + MINUTE), {"alice late", "bob"}),
        (SightingFilter(until=NOON + MINUTE), {"alice early", "stranger", "back door"}),
        (SightingFilter(since=NOON, until=NOON), set()),
        (SightingFilter(person_id="' OR 1=1 --"), set()),
    ],
)
def test_a_filter_narrows_to_what_it_names(database: Database, wanted: SightingFilter, expected: set[str]) -> None:
    _keep(
        database,
        a_sighting("alice", camera_nickname="alice early"),
        a_sighting("alice", camera_nickname="alice late", started_at=NOON + 2 * MINUTE),
        a_sighting("bob", camera_nickname="bob", started_at=NOON + MINUTE),
        a_sighting(None, camera_nickname="stranger"),
        a_sighting("alice", camera_nickname="back door", camera_id="back"),
    )
    assert {sighting.camera_nickname for sighting in _page(database, wanted)} == expected


def test_what_a_crash_left_open_is_ended_when_it_was_last_seen(database: Database) -> None:
    still_there, gone = _keep(
        database,
        a_sighting(last_seen_at=NOON + MINUTE),
        a_sighting("bob", last_seen_at=NOON + MINUTE, ended_at=NOON + 2 * MINUTE),
    )
    with database.write() as tx:
        assert sightings.close_open_ones(tx) == [still_there]
    with database.write() as tx:
        assert sightings.close_open_ones(tx) == []
        assert sightings.find(tx, still_there.sighting_id) == replace(still_there, ended_at=NOON + MINUTE)
        assert sightings.find(tx, gone.sighting_id) == gone


def test_who_was_here_lately_is_told_by_camera_the_latest_first(database: Database) -> None:
    early, late, elsewhere, before = _keep(
        database,
        a_sighting(last_seen_at=NOON),
        a_sighting(last_seen_at=NOON + MINUTE),
        a_sighting(last_seen_at=NOON + MINUTE, camera_id="back"),
        a_sighting(last_seen_at=NOON - MINUTE),
    )
    with database.read() as tx:
        seen = [sighting for sighting, _ in sightings.seen_since(tx, "front", NOON)]
    assert seen == [late, early]
    assert not {elsewhere, before} & set(seen)


def test_the_last_that_a_channel_was_told_of_each_person_and_camera(database: Database) -> None:
    ids = (f"01{number}" for number in count())

    def told(person_id: str | None, camera_id: str = "front", channel_id: str = "home") -> Sighting:
        (sighting,) = _keep(database, a_sighting(person_id, camera_id=camera_id, sighting_id=next(ids)))
        with database.write() as tx:
            outbox.add(tx, sighting.sighting_id, channel_id)
            (delivery,) = outbox.of_sighting(tx, sighting.sighting_id)
            outbox.delivered(tx, delivery.delivery_id, None, sighting, NOON)
        return sighting

    with database.write() as tx:
        people.add_many(tx, ["alice", "bob"])
    told("alice")
    bob = told("bob", "back")
    alice = told("alice")
    stranger = told(None)
    told("of old", "back")
    told("alice", channel_id="phone")
    (waits,) = _keep(database, a_sighting("bob", sighting_id=next(ids)))
    with database.write() as tx:
        outbox.add(tx, waits.sighting_id, "home")
        assert sightings.last_told(tx, "home") == [bob, alice, stranger]
        assert sightings.last_told(tx, "home", limit=2) == [alice, stranger]
        assert sightings.last_told(tx, "none") == []
