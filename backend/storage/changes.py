"""Whose templates changed and when, so that an index made earlier can be brought up to date."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from backend.storage.database import Transaction
from backend.storage.ids import new_id
from backend.storage.tables import gallery_changes, gallery_generation

KEPT = 100_000
"""How many changes are remembered; an index that is further behind is made anew."""


@dataclass(frozen=True, slots=True)
class State:
    """One state of the set of templates."""

    generation: int
    """How often the set had changed."""
    mark: str
    """Drawn for this state alone: after a backup was restored, another state may have the same number."""


def note(tx: Transaction, generation: int, changed: Collection[str] | None) -> None:
    """Remember whose templates the change that led to this generation touched; None where that is not known."""
    people = None if changed is None else json.dumps(sorted(changed), ensure_ascii=False)
    tx.execute(insert(gallery_changes).values(generation=generation, mark=new_id(), people=people))
    tx.execute(delete(gallery_changes).where(gallery_changes.c.generation <= generation - KEPT))


def state(tx: Transaction) -> State:
    """The state that the templates are in."""
    query = (
        select(gallery_generation.c.generation, gallery_changes.c.mark)
        .select_from(gallery_generation)
        .join(gallery_changes, gallery_changes.c.generation == gallery_generation.c.generation, isouter=True)
    )
    row = tx.execute(query).one()
    return State(row.generation, row.mark or "")


def since(tx: Transaction, known: State) -> frozenset[str] | None:
    """Whose templates changed after that state; None where that cannot be told, or it never was a state of these."""
    query = (
        select(gallery_changes)
        .where(gallery_changes.c.generation >= known.generation)
        .order_by(gallery_changes.c.generation)
    )
    rows = list(tx.execute(query))
    if not rows or (rows[0].generation, rows[0].mark) != (known.generation, known.mark):
        return None
    # A gap is a change that was not noted.
    if rows[-1].generation != state(tx).generation or len(rows) != rows[-1].generation - known.generation + 1:
        return None
    if any(row.people is None for row in rows[1:]):
        return None
    return frozenset(person_id for row in rows[1:] for person_id in json.loads(row.people))
