"""What is known of one person beside their face: what to call them, a note, and their groups."""

from fastapi import APIRouter

from backend.api.deps import ServicesDep
from backend.api.errors import COMMON_RESPONSES
from backend.domain.person import Person, composed
from backend.schemas.profiles import Profile, ProfileChange

router = APIRouter(prefix="/persons", tags=["persons"], responses=COMMON_RESPONSES)


@router.get("/{person_id}")
def profile(services: ServicesDep, person_id: str) -> Profile:
    """Answer what is known of a person."""
    return profile_reply(services.recognition.gallery.person(composed(person_id)))


@router.patch("/{person_id}")
def change_profile(services: ServicesDep, person_id: str, change: ProfileChange) -> Profile:
    """Change a person's display name, note and groups; what is left out stays."""
    values = change.model_dump(exclude_unset=True)
    if "groups" in values:
        values["groups"] = tuple(sorted(set(values["groups"])))
    return profile_reply(services.recognition.gallery.describe(composed(person_id), **values))


def profile_reply(person: Person) -> Profile:
    """What is known of a person, on the wire."""
    return Profile(
        person_id=person.person_id,
        embeddings=person.embeddings,
        display_name=person.display_name,
        note=person.note,
        groups=list(person.groups),
    )
