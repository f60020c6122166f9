"""What is known of one person beside their face: what to call them, a note, and their groups."""

from dataclasses import replace

from fastapi import APIRouter

from backend.api.deps import ServicesDep
from backend.api.errors import COMMON_RESPONSES
from backend.domain.errors import PersonNotFound
from backend.domain.person import Person
from backend.schemas.profiles import Profile, ProfileChange
from backend.storage import people
from backend.storage.database import Transaction

router = APIRouter(prefix="/persons", tags=["persons"], responses=COMMON_RESPONSES)


@router.get("/{person_id}")
def profile(services: ServicesDep, person_id: str) -> Profile:
    """Answer what is known of a person."""
    with services.recognition.database.read() as tx:
        return _profile(_found(tx, person_id))


@router.patch("/{person_id}")
def change_profile(services: ServicesDep, person_id: str, change: ProfileChange) -> Profile:
    """Change a person's display name, note and groups; what is left out stays."""
    values = change.model_dump(exclude_unset=True)
    if "groups" in values:
        values["groups"] = tuple(sorted(set(values["groups"])))
    with services.recognition.database.write() as tx:
        changed = replace(_found(tx, person_id), **values)
        people.describe(tx, changed)
    return _profile(changed)


def _found(tx: Transaction, person_id: str) -> Person:
    found = next((person for person in people.all_with_counts(tx) if person.person_id == person_id), None)
    if found is None:
        raise PersonNotFound(person_id)
    return found


def _profile(person: Person) -> Profile:
    return Profile(
        person_id=person.person_id,
        embeddings=person.embeddings,
        display_name=person.display_name,
        note=person.note,
        groups=list(person.groups),
    )
