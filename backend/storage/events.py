"""What happened, numbered in order: written with what it tells of, read by who missed it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, insert, select

from backend.domain.sighting import EventKind
from backend.storage.database import Transaction
from backend.storage.tables import events

KEPT = 10_000
"""How many events are kept for who comes back: at one a second, nearly three hours."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    event_id: int
    """Higher for what happened later."""
    happened_at: datetime
    kind: EventKind
    sighting_id: str


def add(tx: Transaction, kind: EventKind, sighting_id: str) -> None:
    """Note what happens, and forget what is too old."""
    added = tx.execute(insert(events).values(happened_at=datetime.now(UTC), kind=kind, sighting_id=sighting_id))
    (newest,) = added.inserted_primary_key or (0,)
    tx.execute(delete(events).where(events.c.event_id <= newest - KEPT))


def after(tx: Transaction, event_id: int, limit: int) -> Sequence[Event]:
    """At most `limit` of the events that came after one, the oldest first."""
    query = select(events).where(events.c.event_id > event_id).order_by(events.c.event_id).limit(limit)
    return [Event(row.event_id, row.happened_at, EventKind(row.kind), row.sighting_id) for row in tx.execute(query)]


def bounds(tx: Transaction) -> tuple[int, int]:
    """The number of the oldest and of the newest event that is kept; 1 and 0 where there is none."""
    query = select(func.min(events.c.event_id).label("oldest"), func.max(events.c.event_id).label("newest"))
    row = tx.execute(query).one()
    return row.oldest or 1, row.newest or 0
