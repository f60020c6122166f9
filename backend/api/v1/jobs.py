"""Jobs: whole archives of photos, and exports, taken in in the background."""

import tempfile
from typing import Annotated

from fastapi import APIRouter, File, Query, UploadFile

from backend.api.deps import ServicesDep
from backend.api.errors import COMMON_RESPONSES
from backend.api.idempotency import UNDERWAY_RESPONSE, IdempotentRoute
from backend.api.routers.sightings import Cursor, Limit
from backend.domain.errors import InvalidField
from backend.domain.job import Job
from backend.recognition.photo_trees import pack
from backend.schemas.jobs import ImportReport, JobList, JobReply
from backend.storage import jobs

router = APIRouter(
    prefix="/jobs", tags=["jobs"], route_class=IdempotentRoute, responses=COMMON_RESPONSES | UNDERWAY_RESPONSE
)


@router.post("/import", status_code=202)
def begin_import(
    services: ServicesDep,
    archive: Annotated[UploadFile | None, File(description="A zip archive of `NAME/photo.jpg`, or an export.")] = None,
    photos: Annotated[
        list[UploadFile] | None, File(description="In its place, photos whose file names are `NAME/photo.jpg`.")
    ] = None,
) -> JobReply:
    """Enrol a tree of photos in the background, the folder of each naming its person; or take in an export."""
    if (archive is None) == (not photos):
        raise InvalidField("archive", "Send either an archive, or photos whose file names are NAME/photo.jpg.")
    if archive is not None:
        return _reply(services.jobs.submit(archive.file))
    with tempfile.TemporaryFile(dir=services.settings.data_dir) as packed:
        pack(((photo.filename or "", photo.file) for photo in photos or ()), packed)
        packed.seek(0)
        return _reply(services.jobs.submit(packed))


@router.get("")
def list_jobs(services: ServicesDep, limit: Limit = 50, cursor: Cursor = None) -> JobList:
    """List the jobs, the newest first."""
    with services.recognition.database.read() as tx:
        found = jobs.page(tx, cursor, limit + 1)
    page = found[:limit]
    return JobList(jobs=[_reply(job) for job in page], next_cursor=page[-1].job_id if len(found) > limit else None)


@router.get("/{job_id}")
def show_job(
    services: ServicesDep,
    job_id: str,
    wait: Annotated[float, Query(ge=0, le=10, description="Seconds to wait for its end before answering.")] = 0,
) -> JobReply:
    """Answer how far a job is, and what came of it."""
    return _reply(services.jobs.ended(job_id, wait) if wait else services.jobs.job(job_id))


@router.post("/{job_id}/cancel", status_code=202)
def cancel_job(services: ServicesDep, job_id: str) -> JobReply:
    """Have a job end after the photo at hand; what it has done stays."""
    return _reply(services.jobs.cancel(job_id))


def _reply(job: Job) -> JobReply:
    return JobReply(
        job_id=job.job_id,
        kind=job.kind,
        state=job.state,
        created_at=job.created_at,
        ended_at=job.ended_at,
        report=ImportReport.model_validate_json(job.report),
    )
