"""Everything that is kept of people, row for row: what is taken elsewhere, and put back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from backend.domain.person import Person
from backend.storage import people as people_rows
from backend.storage.database import Transaction
from backend.storage.ids import new_id
from backend.storage.tables import crops, negatives, people, templates


@dataclass(frozen=True, slots=True)
class KeptTemplate:
    """A template as it is stored."""

    template_id: str
    model: str
    embedding: bytes
    """Little-endian float32."""
    quality: float
    source_name: str
    source_sha256: str
    created_at: datetime
    crop: bytes | None
    """PNG; None where it is not kept, or not wanted."""


@dataclass(frozen=True, slots=True)
class KeptNegative:
    """A look that is said not to be a person."""

    model: str
    embedding: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeptPerson:
    """A person with all that is known of them; their sightings are not."""

    person: Person
    templates: Sequence[KeptTemplate]
    negatives: Sequence[KeptNegative]


def whole(tx: Transaction, person: Person, *, with_crops: bool) -> KeptPerson:
    """All that is kept of a person, in the order it came."""
    query = select(templates, crops.c.png).join(crops, isouter=True).where(templates.c.person_id == person.person_id)
    kept = [
        KeptTemplate(
            row.template_id,
            row.model,
            row.embedding,
            row.quality,
            row.source_name,
            row.source_sha256,
            row.created_at,
            row.png if with_crops else None,
        )
        for row in tx.execute(query.order_by(templates.c.template_id))
    ]
    said = select(negatives).where(negatives.c.person_id == person.person_id).order_by(negatives.c.negative_id)
    return KeptPerson(
        person, kept, [KeptNegative(row.model, row.embedding, row.created_at) for row in tx.execute(said)]
    )


def put_back(tx: Transaction, kept: KeptPerson) -> int:
    """Keep a person who was kept elsewhere, and answer how many templates were new.

    Who is here already keeps their name, note and groups, and gets the templates of photos that they have not.
    """
    person = kept.person
    if not people_rows.exists(tx, person.person_id):
        tx.execute(insert(people).values(person_id=person.person_id, created_at=person.created_at))
        people_rows.describe(tx, person)
    of_theirs = templates.c.person_id == person.person_id
    known = {tuple(row) for row in tx.execute(select(templates.c.model, templates.c.source_sha256).where(of_theirs))}
    fresh = [template for template in kept.templates if (template.model, template.source_sha256) not in known]
    for template in fresh:
        _add(tx, person.person_id, template)
    _add_negatives(tx, person.person_id, kept.negatives)
    return len(fresh)


def _add(tx: Transaction, person_id: str, template: KeptTemplate) -> None:
    taken = tx.execute(select(templates.c.template_id).where(templates.c.template_id == template.template_id)).first()
    template_id = template.template_id if taken is None else new_id()
    tx.execute(
        insert(templates).values(
            template_id=template_id,
            person_id=person_id,
            model=template.model,
            embedding=template.embedding,
            quality=template.quality,
            source_name=template.source_name,
            source_sha256=template.source_sha256,
            created_at=template.created_at,
        )
    )
    if template.crop is not None:
        tx.execute(insert(crops).values(template_id=template_id, png=template.crop))


def _add_negatives(tx: Transaction, person_id: str, said: Sequence[KeptNegative]) -> None:
    theirs = negatives.c.person_id == person_id
    known = {tuple(row) for row in tx.execute(select(negatives.c.model, negatives.c.embedding).where(theirs))}
    for negative in said:
        if (negative.model, negative.embedding) not in known:
            tx.execute(
                insert(negatives).values(
                    negative_id=new_id(),
                    person_id=person_id,
                    model=negative.model,
                    embedding=negative.embedding,
                    created_at=negative.created_at,
                )
            )
