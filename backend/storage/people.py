"""The people who are enrolled."""

from datetime import UTC, datetime

from sqlalchemy import delete, func, insert, select

from backend.domain.person import Person
from backend.storage.database import Transaction
from backend.storage.tables import people, templates


def exists(tx: Transaction, person_id: str) -> bool:
    """Whether somebody of that id is enrolled."""
    return tx.execute(select(people.c.person_id).where(people.c.person_id == person_id)).first() is not None


def add(tx: Transaction, person_id: str) -> None:
    """Enrol somebody new, so far without a template."""
    tx.execute(insert(people).values(person_id=person_id, created_at=datetime.now(UTC)))


def remove(tx: Transaction, person_id: str) -> bool:
    """Remove somebody and all their templates; False where nobody of that id is enrolled."""
    return tx.execute(delete(people).where(people.c.person_id == person_id)).rowcount > 0


def all_with_counts(tx: Transaction) -> list[Person]:
    """Everybody with the number of their templates, sorted by id."""
    count = func.count(templates.c.template_id).label("embeddings")
    query = (
        select(people.c.person_id, count, people.c.created_at)
        .join(templates, isouter=True)
        .group_by(people.c.person_id, people.c.created_at)
        .order_by(people.c.person_id)
    )
    return [Person(row.person_id, row.embeddings, row.created_at) for row in tx.execute(query)]
