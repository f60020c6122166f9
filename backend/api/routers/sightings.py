"""Sightings and their pictures."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from backend.api.deps import ServicesDep
from backend.api.errors import COMMON_RESPONSES
from backend.api.replies import sighting_reply
from backend.domain.errors import SightingNotFound
from backend.domain.person import composed
from backend.domain.sighting import SightingFilter
from backend.schemas.moments import Moment
from backend.schemas.sightings import SightingList
from backend.storage import sightings

router = APIRouter(prefix="/sightings", tags=["sightings"], responses=COMMON_RESPONSES)

Cursor = Annotated[
    str | None, Query(pattern="^[0-9A-HJKMNP-TV-Z]{26}$", description="`next_cursor` of the page before.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="How many to answer at most.")]
Since = Annotated[Moment | None, Query(description="Begun at this moment or later (ISO 8601 with zone).")]
Until = Annotated[Moment | None, Query(description="Begun before this moment (ISO 8601 with zone).")]


@router.get("")
def list_sightings(
    services: ServicesDep,
    camera_id: Annotated[str | None, Query(description="Only those at this camera.")] = None,
    person_id: Annotated[str | None, Query(description="Only those of this person.")] = None,
    unknown: Annotated[bool, Query(description="Only those of strangers.")] = False,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> SightingList:
    """List sightings, newest first."""
    # A form that was left empty narrows nothing.
    wanted = SightingFilter(camera_id or None, composed(person_id or "") or None, unknown, since, until)
    with services.recognition.database.read() as tx:
        # One more than asked for tells whether there is a next page.
        found = sightings.page(tx, wanted, cursor, limit + 1)
    page = found[:limit]
    more = len(found) > limit
    return SightingList(
        sightings=[sighting_reply(sighting) for sighting in page],
        next_cursor=page[-1].sighting_id if more else None,
    )


@router.get("/{sighting_id}/picture", response_class=Response, responses={200: {"content": {"image/jpeg": {}}}})
def sighting_picture(services: ServicesDep, sighting_id: str) -> Response:
    """Answer the sighting's best picture as JPEG."""
    with services.recognition.database.read() as tx:
        sighting = sightings.find(tx, sighting_id)
    if sighting is None:
        raise SightingNotFound(f"There is no sighting '{sighting_id}'.", sighting_id=sighting_id)
    jpeg = services.snapshots.read(sighting.picture) if sighting.picture else None
    if jpeg is None:
        raise SightingNotFound("This sighting has no picture.", sighting_id=sighting_id)
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, no-cache"})
