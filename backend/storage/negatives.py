"""Looks that a person is said not to be."""

from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import insert, select

from backend.domain.face import Template
from backend.storage.database import Transaction
from backend.storage.embeddings import from_bytes, to_bytes
from backend.storage.ids import new_id
from backend.storage.tables import negatives


def add(tx: Transaction, person_id: str, look: Template) -> None:
    """Keep that a look is not an enrolled person."""
    tx.execute(
        insert(negatives).values(
            negative_id=new_id(),
            person_id=person_id,
            model=look.model,
            embedding=to_bytes(look.embedding),
            created_at=datetime.now(UTC),
        )
    )


def all_of_model(tx: Transaction, model: str) -> Iterator[tuple[str, Template]]:
    """Every look of a model with the person it is not."""
    query = select(negatives).where(negatives.c.model == model).order_by(negatives.c.negative_id)
    for row in tx.execute(query):
        yield row.person_id, Template(from_bytes(row.embedding), model)
