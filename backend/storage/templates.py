"""The templates of the enrolled people."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, delete, func, insert, select, true, update

from backend.domain.face import Template
from backend.storage import changes
from backend.storage.database import Transaction
from backend.storage.embeddings import from_bytes, to_bytes
from backend.storage.ids import new_id
from backend.storage.tables import crops, gallery_generation, templates

_PORTION = 500


@dataclass(frozen=True, slots=True, eq=False)
class NewTemplate:
    """A template to be kept, and the photo it came from."""

    template: Template
    quality: float
    source_name: str
    """The photo's file name as it was sent."""
    source_sha256: str
    """The hash of the photo's bytes: the same photo is not enrolled twice."""
    crop: bytes | None = None
    """The aligned face, 112×112, as PNG: what another model can make its template of; None where it is not kept."""


@dataclass(frozen=True, slots=True)
class TemplateEntry:
    """What is listed of a template."""

    template_id: str
    person_id: str
    model: str
    quality: float
    source_name: str
    created_at: datetime
    has_crop: bool


def add(tx: Transaction, person_id: str, new: NewTemplate) -> str:
    """Keep a template of an enrolled person; answers its id."""
    (template_id,) = add_many(tx, [(person_id, new)])
    return template_id


def add_many(tx: Transaction, new: Iterable[tuple[str, NewTemplate]]) -> list[str]:
    """Keep templates of enrolled people; answers their ids."""
    entries = [(new_id(), person_id, template) for person_id, template in new]
    now = datetime.now(UTC)
    rows = [
        {
            "template_id": template_id,
            "person_id": person_id,
            "model": template.template.model,
            "embedding": to_bytes(template.template.embedding),
            "quality": template.quality,
            "source_name": template.source_name,
            "source_sha256": template.source_sha256,
            "created_at": now,
        }
        for template_id, person_id, template in entries
    ]
    kept = [
        {"template_id": template_id, "png": template.crop}
        for template_id, _, template in entries
        if template.crop is not None
    ]
    for table, values in ((templates, rows), (crops, kept)):
        if values:
            tx.execute(insert(table), values)
    return [template_id for template_id, _, _ in entries]


def of_person(tx: Transaction, person_id: str) -> list[TemplateEntry]:
    """A person's templates, in the order of enrolment."""
    return _entries(tx, templates.c.person_id == person_id)


def page(tx: Transaction, person_id: str | None, offset: int, limit: int) -> list[TemplateEntry]:
    """At most `limit` templates, of one person or of all, in the order of enrolment, without the first `offset`."""
    return _entries(tx, _of(person_id), offset, limit)


def template(tx: Transaction, template_id: str) -> Template:
    """The template of that id, which must exist."""
    query = select(templates.c.embedding, templates.c.model).where(templates.c.template_id == template_id)
    row = tx.execute(query).one()
    return Template(from_bytes(row.embedding), row.model)


def of_photo(tx: Transaction, person_id: str, model: str, source_sha256: str) -> str | None:
    """The id of a person's template of a model that came from a photo, or None."""
    query = select(templates.c.template_id).where(
        templates.c.person_id == person_id,
        templates.c.model == model,
        templates.c.source_sha256 == source_sha256,
    )
    found: str | None = tx.connection.scalars(query).first()
    return found


def remove_all(tx: Transaction, person_id: str | None) -> int:
    """Remove every template of a person, or of everybody; answers how many."""
    return tx.execute(delete(templates).where(_of(person_id))).rowcount


def find(tx: Transaction, template_id: str) -> TemplateEntry | None:
    """A template, or None where there is none of that id."""
    return next(iter(_entries(tx, templates.c.template_id == template_id)), None)


def crop(tx: Transaction, template_id: str) -> bytes | None:
    """The aligned face of a template as PNG, or None where it was not kept."""
    png: bytes | None = tx.connection.scalars(select(crops.c.png).where(crops.c.template_id == template_id)).first()
    return png


def remove(tx: Transaction, template_id: str) -> bool:
    """Remove a template; False where there is none of that id."""
    return tx.execute(delete(templates).where(templates.c.template_id == template_id)).rowcount > 0


