"""The sightings, with the template that a stranger can be named by later."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, insert, or_, select, union, update

from backend.domain.face import Template
from backend.domain.geometry import Box
from backend.domain.notification import DeliveryState
from backend.domain.sighting import EventKind, Sighting, SightingFilter
from backend.storage import events
from backend.storage.database import Transaction
from backend.storage.embeddings import from_bytes, to_bytes
from backend.storage.tables import deliveries, people, sightings


def add(tx: Transaction, sighting: Sighting, template: Template) -> None:
    """Keep a new sighting with the average template of its looks so far."""
    tx.execute(insert(sightings).values(**_values(sighting, template)))
    events.add(tx, EventKind.BEGAN, sighting.sighting_id)
    if sighting.ended_at is not None:
        events.add(tx, EventKind.ENDED, sighting.sighting_id)


def change(tx: Transaction, sighting: Sighting, template: Template) -> None:
    """Replace what is known of a sighting, but for a name that a person has given it."""
    before = find(tx, sighting.sighting_id)
    query = update(sightings).where(sightings.c.sighting_id == sighting.sighting_id)
    values = _values(sighting, template)
    named = case((sightings.c.corrected, sightings.c.person_id), else_=sighting.person_id)
    tx.execute(query.values(**values | {"person_id": named}))
    _tell_change(tx, before)


def relabel(tx: Transaction, sighting_id: str, person_id: str | None) -> None:
    """Give a sighting the name that a person says; the camera's own opinion counts no more."""
    before = find(tx, sighting_id)
    query = update(sightings).where(sightings.c.sighting_id == sighting_id)
    tx.execute(query.values(person_id=person_id, corrected=True))
    _tell_change(tx, before)


def template(tx: Transaction, sighting_id: str) -> Template | None:
    """The average template of a sighting's looks, or None where there is no such sighting."""
    row = tx.execute(select(sightings).where(sightings.c.sighting_id == sighting_id)).first()
    return None if row is None else Template(from_bytes(row.embedding), row.model)


def close_open_ones(tx: Transaction) -> list[Sighting]:
    """End every sighting that a crash left open, when its person was last seen; answers what they were."""
    still_open = sightings.c.ended_at.is_(None)
    found = [_sighting(row) for row in tx.execute(select(sightings).where(still_open))]
    tx.execute(update(sightings).where(still_open).values(ended_at=sightings.c.last_seen_at))
    for sighting in found:
        events.add(tx, EventKind.ENDED, sighting.sighting_id)
    return found


def find(tx: Transaction, sighting_id: str) -> Sighting | None:
    """A sighting, or None where there is none of that id."""
    row = tx.execute(select(sightings).where(sightings.c.sighting_id == sighting_id)).first()
    return None if row is None else _sighting(row)


def seen_since(tx: Transaction, camera_id: str, moment: datetime) -> list[tuple[Sighting, Template]]:
    """A camera's sightings whose person was still there at that moment, newest first, with their templates."""
    query = (
        select(sightings)
        .where(sightings.c.camera_id == camera_id, sightings.c.last_seen_at >= moment)
        .order_by(sightings.c.last_seen_at.desc())
    )
    return [(_sighting(row), Template(from_bytes(row.embedding), row.model)) for row in tx.execute(query)]


def strangers(tx: Transaction, model: str) -> list[tuple[datetime, Template]]:
    """When each sighting of somebody unknown began, and its template of that model; the oldest first."""
    query = (
        select(sightings.c.started_at, sightings.c.embedding)
        .where(sightings.c.person_id.is_(None), sightings.c.model == model)
        .order_by(sightings.c.started_at)
    )
    return [(row.started_at, Template(from_bytes(row.embedding), model)) for row in tx.execute(query)]


def page(tx: Transaction, wanted: SightingFilter, before: str | None, limit: int) -> Sequence[Sighting]:
    """At most `limit` sightings, newest first, opened before the one of id `before`."""
    conditions = _conditions(wanted)
    if before is not None:
        conditions.append(sightings.c.sighting_id < before)
    query = select(sightings).where(*conditions).order_by(sightings.c.sighting_id.desc()).limit(limit)
    return [_sighting(row) for row in tx.execute(query)]


def last_told(tx: Transaction, channel_id: str, limit: int = 500) -> list[Sighting]:
    """Of what a channel was told the last sighting of each person and at each camera, the oldest first.

    The newest `limit` of these, and nothing of people who are enrolled no more.
    """
    told = (
        select(sightings.c.sighting_id, sightings.c.person_id, sightings.c.camera_id)
        .join(deliveries, deliveries.c.sighting_id == sightings.c.sighting_id)
        .where(
            deliveries.c.channel_id == channel_id,
            deliveries.c.state == DeliveryState.DELIVERED,
            or_(sightings.c.person_id.is_(None), sightings.c.person_id.in_(select(people.c.person_id))),
        )
        .subquery()
    )
    newest = func.max(told.c.sighting_id)
    of_people = select(newest).where(told.c.person_id.is_not(None)).group_by(told.c.person_id)
    chosen = sightings.c.sighting_id.in_(union(of_people, select(newest).group_by(told.c.camera_id)))
    query = select(sightings).where(chosen).order_by(sightings.c.sighting_id.desc()).limit(limit)
    return [_sighting(row) for row in tx.execute(query)][::-1]


def _tell_change(tx: Transaction, before: Sighting | None) -> None:
    now = None if before is None else find(tx, before.sighting_id)
    if before is None or now is None:
        return
    if now.person_id != before.person_id:
        events.add(tx, EventKind.NAMED, now.sighting_id)
    if now.ended_at is not None and before.ended_at is None:
        events.add(tx, EventKind.ENDED, now.sighting_id)


def _conditions(wanted: SightingFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.camera_id is not None:
        conditions.append(sightings.c.camera_id == wanted.camera_id)
    if wanted.person_id is not None:
        conditions.append(sightings.c.person_id == wanted.person_id)
    if wanted.unknown_only:
        conditions.append(sightings.c.person_id.is_(None))
    if wanted.since is not None:
        conditions.append(sightings.c.started_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(sightings.c.started_at < wanted.until)
    return conditions


def _values(sighting: Sighting, template: Template) -> dict[str, Any]:
    values = asdict(sighting)
    box = values.pop("face_box")
    values |= {f"box_{side}": length for side, length in box.items()}
    return values | {"model": template.model, "embedding": to_bytes(template.embedding)}


def _sighting(row: Row[Any]) -> Sighting:
    return Sighting(
        sighting_id=row.sighting_id,
        camera_id=row.camera_id,
        camera_nickname=row.camera_nickname,
        person_id=row.person_id,
        similarity=row.similarity,
        threshold=row.threshold,
        started_at=row.started_at,
        last_seen_at=row.last_seen_at,
        ended_at=row.ended_at,
        looks=row.looks,
        picture=row.picture,
        face_box=Box(row.box_x, row.box_y, row.box_width, row.box_height),
    )
