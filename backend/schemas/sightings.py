"""Sightings on the wire."""

from pydantic import AwareDatetime, BaseModel, Field

from backend.schemas.persons import BoxReply


class SightingReply(BaseModel):
    """One person, or one unknown, at one camera, from–until."""

    sighting_id: str
    camera_id: str
    camera_nickname: str
    person_id: str | None = Field(description="None for somebody unknown.")
    display_name: str | None = Field(
        description="What messages call them: their id where nothing else is set; None for somebody unknown."
    )
    similarity: float | None
    threshold: float
    started_at: AwareDatetime
    last_seen_at: AwareDatetime
    ended_at: AwareDatetime | None = Field(description="None while the person is still in the picture.")
    looks: int
    picture: str | None = Field(description="The path of its picture in this API; None where there is none.")
    face_box: BoxReply = Field(description="Where the face is in that picture.")
    face: str | None = Field(description="The path of the face alone, cut from that picture; None where there is none.")


class SightingList(BaseModel):
    """Sightings, newest first."""

    sightings: list[SightingReply]
    next_cursor: str | None = Field(description="Send it back as `cursor` for the next page; None on the last.")