def remove_learned(tx: Transaction, person_id: str, sources: Collection[str]) -> None:
    """Remove a person's templates that came from these sources, by their hashes."""
    tx.execute(delete(templates).where(_of(person_id), templates.c.source_sha256.in_(list(sources))))


def give(tx: Transaction, giver: str, taker: str) -> None:
    """Give all templates of one person to another, but for photos that the other has already."""
    theirs = templates.alias()
    known = select(theirs.c.source_sha256).where(theirs.c.person_id == taker, theirs.c.model == templates.c.model)
    mine = templates.c.person_id == giver
    tx.execute(delete(templates).where(mine, templates.c.source_sha256.in_(known)))
    tx.execute(update(templates).where(mine).values(person_id=taker))


def source_hashes(tx: Transaction, person_id: str, model: str) -> frozenset[str]:
    """The hashes of the photos that a person's templates of a model came from."""
    query = select(templates.c.source_sha256).where(templates.c.person_id == person_id, templates.c.model == model)
    return frozenset(tx.connection.scalars(query))


def count(tx: Transaction, person_id: str | None) -> int:
    """How many templates a person has, or everybody together."""
    query = select(func.count()).select_from(templates).where(_of(person_id))
    return tx.connection.scalars(query).one()


def all_of_model(tx: Transaction, model: str) -> Iterator[tuple[str, Template]]:
    """Every template of a model with the person it belongs to, in the order of enrolment."""
    query = (
        select(templates.c.person_id, templates.c.embedding)
        .where(templates.c.model == model)
        .order_by(templates.c.template_id)
    )
    for row in tx.execute(query):
        yield row.person_id, Template(from_bytes(row.embedding), model)


def of_people(tx: Transaction, people: Iterable[str], model: str) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The embeddings of some people with whose they are, in the order of enrolment for each."""
    wanted = sorted(people)
    # In portions: a database bounds how many values one statement may carry.
    for first in range(0, len(wanted), _PORTION):
        query = (
            select(templates.c.person_id, templates.c.embedding)
            .where(templates.c.person_id.in_(wanted[first : first + _PORTION]), templates.c.model == model)
            .order_by(templates.c.template_id)
        )
        for row in tx.execute(query):
            yield row.person_id, from_bytes(row.embedding)


def graded(tx: Transaction, model: str) -> Iterator[tuple[str, Template, float]]:
    """Every template of a model with its person and its quality, in the order of enrolment."""
    query = (
        select(templates.c.person_id, templates.c.embedding, templates.c.quality)
        .where(templates.c.model == model)
        .order_by(templates.c.template_id)
    )
    for row in tx.execute(query):
        yield row.person_id, Template(from_bytes(row.embedding), model), row.quality


def generation(tx: Transaction) -> int:
    """How often the set of templates has changed: an index built at another number is behind."""
    number: int = tx.connection.scalars(select(gallery_generation.c.generation)).one()
    return number


def advance_generation(tx: Transaction, changed: Collection[str] | None = None) -> int:
    """Count a change of the set of templates, of the people named or, without names, of anybody; the new number."""
    tx.execute(update(gallery_generation).values(generation=gallery_generation.c.generation + 1))
    number = generation(tx)
    changes.note(tx, number, changed)
    return number


def touch_generation(tx: Transaction) -> None:
    """Write that number as it is: whether that can be done shows whether anything can."""
    tx.execute(update(gallery_generation).values(generation=gallery_generation.c.generation))


def count_all(tx: Transaction) -> int:
    """How many templates there are, of every model."""
    return tx.connection.scalars(select(func.count()).select_from(templates)).one()


def _of(person_id: str | None) -> ColumnElement[bool]:
    return true() if person_id is None else templates.c.person_id == person_id


def _entries(
    tx: Transaction, condition: ColumnElement[bool], offset: int = 0, limit: int | None = None
) -> list[TemplateEntry]:
    query = (
        select(templates, crops.c.template_id.label("crop_of"))
        .join(crops, isouter=True)
        .where(condition)
        .order_by(templates.c.template_id)
        .offset(offset)
        .limit(limit)
    )
    return [
        TemplateEntry(
            template_id=row.template_id,
            person_id=row.person_id,
            model=row.model,
            quality=row.quality,
            source_name=row.source_name,
            created_at=row.created_at,
            has_crop=row.crop_of is not None,
        )
        for row in tx.execute(query)
    ]
