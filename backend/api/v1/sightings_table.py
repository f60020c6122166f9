"""Sightings as a table, for spreadsheets."""

import csv
import io
from collections.abc import Iterator, Sequence

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from backend.api.deps import ServicesDep
from backend.api.errors import COMMON_RESPONSES
from backend.api.routers.sightings import Wanted
from backend.domain.sighting import Sighting, SightingFilter
from backend.storage import sightings
from backend.storage.database import Database

router = APIRouter(tags=["sightings"], responses=COMMON_RESPONSES)

COLUMNS = (
    "sighting_id",
    "camera_id",
    "camera_nickname",
    "person_id",
    "similarity",
    "threshold",
    "started_at",
    "last_seen_at",
    "ended_at",
    "looks",
)
ROWS_AT_ONCE = 500
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


@router.get(
    "/sightings.csv",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}, "description": "A row a sighting, newest first"}},
)
def sightings_table(services: ServicesDep, wanted: Wanted) -> StreamingResponse:
    """Answer all sightings as CSV, newest first."""
    headers = {"Content-Disposition": 'attachment; filename="sightings.csv"', "Cache-Control": "private, no-store"}
    rows = _table(services.recognition.database, wanted)
    return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=headers)


def _table(database: Database, wanted: SightingFilter) -> Iterator[str]:
    """The table in pieces, each read by itself: a slow reader holds up nobody."""
    yield _lines([COLUMNS])
    before: str | None = None
    while True:
        with database.read() as tx:
            page = sightings.page(tx, wanted, before, ROWS_AT_ONCE)
        if not page:
            return
        yield _lines([_row(sighting) for sighting in page])
        before = page[-1].sighting_id


def _row(sighting: Sighting) -> list[str]:
    ended = sighting.ended_at.isoformat() if sighting.ended_at else ""
    return [
        sighting.sighting_id,
        _harmless(sighting.camera_id),
        _harmless(sighting.camera_nickname),
        _harmless(sighting.person_id or ""),
        "" if sighting.similarity is None else f"{sighting.similarity:.4f}",
        f"{sighting.threshold:.4f}",
        sighting.started_at.isoformat(),
        sighting.last_seen_at.isoformat(),
        ended,
        str(sighting.looks),
    ]


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _lines(rows: Sequence[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()
