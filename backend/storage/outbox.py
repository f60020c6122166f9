"""Messages that wait to be delivered, written in the same transaction as the sighting they tell of."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from backend.domain.face import Template
from backend.domain.notification import Delivery, DeliveryState
from backend.storage.database import Transaction
from backend.storage.embeddings import from_bytes
from backend.storage.ids import new_id
from backend.storage.tables import deliveries, sightings


def add(tx: Transaction, sighting_id: str, channel_id: str) -> None:
    """Have a sighting told to a channel, at once; a channel is told of each sighting once."""
    same = select(deliveries).where(deliveries.c.sighting_id == sighting_id, deliveries.c.channel_id == channel_id)
    if tx.execute(same).first() is not None:
        return
    now = datetime.now(UTC)
    tx.execute(
        insert(deliveries).values(
            delivery_id=new_id(),
            sighting_id=sighting_id,
            channel_id=channel_id,
            state=DeliveryState.PENDING,
            attempts=0,
            created_at=now,
            next_attempt_at=now,
        )
    )


def heads(tx: Transaction) -> list[Delivery]:
    """The oldest waiting message of each channel, due or not: the one that goes before the channel's others."""
    oldest = (
        select(func.min(deliveries.c.delivery_id))
        .where(deliveries.c.state == DeliveryState.PENDING)
        .group_by(deliveries.c.channel_id)
    )
    query = select(deliveries).where(deliveries.c.delivery_id.in_(oldest)).order_by(deliveries.c.delivery_id)
    return [_delivery(row) for row in tx.execute(query)]


def delivered(tx: Transaction, delivery_id: str) -> None:
    """Record that the channel took the message."""
    _record(tx, delivery_id, state=DeliveryState.DELIVERED, last_error=None)


def delayed(tx: Transaction, delivery_id: str, reason: str, next_attempt_at: datetime) -> None:
    """Record an attempt that failed, and when the next is due."""
    _record(tx, delivery_id, last_error=reason, next_attempt_at=next_attempt_at)


def failed(tx: Transaction, delivery_id: str, reason: str) -> None:
    """Record that the message will never be taken."""
    _record(tx, delivery_id, state=DeliveryState.FAILED, last_error=reason)


def told_since(tx: Transaction, camera_id: str, moment: datetime) -> list[tuple[str | None, Template]]:
    """Of whom a camera has sent messages since that moment: the person (None for a stranger) and their template."""
    query = (
        select(sightings.c.person_id, sightings.c.embedding, sightings.c.model)
        .join(deliveries)
        .where(
            sightings.c.camera_id == camera_id,
            deliveries.c.created_at > moment,
            deliveries.c.state != DeliveryState.FAILED,
        )
    )
    return [(row.person_id, Template(from_bytes(row.embedding), row.model)) for row in tx.execute(query)]


def _record(tx: Transaction, delivery_id: str, **values: Any) -> None:
    query = update(deliveries).where(deliveries.c.delivery_id == delivery_id)
    tx.execute(query.values(attempts=deliveries.c.attempts + 1, **values))


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        delivery_id=row.delivery_id,
        sighting_id=row.sighting_id,
        channel_id=row.channel_id,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        created_at=row.created_at,
        next_attempt_at=row.next_attempt_at,
        last_error=row.last_error,
    )
