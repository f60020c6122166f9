"""What happens, as it happens: server-sent events, with those that a listener missed."""

from collections.abc import AsyncIterator
from typing import Annotated

import anyio
from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from backend.api.deps import ServicesDep, StoppingDep
from backend.api.errors import COMMON_RESPONSES
from backend.api.replies import sighting_reply
from backend.domain.sighting import Sighting
from backend.schemas.events import MissedEvents, SightingEvent
from backend.storage import events, people, sightings
from backend.storage.database import Database, Transaction

router = APIRouter(tags=["events"], responses=COMMON_RESPONSES)

SECONDS_BETWEEN_LOOKS = 0.5
"""The rows are asked and not the threads: another process may have written them."""
AT_ONCE = 100
COME_BACK_MS = 2000
MISSED = "missed"
MOST = 2**53

EventId = Annotated[int | None, Query(ge=0, le=MOST, description="As the header, for who cannot send it.")]


async def _last_seen(
    last_event_id: Annotated[int | None, Header(ge=0, le=MOST, description="The last event that was received.")] = None,
    last: EventId = None,
) -> int | None:
    return last if last_event_id is None else last_event_id


LastSeen = Annotated[int | None, Depends(_last_seen)]


@router.get("/events", response_class=EventSourceResponse)
async def follow_events(
    services: ServicesDep, stopping: StoppingDep, last_seen: LastSeen
) -> AsyncIterator[ServerSentEvent]:
    """Tell what happens to sightings from now on, or after `Last-Event-ID`, until the client hangs up."""
    database = services.recognition.database
    oldest, newest = await to_thread.run_sync(_bounds, database)
    seen = newest if last_seen is None else last_seen
    # With its place, so that who is told nothing before the line breaks comes back to where it began.
    yield ServerSentEvent(comment="listening", id=str(seen), retry=COME_BACK_MS)
    # A number that was never given is from another life of the database.
    if not oldest - 1 <= seen <= newest:
        seen = oldest - 1
        yield ServerSentEvent(data=MissedEvents(oldest=oldest), event=MISSED, id=str(seen))
    while not stopping.is_told:
        found = await to_thread.run_sync(_after, database, seen)
        for event_id, told in found:
            seen = event_id
            if told is not None:
                yield ServerSentEvent(data=told, event=told.event, id=str(event_id))
        if len(found) < AT_ONCE:
            await anyio.sleep(SECONDS_BETWEEN_LOOKS)


def _bounds(database: Database) -> tuple[int, int]:
    with database.read() as tx:
        return events.bounds(tx)


def _after(database: Database, seen: int) -> list[tuple[int, SightingEvent | None]]:
    """The next events; None in the place of one whose sighting is gone."""
    with database.read() as tx:
        return [
            (event.event_id, _told(tx, event, sightings.find(tx, event.sighting_id)))
            for event in events.after(tx, seen, AT_ONCE)
        ]


def _told(tx: Transaction, event: events.Event, sighting: Sighting | None) -> SightingEvent | None:
    if sighting is None:
        return None
    names = people.display_names(tx, (sighting.person_id,))
    return SightingEvent(event=event.kind, happened_at=event.happened_at, sighting=sighting_reply(sighting, names))
