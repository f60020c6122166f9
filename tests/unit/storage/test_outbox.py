"""The outbox tells each sighting to each channel once, and goes with its sighting."""

from datetime import timedelta

from sqlalchemy import delete, func, select

from backend.domain.notification import DeliveryState
from backend.storage import outbox, sightings
from backend.storage.database import Database
from backend.storage.tables import deliveries
from backend.storage.tables import sightings as sightings_table
from tests.unit.notifications.situations import NOON, a_look, a_sighting

RULES = ("front",)


def _sighted(database: Database, *channel_ids: str) -> str:
    sighting = a_sighting()
    with database.write() as tx:
        sightings.add(tx, sighting, a_look())
        for channel_id in channel_ids:
            outbox.add(tx, sighting.sighting_id, channel_id, RULES)
    return sighting.sighting_id


def _count(database: Database) -> int:
    with database.read() as tx:
        return tx.connection.scalars(select(func.count()).select_from(deliveries)).one()


def test_a_channel_is_told_of_a_sighting_once_however_often_it_is_asked(database: Database) -> None:
    sighting_id = _sighted(database, "phone", "phone", "tablet")
    with database.write() as tx:
        outbox.add(tx, sighting_id, "phone", RULES)
    assert _count(database) == 2


def test_a_channel_that_was_told_is_not_told_again(database: Database) -> None:
    sighting_id = _sighted(database, "phone")
    with database.write() as tx:
        (head,) = outbox.heads(tx)
        outbox.delivered(tx, head.delivery_id, None, None, NOON)
    with database.write() as tx:
        outbox.add(tx, sighting_id, "phone", RULES)
        assert outbox.heads(tx) == []
    assert _count(database) == 1


def test_each_channel_has_its_oldest_message_at_its_head(database: Database) -> None:
    first = _sighted(database, "phone", "tablet")
    second = _sighted(database, "phone")
    with database.write() as tx:
        heads = {head.channel_id: head for head in outbox.heads(tx)}
        assert {channel: head.sighting_id for channel, head in heads.items()} == {"phone": first, "tablet": first}
        outbox.failed(tx, heads["phone"].delivery_id, "no")
        outbox.delivered(tx, heads["tablet"].delivery_id, None, None, NOON)
    with database.read() as tx:
        assert [(head.channel_id, head.sighting_id) for head in outbox.heads(tx)] == [("phone", second)]


def test_a_delayed_message_keeps_its_place_and_says_why_and_when(database: Database) -> None:
    _sighted(database, "phone")
    later = NOON + timedelta(seconds=30)
    with database.write() as tx:
        outbox.delayed(tx, outbox.heads(tx)[0].delivery_id, "too many requests", later)
        (head,) = outbox.heads(tx)
    assert (head.state, head.attempts, head.last_error) == (DeliveryState.PENDING, 1, "too many requests")
    assert head.next_attempt_at == later


def test_messages_go_with_their_sighting(database: Database) -> None:
    _sighted(database, "phone", "tablet")
    with database.write() as tx:
        tx.execute(delete(sightings_table))
    assert _count(database) == 0


def test_a_sighting_and_its_messages_are_written_together_or_not_at_all(database: Database) -> None:
    try:
        with database.write() as tx:
            sighting = a_sighting()
            sightings.add(tx, sighting, a_look())
            outbox.add(tx, sighting.sighting_id, "phone", RULES)
            raise InterruptedError
    except InterruptedError:
        assert _count(database) == 0
    with database.read() as tx:
        assert sightings.find(tx, sighting.sighting_id) is None
