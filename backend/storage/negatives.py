"""Looks that a person is said not to be."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, insert, select

from backend.domain.face import Template
from backend.storage.database import Transaction
from backend.storage.embeddings import from_bytes, to_bytes
from backend.storage.ids import new_id
from backend.storage.tables import negatives


@dataclass(frozen=True, slots=True)
class Denial:
    """A look of another model that a person is said not to be, and the sighting where it was seen."""

    negative_id: str
    person_id: str
    sighting_id: str


def add(tx: Transaction, person_id: str, look: Template, sighting_id: str | None = None) -> None:
    """Keep that a look, of a sighting where that is known, is not an enrolled person."""
    tx.execute(
        insert(negatives).values(
            negative_id=new_id(),
            person_id=person_id,
            model=look.model,
            embedding=to_bytes(look.embedding),
            created_at=datetime.now(UTC),
            sighting_id=sighting_id,
        )
    )


def all_of_model(tx: Transaction, model: str) -> Iterator[tuple[str, Template]]:
    """Every look of a model with the person it is not."""
    query = select(negatives).where(negatives.c.model == model).order_by(negatives.c.negative_id)
    for row in tx.execute(query):
        yield row.person_id, Template(from_bytes(row.embedding), model)


def unlearnt(tx: Transaction, model: str) -> list[Denial]:
    """The denials of sightings that `model` knows no look of."""
    known = negatives.alias()
    theirs = (
        select(known.c.negative_id)
        .where(
            known.c.person_id == negatives.c.person_id,
            known.c.sighting_id == negatives.c.sighting_id,
            known.c.model == model,
        )
        .exists()
    )
    query = (
        select(negatives)
        .where(negatives.c.model != model, negatives.c.sighting_id.is_not(None), ~theirs)
        .order_by(negatives.c.negative_id)
    )
    return [Denial(row.negative_id, row.person_id, row.sighting_id) for row in tx.execute(query)]


def count(tx: Transaction, model: str) -> int:
    """How many looks of a model there are."""
    return tx.connection.scalars(select(func.count()).select_from(negatives).where(negatives.c.model == model)).one()


def learn(tx: Transaction, denial: Denial, look: Template) -> None:
    """Keep another model's look of a denial, if that has not been taken back meanwhile."""
    if tx.execute(select(negatives).where(negatives.c.negative_id == denial.negative_id)).first() is not None:
        add(tx, denial.person_id, look, denial.sighting_id)
