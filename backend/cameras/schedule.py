"""Cameras to watch: kept in the database, then handed to the supervisor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from backend.cameras.live import LiveView
from backend.cameras.supervisor import Supervisor
from backend.domain.audit import Deed
from backend.domain.camera import Camera, CameraStatus, checked_link, same_source
from backend.domain.errors import CameraNotFound, InvalidField
from backend.domain.geometry import Region
from backend.domain.notification import ChannelKind
from backend.storage import audit, cameras, channels
from backend.storage.database import Database, Transaction
from backend.storage.ids import new_id


@dataclass(frozen=True, slots=True)
class CameraJob:
    """A camera as somebody asks for it."""

    link: str
    nickname: str
    threshold: float
    cooldown_seconds: int
    notify_unknown: bool
    telegram: Mapping[str, str] | None
    """The Telegram channel's settings (`api_token`, `chat_id`); None where sightings are only stored."""
    detail_link: str | None = None
    """The address of the same view in more pixels, for the best picture of each visit; None where there is none."""
    analysis_fps: float | None = None
    """How many frames a second are looked at; None for the server's usual rate."""
    region: Region | None = None
    """Where in the picture faces count; None for anywhere."""
    min_face_size: int = 0
    """Faces with fewer pixels do not count."""


class Schedule:
    """Adds, changes and removes cameras; safe to use from any thread."""

    def __init__(self, database: Database, supervisor: Supervisor) -> None:
        """Keep cameras in `database` and have `supervisor` watch them."""
        self._database = database
        self._supervisor = supervisor

    def resume(self) -> None:
        """Watch every camera that is kept: what a start of the service does."""
        self._supervisor.watch(self.cameras())

    def add(self, jobs: Sequence[CameraJob]) -> list[Camera]:
        """Watch these cameras, all or none; the same nickname and link again changes that camera and tries it at once.

        User name and password may differ: a corrected password is no new camera.

        Raises InvalidField, with the index of the job, for a link that no camera may have.
        """
        for index, job in enumerate(jobs):
            _check(job, index)
        with self._database.write() as tx:
            scheduled = [_kept(tx, job) for job in jobs]
            channels.remove_unused(tx)
        self._supervisor.watch(scheduled)
        return scheduled

    def remove(self, camera_id: str) -> None:
        """Watch a camera no more and forget its secrets; raises CameraNotFound."""
        with self._database.write() as tx:
            camera = cameras.find(tx, camera_id)
            if camera is None or not cameras.remove(tx, camera_id):
                raise CameraNotFound(camera_id)
            channels.remove_unused(tx)
            audit.note(tx, Deed.CAMERA_REMOVED, camera_id, nickname=camera.nickname)
        self._supervisor.forget(camera_id)

    def cameras(self) -> list[Camera]:
        """All cameras, sorted by nickname."""
        with self._database.read() as tx:
            return cameras.all_by_nickname(tx)

    def camera(self, camera_id: str) -> Camera:
        """One camera; raises CameraNotFound."""
        found = next((camera for camera in self.cameras() if camera.camera_id == camera_id), None)
        if found is None:
            raise CameraNotFound(camera_id)
        return found

    def status(self, camera_id: str) -> CameraStatus:
        """How a camera is doing at this moment."""
        return self._supervisor.status(camera_id)

    def view(self, camera_id: str) -> LiveView:
        """What a camera sees; raises CameraNotFound where it is not watched."""
        view = self._supervisor.view(camera_id)
        if view is None:
            raise CameraNotFound(camera_id)
        return view


def _check(job: CameraJob, index: int) -> None:
    links = {"rtsp_link": job.link} | ({"detail_link": job.detail_link} if job.detail_link else {})
    for field, link in links.items():
        try:
            checked_link(link)
        except InvalidField as error:
            raise InvalidField(field, error.message, index) from None


def _kept(tx: Transaction, job: CameraJob) -> Camera:
    alike = [camera for camera in cameras.all_by_nickname(tx) if _is_for(camera, job)]
    # The very same link first: one host may hold two cameras that differ in the user alone.
    known = min(alike, key=lambda camera: camera.link != job.link, default=None)
    camera = Camera(
        camera_id=known.camera_id if known else new_id(),
        nickname=job.nickname,
        link=job.link,
        threshold=job.threshold,
        cooldown_seconds=job.cooldown_seconds,
        channel_id=_channel(tx, job, known),
        notify_unknown=job.notify_unknown,
        created_at=known.created_at if known else datetime.now(UTC),
        detail_link=job.detail_link,
        analysis_fps=job.analysis_fps,
        region=job.region,
        min_face_size=job.min_face_size,
    )
    keep, deed = (cameras.change, Deed.CAMERA_CHANGED) if known else (cameras.add, Deed.CAMERA_SCHEDULED)
    keep(tx, camera)
    audit.note(tx, deed, camera.camera_id, nickname=camera.nickname)
    return camera


def _is_for(camera: Camera, job: CameraJob) -> bool:
    return camera.nickname == job.nickname and same_source(camera.link, job.link)


def _channel(tx: Transaction, job: CameraJob, known: Camera | None) -> str | None:
    if job.telegram is None:
        return None
    if known is not None and known.channel_id is not None:
        channels.change(tx, known.channel_id, job.telegram)
        return known.channel_id
    return channels.add(tx, ChannelKind.TELEGRAM, job.telegram)
