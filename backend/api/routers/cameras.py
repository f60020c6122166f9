"""Cameras: schedule, list, check, show, remove."""

from collections.abc import Sequence
from email.utils import format_datetime
from typing import Annotated

from fastapi import APIRouter, Body, Response
from fastapi.responses import StreamingResponse

from backend.api.deps import ScheduleDep, ServicesDep, StoppingDep
from backend.api.errors import COMMON_RESPONSES
from backend.api.idempotency import UNDERWAY_RESPONSE, IdempotentRoute
from backend.api.live import MEDIA_TYPE, live_pictures
from backend.api.paging import PagingDep
from backend.api.replies import camera_reply, check_reply
from backend.cameras.schedule import CameraJob as Job
from backend.cameras.schedule import Schedule
from backend.domain.camera import Camera, CameraState
from backend.domain.errors import StreamTimeout
from backend.domain.geometry import Point, Region
from backend.schemas.cameras import (
    CameraCheck,
    CameraCheckReply,
    CameraJob,
    CameraJobs,
    CameraList,
    CameraRemoved,
    CameraReply,
)
from backend.vision.image import encode_jpeg

router = APIRouter(
    prefix="/cameras", tags=["cameras"], route_class=IdempotentRoute, responses=COMMON_RESPONSES | UNDERWAY_RESPONSE
)

Jobs = Annotated[CameraJobs, Body(description="One camera, or up to 100; all are taken or none.")]


@router.post("/schedule")
def schedule_cameras(schedule: ScheduleDep, jobs: Jobs) -> CameraList:
    """Watch one or more cameras from now on, also after a restart."""
    wanted = jobs if isinstance(jobs, list) else [jobs]
    added = schedule.add([_job(job) for job in wanted])
    # In the order they were sent.
    return CameraList(cameras=_replies(schedule, added), total=len(added))


@router.get("")
def list_cameras(schedule: ScheduleDep, paging: PagingDep) -> CameraList:
    """List the cameras and how each is doing, sorted by nickname."""
    cameras = schedule.cameras()
    page, cursor = paging.page(cameras, lambda camera: (camera.nickname, camera.camera_id))
    return CameraList(cameras=_replies(schedule, page), total=len(cameras), next_cursor=cursor)


@router.post("/check")
def check_camera(services: ServicesDep, check: CameraCheck) -> CameraCheckReply:
    """Examine a link without watching it: which step fails, or what it sends and costs here; takes 15 s at most."""
    return check_reply(services.doctor.examine(check.rtsp_link))


@router.get("/{camera_id}/snapshot", response_class=Response, responses={200: {"content": {"image/jpeg": {}}}})
def camera_snapshot(schedule: ScheduleDep, camera_id: str) -> Response:
    """Answer what the camera sees now as JPEG; 503 while it sees nothing."""
    shown, status = schedule.view(camera_id).newest, schedule.status(camera_id)
    if shown is None or status.state is not CameraState.STREAMING:
        raise StreamTimeout(f"The camera shows nothing now. {status.last_error or 'It is being connected to.'}")
    taken = format_datetime(shown.frame.taken_at, usegmt=True)
    headers = {"Cache-Control": "private, no-store", "Last-Modified": taken}
    return Response(encode_jpeg(shown.frame.rgb()), media_type="image/jpeg", headers=headers)


@router.get("/{camera_id}/live", response_class=StreamingResponse, responses={200: {"content": {MEDIA_TYPE: {}}}})
async def camera_live(schedule: ScheduleDep, stopping: StoppingDep, camera_id: str) -> StreamingResponse:
    """Stream what the camera sees as JPEG pictures, with boxes and names drawn, until the client hangs up."""
    schedule.view(camera_id)
    headers = {"Cache-Control": "private, no-store"}
    return StreamingResponse(live_pictures(schedule, camera_id, stopping), media_type=MEDIA_TYPE, headers=headers)


@router.delete("/{camera_id}")
def remove_camera(schedule: ScheduleDep, camera_id: str) -> CameraRemoved:
    """Watch a camera no more and forget its link; its sightings stay."""
    schedule.remove(camera_id)
    return CameraRemoved(camera_id=camera_id)


def _replies(schedule: Schedule, cameras: Sequence[Camera]) -> list[CameraReply]:
    return [camera_reply(camera, schedule.status(camera.camera_id)) for camera in cameras]


def _job(job: CameraJob) -> Job:
    telegram = None
    if job.telegram_api_token and job.telegram_chat_id:
        telegram = {"api_token": job.telegram_api_token, "chat_id": job.telegram_chat_id}
    return Job(
        link=job.rtsp_link,
        nickname=job.camera_nickname,
        threshold=job.threshold,
        cooldown_seconds=job.cooldown_seconds,
        notify_unknown=job.notify_unknown,
        telegram=telegram,
        detail_link=job.detail_link or None,
        analysis_fps=job.analysis_fps,
        region=Region(tuple(Point(x, y) for x, y in job.region)) if job.region else None,
        min_face_size=job.min_face_size,
    )
