"""Cameras: schedule, list, remove."""

from typing import Annotated

from fastapi import APIRouter, Body

from backend.api.deps import ScheduleDep
from backend.api.errors import COMMON_RESPONSES
from backend.api.replies import camera_reply
from backend.cameras.schedule import CameraJob as Job
from backend.cameras.schedule import Schedule
from backend.domain.camera import Camera
from backend.domain.geometry import Point, Region
from backend.schemas.cameras import CameraJob, CameraJobs, CameraList, CameraRemoved

router = APIRouter(prefix="/cameras", tags=["cameras"], responses=COMMON_RESPONSES)

Jobs = Annotated[CameraJobs, Body(description="One camera, or up to 100; all are taken or none.")]


@router.post("/schedule")
def schedule_cameras(schedule: ScheduleDep, jobs: Jobs) -> CameraList:
    """Watch one or more cameras from now on, also after a restart."""
    wanted = jobs if isinstance(jobs, list) else [jobs]
    return _camera_list(schedule, schedule.add([_job(job) for job in wanted]))


@router.get("")
def list_cameras(schedule: ScheduleDep) -> CameraList:
    """List the cameras and how each is doing, sorted by nickname."""
    return _camera_list(schedule, schedule.cameras())


@router.delete("/{camera_id}")
def remove_camera(schedule: ScheduleDep, camera_id: str) -> CameraRemoved:
    """Watch a camera no more and forget its link; its sightings stay."""
    schedule.remove(camera_id)
    return CameraRemoved(camera_id=camera_id)


def _camera_list(schedule: Schedule, cameras: list[Camera]) -> CameraList:
    replies = [camera_reply(camera, schedule.status(camera.camera_id)) for camera in cameras]
    return CameraList(cameras=replies, total=len(replies))


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
        analysis_fps=job.analysis_fps,
        region=Region(tuple(Point(x, y) for x, y in job.region)) if job.region else None,
        min_face_size=job.min_face_size,
    )
