"""Everything of everybody as one archive."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import IO, Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from backend.api.deps import ServicesDep
from backend.api.errors import COMMON_RESPONSES
from backend.recognition.archive import write_archive

router = APIRouter(tags=["jobs"], responses=COMMON_RESPONSES)

_PIECE = 2**20


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}, "description": "An archive that an import takes"}},
)
def export_everything(
    services: ServicesDep,
    pictures: Annotated[bool, Query(description="Whether the aligned faces are in it.")] = True,
) -> StreamingResponse:
    """Answer all people with their templates as one archive, which `POST /v1/jobs/import` takes elsewhere."""
    # Written whole before it is sent: a slow reader keeps no transaction open.
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile(dir=services.settings.data_dir))
        write_archive(services.recognition.gallery, file, pictures=pictures)
        file.seek(0)
        # From here on the answer closes it.
        stack.pop_all()
    name = f"face-server-{datetime.now(UTC):%Y-%m-%d}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return StreamingResponse(_pieces(file), media_type="application/zip", headers=headers)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece
