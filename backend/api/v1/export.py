"""Everything of everybody as one archive."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from backend.api.deps import ServicesDep
from backend.api.errors import COMMON_RESPONSES
from backend.recognition.archive import write_archive

router = APIRouter(tags=["jobs"], responses=COMMON_RESPONSES)

_PIECE = 2**20


def _temporary_file(services: ServicesDep) -> Iterator[IO[bytes]]:
    # Closed once the answer is sent, or given up.
    with tempfile.TemporaryFile(dir=services.settings.data_dir) as file:
        yield file


TemporaryFile = Annotated[IO[bytes], Depends(_temporary_file)]


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}, "description": "An archive that an import takes"}},
)
def export_everything(
    services: ServicesDep,
    file: TemporaryFile,
    pictures: Annotated[bool, Query(description="Whether the aligned faces are in it.")] = True,
) -> StreamingResponse:
    """Answer all people with their templates as one archive, which `POST /v1/jobs/import` takes elsewhere."""
    # Written whole before it is sent: a slow reader keeps no transaction open.
    write_archive(services.recognition.gallery, file, pictures=pictures)
    file.seek(0)
    name = f"face-server-{datetime.now(UTC):%Y-%m-%d}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return StreamingResponse(_pieces(file), media_type="application/zip", headers=headers)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece
