"""Messages that wait to be delivered, written in the same transaction as the sighting they tell of."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select, update

from backend.domain.clock import utc_now
from backend.domain.face import Template
from backend.domain.notification import Attempt, Delivery, DeliveryState
from backend.domain.sighting import Sighting
from backend.storage.database import Transaction
from backend.storage.embeddings import from_bytes
from backend.storage.ids import new_id
from backend.storage.tables import attempts, deliveries, firings, sightings


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """A message that its channel took: about whom, and when."""

    person_id: str | None
    template: Template
    delivered_at: datetime


def add(
    tx: Transaction, sighting_id: str, channel_id: str, rule_ids: Iterable[str] = (), now: datetime | None = None
) -> None:
    """Have a sighting told to a channel, at once, because these rules say so; each channel is told of it once.

    `now` is the present moment, for whoever has a clock of their own.
    """
    same = select(deliveries).where(deliveries.c.sighting_id == sighting_id, deliveries.c.channel_id == channel_id)
    known = tx.execute(same).first()
    delivery_id = new_id() if known is None else known.delivery_id
    if known is None:
        _add(tx, delivery_id, sighting_id, channel_id, now or utc_now())
    _add_firings(tx, delivery_id, rule_ids)


def _add(tx: Transaction, delivery_id: str, sighting_id: str, channel_id: str, now: datetime) -> None:
    tx.execute(
        insert(deliveries).values(
            delivery_id=delivery_id,
            sighting_id=sighting_id,
            channel_id=channel_id,
            state=DeliveryState.PENDING,
            attempts=0,
            created_at=now,
            next_attempt_at=now,
        )
    )


def _add_firings(tx: Transaction, delivery_id: str, rule_ids: Iterable[str]) -> None:
    known = set(tx.connection.scalars(select(firings.c.rule_id).where(firings.c.delivery_id == delivery_id)))
    for rule_id in dict.fromkeys(rule_ids):
        if rule_id not in known:
            tx.execute(insert(firings).values(delivery_id=delivery_id, rule_id=rule_id))


def heads(tx: Transaction) -> list[Delivery]:
    """The oldest waiting message of each channel, due or not: the one that goes before the channel's others."""
    oldest = (
        select(func.min(deliveries.c.delivery_id))
        .where(deliveries.c.state == DeliveryState.PENDING)
        .group_by(deliveries.c.channel_id)
    )
    query = select(deliveries).where(deliveries.c.delivery_id.in_(oldest)).order_by(deliveries.c.delivery_id)
    return [_delivery(row) for row in tx.execute(query)]


def waiting(tx: Transaction) -> dict[str, int]:
    """How many messages wait for each channel that any wait for."""
    query = (
        select(deliveries.c.channel_id, func.count().label("messages"))
        .where(deliveries.c.state == DeliveryState.PENDING)
        .group_by(deliveries.c.channel_id)
    )
    return {row.channel_id: row.messages for row in tx.execute(query)}


def put_together(tx: Transaction, channel_id: str, most: int) -> str:
    """Have a channel's oldest waiting messages, at most so many, told in one digest from now on; answers its id."""
    digest_id = new_id()
    oldest = (
        select(deliveries.c.delivery_id)
        .where(
            deliveries.c.state == DeliveryState.PENDING,
            deliveries.c.channel_id == channel_id,
            deliveries.c.digest_id.is_(None),
        )
        .order_by(deliveries.c.delivery_id)
        .limit(most)
    )
    chosen = list(tx.connection.scalars(oldest))
    tx.execute(update(deliveries).where(deliveries.c.delivery_id.in_(chosen)).values(digest_id=digest_id))
    return digest_id


def waiting_in_digest(tx: Transaction, digest_id: str) -> list[Delivery]:
    """The messages of a digest that are not told yet, the oldest first."""
    query = (
        select(deliveries)
        .where(deliveries.c.digest_id == digest_id, deliveries.c.state == DeliveryState.PENDING)
        .order_by(deliveries.c.delivery_id)
    )
    return [_delivery(row) for row in tx.execute(query)]


def outdated(tx: Transaction, since: datetime) -> list[Delivery]:
    """The oldest message of each channel, taken since a moment, that no longer shows its sighting as it is.

    A digest stays as it is: it tells what was so when it was sent.
    """
    current = _shown(sightings.c.person_id, sightings.c.picture)
    query = (
        select(deliveries)
        .join(sightings, sightings.c.sighting_id == deliveries.c.sighting_id)
        .where(
            deliveries.c.state == DeliveryState.DELIVERED,
            deliveries.c.created_at > since,
            deliveries.c.reference.is_not(None),
            deliveries.c.digest_id.is_(None),
            deliveries.c.shown != current,
        )
        .order_by(deliveries.c.delivery_id)
    )
    first: dict[str, Delivery] = {}
    for row in tx.execute(query):
        first.setdefault(row.channel_id, _delivery(row))
    return list(first.values())


def delivered(
    tx: Transaction, delivery_id: str, reference: str | None, told: Sighting | None, moment: datetime
) -> None:
    """Record when the channel took the message, by what it knows it, and which state of the sighting it shows."""
    shown = None if told is None else _shown_of(told)
    _record(
        tx,
        delivery_id,
        state=DeliveryState.DELIVERED,
        last_error=None,
        reference=reference,
        shown=shown,
        delivered_at=moment,
    )


def withheld(tx: Transaction, delivery_id: str, reason: str) -> None:
    """Record that the message is not sent after all."""
    query = update(deliveries).where(deliveries.c.delivery_id == delivery_id)
    tx.execute(query.values(state=DeliveryState.WITHHELD, last_error=reason))


def edited(tx: Transaction, delivery_id: str, told: Sighting, next_at: datetime) -> None:
    """Record which state of the sighting a message shows now, and when it may be changed again."""
    query = update(deliveries).where(deliveries.c.delivery_id == delivery_id)
    tx.execute(query.values(shown=_shown_of(told), next_attempt_at=next_at))


def edit_refused(tx: Transaction, delivery_id: str) -> None:
    """Record that a message stays as it is, until its sighting changes again; it can be answered still."""
    current = select(_shown(sightings.c.person_id, sightings.c.picture)).where(
        sightings.c.sighting_id == deliveries.c.sighting_id
    )
    query = update(deliveries).where(deliveries.c.delivery_id == delivery_id)
    tx.execute(query.values(shown=current.scalar_subquery()))


def edit_delayed(tx: Transaction, delivery_id: str, next_at: datetime) -> None:
    """Record when changing a message is to be tried again."""
    tx.execute(update(deliveries).where(deliveries.c.delivery_id == delivery_id).values(next_attempt_at=next_at))


def sighting_of(tx: Transaction, channel_ids: Iterable[str], reference: str) -> str | None:
    """Which sighting the message tells of that these channels know by that reference."""
    query = select(deliveries.c.sighting_id).where(
        deliveries.c.channel_id.in_(list(channel_ids)), deliveries.c.reference == reference
    )
    return tx.connection.scalars(query).first()


def _shown(person_id: ColumnElement[str | None], picture: ColumnElement[str | None]) -> ColumnElement[str]:
    return func.coalesce(person_id, "").concat("|").concat(func.coalesce(picture, ""))


def _shown_of(told: Sighting) -> str:
    return f"{told.person_id or ''}|{told.picture or ''}"


def delayed(tx: Transaction, delivery_id: str, reason: str, next_attempt_at: datetime) -> None:
    """Record an attempt that failed, and when the next is due."""
    _record(tx, delivery_id, last_error=reason, next_attempt_at=next_attempt_at)


def failed(tx: Transaction, delivery_id: str, reason: str) -> None:
    """Record that the message will never be taken."""
    _record(tx, delivery_id, state=DeliveryState.FAILED, last_error=reason)


def note_attempt(tx: Transaction, attempt: Attempt) -> None:
    """Keep what came of one attempt."""
    tx.execute(
        insert(attempts).values(
            attempt_id=new_id(),
            delivery_id=attempt.delivery_id,
            began_at=attempt.began_at,
            ended_at=attempt.ended_at,
            outcome=attempt.outcome,
            answer=attempt.answer,
        )
    )


def attempts_of(tx: Transaction, delivery_ids: Iterable[str]) -> list[Attempt]:
    """Every attempt at these deliveries, the oldest first."""
    query = select(attempts).where(attempts.c.delivery_id.in_(list(delivery_ids))).order_by(attempts.c.attempt_id)
    return [Attempt(row.delivery_id, row.began_at, row.ended_at, row.outcome, row.answer) for row in tx.execute(query)]


