"""Events on the wire."""

from pydantic import AwareDatetime, BaseModel, Field

from backend.domain.sighting import EventKind
from backend.schemas.sightings import SightingReply


class SightingEvent(BaseModel):
    """What happened to a sighting."""

    event: EventKind
    happened_at: AwareDatetime
    sighting: SightingReply = Field(description="As it is now.")


class MissedEvents(BaseModel):
    """Events were forgotten before they could be sent: list the sightings to see what there is."""

    oldest: int = Field(description="The id of the oldest event that is kept.")
