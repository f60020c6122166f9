"""The people who are enrolled."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, delete, func, insert, select, true, update

from backend.domain.person import Person
from backend.domain.rule import Who
from backend.storage.database import Transaction
from backend.storage.tables import mutes, negatives, people, person_groups, rules, sightings, templates


def exists(tx: Transaction, person_id: str) -> bool:
    """Whether somebody of that id is enrolled."""
    return tx.execute(select(people.c.person_id).where(people.c.person_id == person_id)).first() is not None


def add(tx: Transaction, person_id: str) -> None:
    """Enrol somebody new, so far without a template."""
    tx.execute(insert(people).values(person_id=person_id, created_at=datetime.now(UTC)))


def add_many(tx: Transaction, person_ids: Iterable[str]) -> None:
    """Enrol some who are new, so far without templates."""
    now = datetime.now(UTC)
    tx.execute(insert(people), [{"person_id": person_id, "created_at": now} for person_id in person_ids])


def remove(tx: Transaction, person_id: str) -> bool:
    """Remove somebody and all their templates; False where nobody of that id is enrolled."""
    return tx.execute(delete(people).where(people.c.person_id == person_id)).rowcount > 0


def remove_all(tx: Transaction) -> int:
    """Remove everybody and all templates; answers how many people."""
    return tx.execute(delete(people)).rowcount


def all_with_counts(tx: Transaction) -> list[Person]:
    """Everybody with the number of their templates, sorted by id."""
    return _people(tx, true())


def count(tx: Transaction) -> int:
    """How many people are enrolled."""
    return tx.connection.scalars(select(func.count()).select_from(people)).one()


def find(tx: Transaction, person_id: str) -> Person | None:
    """Somebody with the number of their templates, or None where nobody of that id is enrolled."""
    return next(iter(_people(tx, people.c.person_id == person_id)), None)


def rename(tx: Transaction, person_id: str, new_id: str) -> None:
    """Give somebody another id; whatever speaks of them follows."""
    old = people.c.person_id == person_id
    row = tx.execute(select(people).where(old)).one()
    # The new row first: what refers to the old one must have somewhere to go.
    tx.execute(insert(people).values({**row._asdict(), "person_id": new_id}))
    for table in (templates, person_groups):
        tx.execute(update(table).where(table.c.person_id == person_id).values(person_id=new_id))
    _speak_of(tx, person_id, new_id)
    tx.execute(delete(people).where(old))


def give(tx: Transaction, giver: Person, taker: Person) -> None:
    """Have all that speaks of one person speak of another, but for the templates; the other is in the groups of both.

    What the other is called and what is noted of them stays, where there is something.
    """
    _speak_of(tx, giver.person_id, taker.person_id)
    known = people.c.person_id == taker.person_id
    name, note = taker.display_name or giver.display_name, taker.note or giver.note
    tx.execute(update(people).where(known).values(display_name=name, note=note))
    _keep_groups(tx, taker.person_id, [group for group in giver.groups if group not in taker.groups])


def _speak_of(tx: Transaction, before: str, after: str) -> None:
    for table in (negatives, sightings, mutes):
        tx.execute(update(table).where(table.c.person_id == before).values(person_id=after))
    of_person = rules.c.who == Who.PERSON, rules.c.subject == before
    tx.execute(update(rules).where(*of_person).values(subject=after))


def describe(tx: Transaction, person: Person) -> None:
    """Replace somebody's display name, note and groups."""
    known = people.c.person_id == person.person_id
    tx.execute(update(people).where(known).values(display_name=person.display_name, note=person.note))
    tx.execute(delete(person_groups).where(person_groups.c.person_id == person.person_id))
    _keep_groups(tx, person.person_id, person.groups)


def groups_of(tx: Transaction, person_id: str) -> frozenset[str]:
    """The groups that somebody is in."""
    return frozenset(
        tx.connection.scalars(select(person_groups.c.group_name).where(person_groups.c.person_id == person_id))
    )


def display_name(tx: Transaction, person_id: str) -> str:
    """What messages call somebody: their display name, or their id where there is none."""
    return display_names(tx, (person_id,))[person_id]


def display_names(tx: Transaction, person_ids: Iterable[str | None]) -> dict[str, str]:
    """What messages call some people, by their ids; whoever is unknown (None) is left out."""
    known = {person_id for person_id in person_ids if person_id is not None}
    query = select(people.c.person_id, people.c.display_name).where(people.c.person_id.in_(known))
    named = {row.person_id: row.display_name for row in tx.execute(query)}
    return {person_id: named.get(person_id) or person_id for person_id in known}


def _people(tx: Transaction, condition: ColumnElement[bool]) -> list[Person]:
    count = func.count(templates.c.template_id).label("embeddings")
    query = (
        select(people, count)
        .join(templates, isouter=True)
        .where(condition)
        .group_by(*people.c)
        .order_by(people.c.person_id)
    )
    groups = _groups(tx)
    return [
        Person(
            row.person_id,
            row.embeddings,
            row.created_at,
            row.display_name,
            row.note,
            tuple(groups.get(row.person_id, ())),
        )
        for row in tx.execute(query)
    ]


def _keep_groups(tx: Transaction, person_id: str, groups: Iterable[str]) -> None:
    for group in dict.fromkeys(groups):
        tx.execute(insert(person_groups).values(person_id=person_id, group_name=group))


def _groups(tx: Transaction) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in tx.execute(select(person_groups).order_by(person_groups.c.group_name)):
        found.setdefault(row.person_id, []).append(row.group_name)
    return found
