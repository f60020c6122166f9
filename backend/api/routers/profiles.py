"""What is known of one person beside their face: what to call them, a note, and their groups."""

from fastapi import APIRouter, Response

from backend.api.deps import ServicesDep
from backend.api.edits import CHANGED_RESPONSE, EditLockDep, IfMatch, tagged
from backend.api.errors import COMMON_RESPONSES
from backend.domain.person import Person, composed
from backend.schemas.profiles import Profile, ProfileChange

router = APIRouter(prefix="/persons", tags=["persons"], responses=COMMON_RESPONSES)


@router.get("/{person_id}")
def profile(services: ServicesDep, response: Response, person_id: str) -> Profile:
    """Answer what is known of a person."""
    reply = profile_reply(services.recognition.gallery.person(composed(person_id)))
    tagged(response, reply)
    return reply


@router.patch("/{person_id}", responses=CHANGED_RESPONSE)
def change_profile(
    services: ServicesDep,
    edits: EditLockDep,
    response: Response,
    person_id: str,
    change: ProfileChange,
    if_match: IfMatch = None,
) -> Profile:
    """Change a person's display name, note and groups; what is left out stays."""
    values = change.model_dump(exclude_unset=True)
    if "groups" in values:
        values["groups"] = tuple(sorted(set(values["groups"])))
    gallery, known_as = services.recognition.gallery, composed(person_id)
    with edits.held(if_match, lambda: profile_reply(gallery.person(known_as))):
        reply = profile_reply(gallery.describe(known_as, **values))
    tagged(response, reply)
    return reply


def profile_reply(person: Person) -> Profile:
    """What is known of a person, on the wire."""
    return Profile(
        person_id=person.person_id,
        embeddings=person.embeddings,
        display_name=person.display_name,
        note=person.note,
        groups=list(person.groups),
    )
