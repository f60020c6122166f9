"""Sightings and their pictures."""

from pathlib import PurePosixPath
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response

from backend.api.deps import ServicesDep
from backend.api.errors import COMMON_RESPONSES
from backend.api.pictures import PICTURE_RESPONSES, picture_response
from backend.api.replies import sighting_reply
from backend.container.services import Services
from backend.domain.errors import SightingNotFound
from backend.domain.person import composed
from backend.domain.sighting import Sighting, SightingFilter
from backend.schemas.moments import Moment
from backend.schemas.sightings import SightingList
from backend.storage import people, sightings
from backend.vision.image import cut_out, decode, encode_jpeg

FACE_MARGIN = 0.4
"""So much of the face's size is shown on each side of it: hair and chin help people to know who it is."""

router = APIRouter(prefix="/sightings", tags=["sightings"], responses=COMMON_RESPONSES)

Cursor = Annotated[
    str | None, Query(pattern="^[0-9A-HJKMNP-TV-Z]{26}$", description="`next_cursor` of the page before.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="How many to answer at most.")]
Since = Annotated[Moment | None, Query(description="Begun at this moment or later (ISO 8601 with zone).")]
Until = Annotated[Moment | None, Query(description="Begun before this moment (ISO 8601 with zone).")]


async def _wanted(
    camera_id: Annotated[str | None, Query(description="Only those at this camera.")] = None,
    person_id: Annotated[str | None, Query(description="Only those of this person.")] = None,
    unknown: Annotated[bool, Query(description="Only those of strangers.")] = False,
    since: Since = None,
    until: Until = None,
) -> SightingFilter:
    # A form that was left empty narrows nothing.
    return SightingFilter(camera_id or None, composed(person_id or "") or None, unknown, since, until)


Wanted = Annotated[SightingFilter, Depends(_wanted)]


@router.get("")
def list_sightings(services: ServicesDep, wanted: Wanted, limit: Limit = 50, cursor: Cursor = None) -> SightingList:
    """List sightings, newest first."""
    with services.recognition.database.read() as tx:
        # One more than asked for tells whether there is a next page.
        found = sightings.page(tx, wanted, cursor, limit + 1)
        page = found[:limit]
        names = people.display_names(tx, (sighting.person_id for sighting in page))
    more = len(found) > limit
    return SightingList(
        sightings=[sighting_reply(sighting, names) for sighting in page],
        next_cursor=page[-1].sighting_id if more else None,
    )


@router.get(
    "/{sighting_id}/picture",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **PICTURE_RESPONSES},
)
def sighting_picture(services: ServicesDep, request: Request, sighting_id: str) -> Response:
    """Answer the sighting's best picture as JPEG."""
    _, key, jpeg = _kept(services, sighting_id)
    # A better picture has another key.
    return picture_response(request, jpeg, "image/jpeg", PurePosixPath(key).stem)


@router.get(
    "/{sighting_id}/face",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **PICTURE_RESPONSES},
)
def sighting_face(services: ServicesDep, request: Request, sighting_id: str) -> Response:
    """Answer the face alone, cut from the sighting's best picture, as JPEG."""
    sighting, key, jpeg = _kept(services, sighting_id)
    face = encode_jpeg(np.ascontiguousarray(cut_out(decode(jpeg), sighting.face_box, FACE_MARGIN)))
    return picture_response(request, face, "image/jpeg", f"{PurePosixPath(key).stem}-face")


def _kept(services: Services, sighting_id: str) -> tuple[Sighting, str, bytes]:
    """A sighting, its picture's key and its picture; raises SightingNotFound where either is missing."""
    with services.recognition.database.read() as tx:
        sighting = sightings.find(tx, sighting_id)
    if sighting is None:
        raise SightingNotFound(f"There is no sighting '{sighting_id}'.", sighting_id=sighting_id)
    jpeg = services.snapshots.read(sighting.picture) if sighting.picture else None
    if sighting.picture is None or jpeg is None:
        raise SightingNotFound("This sighting has no picture.", sighting_id=sighting_id)
    return sighting, sighting.picture, jpeg