def backlog(tx: Transaction) -> tuple[int, datetime | None]:
    """How many messages wait, and since when the oldest does; None where none waits."""
    pending = deliveries.c.state == DeliveryState.PENDING
    columns = func.count(deliveries.c.delivery_id).label("number"), func.min(deliveries.c.created_at).label("oldest")
    row = tx.execute(select(*columns).where(pending)).one()
    return row.number, row.oldest


def attempts_by_outcome(tx: Transaction) -> dict[str, int]:
    """How many attempts at deliveries there were, by what came of them."""
    number = func.count(attempts.c.attempt_id).label("number")
    query = select(attempts.c.outcome, number).group_by(attempts.c.outcome)
    return {row.outcome: row.number for row in tx.execute(query)}


def find(tx: Transaction, delivery_id: str) -> Delivery | None:
    """A delivery, or None where there is none of that id."""
    row = tx.execute(select(deliveries).where(deliveries.c.delivery_id == delivery_id)).first()
    return None if row is None else _delivery(row)


def of_sighting(tx: Transaction, sighting_id: str) -> list[Delivery]:
    """Whom a sighting is or was told to, the oldest first."""
    return _listed(tx, [deliveries.c.sighting_id == sighting_id], None)[::-1]


def page(
    tx: Transaction, state: DeliveryState | None, channel_id: str | None, before: str | None, limit: int
) -> list[Delivery]:
    """At most `limit` deliveries, newest first, written before the one of id `before`."""
    conditions: list[ColumnElement[bool]] = []
    if state is not None:
        conditions.append(deliveries.c.state == state)
    if channel_id is not None:
        conditions.append(deliveries.c.channel_id == channel_id)
    if before is not None:
        conditions.append(deliveries.c.delivery_id < before)
    return _listed(tx, conditions, limit)


def send_again(tx: Transaction, delivery_id: str) -> None:
    """Have a message that was given up wait again, as if it were written now."""
    now = utc_now()
    values = {"state": DeliveryState.PENDING, "attempts": 0, "created_at": now, "next_attempt_at": now}
    query = update(deliveries).where(deliveries.c.delivery_id == delivery_id)
    tx.execute(query.values(**values, digest_id=None))


def rules_of(tx: Transaction, delivery_id: str) -> list[str]:
    """The ids of the rules that asked for a delivery."""
    query = select(firings.c.rule_id).where(firings.c.delivery_id == delivery_id).order_by(firings.c.rule_id)
    return list(tx.connection.scalars(query))


def was_given_up(tx: Transaction, delivery_id: str) -> bool:
    """Whether a message failed once, so that it waits because a person wants it sent."""
    failed_once = (attempts.c.delivery_id == delivery_id) & (attempts.c.outcome == DeliveryState.FAILED)
    return tx.execute(select(attempts.c.attempt_id).where(failed_once)).first() is not None


def sent_since(tx: Transaction, rule_id: str, moment: datetime, waiting: Delivery | None = None) -> list[Sent]:
    """Of whom a rule's messages told that a channel took since a moment.

    Where one is `waiting`: only messages that were written before it, about other sightings.
    """
    earlier = (
        []
        if waiting is None
        else [
            deliveries.c.delivery_id < waiting.delivery_id,
            deliveries.c.sighting_id != waiting.sighting_id,
        ]
    )
    query = (
        select(sightings.c.person_id, sightings.c.embedding, sightings.c.model, deliveries.c.delivered_at)
        .join(deliveries, deliveries.c.sighting_id == sightings.c.sighting_id)
        .join(firings, firings.c.delivery_id == deliveries.c.delivery_id)
        .where(
            firings.c.rule_id == rule_id,
            deliveries.c.delivered_at > moment,
            *earlier,
        )
    )
    return [
        Sent(row.person_id, Template(from_bytes(row.embedding), row.model), row.delivered_at)
        for row in tx.execute(query)
    ]


def _listed(tx: Transaction, conditions: list[ColumnElement[bool]], limit: int | None) -> list[Delivery]:
    query = select(deliveries).where(*conditions).order_by(deliveries.c.delivery_id.desc()).limit(limit)
    return [_delivery(row) for row in tx.execute(query)]


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
        reference=row.reference,
        digest_id=row.digest_id,
    )
