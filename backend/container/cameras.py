"""What watches cameras, and what follows the faces in them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from backend.cameras.doctor import CameraDoctor
from backend.cameras.finding import EVERYTHING, Finder, View
from backend.cameras.patience import Patience
from backend.cameras.sighting_log import SightingLog, Tell
from backend.cameras.source import Hardware, VideoSource, open_any, open_camera, usable_hardware
from backend.cameras.visits import VisitLog, Visits
from backend.cameras.worker import CameraWorker
from backend.container.recognition import Recognition, Serving
from backend.domain.camera import Camera, masked_link
from backend.notifications.dispatcher import Dispatcher
from backend.notifications.routing import Router
from backend.settings import LocalSettings, Settings
from backend.storage.snapshots import Snapshots
from backend.vision.cores import usable_cores

logger = logging.getLogger(__name__)


def visits_of(recognition: Recognition, threshold: float, log: VisitLog, view: View = EVERYTHING) -> Visits:
    """What follows the faces of a video, as far as `view` shows them, and tells `log` who passed."""
    return Visits(Finder(recognition.pipelines.cameras, view), recognition.identifier, threshold, log)


def worker_of(
    settings: LocalSettings, recognition: Recognition, source: str, threshold: float, log: VisitLog
) -> CameraWorker:
    """What watches a live source and tells `log` who passed: a camera's link, or a webcam's number."""
    hardware = hardware_of(settings)
    return CameraWorker(
        # The log has the name, and must not have the password.
        masked_link(source),
        lambda: open_any(source, settings.rtsp_transport, hardware.device),
        visits_of(recognition, threshold, log),
        settings.analysis_fps,
        patience=_patience_of(settings),
        degraded=hardware.missing,
    )


def camera_worker_of(
    settings: LocalSettings, recognition: Recognition, camera: Camera, log: VisitLog, hardware: Hardware
) -> CameraWorker:
    """What watches a camera as its fields say, and tells `log` who passed."""

    def opened(link: str) -> VideoSource:
        return open_camera(link, settings.rtsp_transport, hardware.device)

    return CameraWorker(
        camera.nickname,
        partial(opened, camera.link),
        visits_of(recognition, camera.threshold, log, View(camera.region, camera.min_face_size)),
        camera.analysis_fps or settings.analysis_fps,
        patience=_patience_of(settings),
        degraded=hardware.missing,
        open_detail=partial(opened, camera.detail_link) if camera.detail_link else None,
    )


def sighting_log_of(
    recognition: Recognition,
    snapshots: Snapshots,
    camera: Camera,
    tell: Tell,
    on_written: Callable[[], None],
    *,
    keep_crops: bool = True,
) -> VisitLog:
    """What keeps a camera's visits as sightings, and asks `tell` about each; see SightingLog."""
    return SightingLog(camera, recognition.database, snapshots, tell, on_written, keep_crops=keep_crops)


def doctor_of(settings: LocalSettings, recognition: Recognition, hardware: Hardware) -> CameraDoctor:
    """What examines cameras on this machine, as they would be watched."""
    return CameraDoctor(
        lambda link, timeouts: open_camera(link, settings.rtsp_transport, hardware.device, timeouts),
        recognition.pipelines.cameras,
        usable_cores(),
        recognition.pipelines.searches,
        settings.analysis_fps,
    )


def hardware_of(settings: LocalSettings) -> Hardware:
    """What decodes video here; where it is not what was asked for, the log says so."""
    hardware = usable_hardware(settings.hardware_decoding)
    if hardware.missing is not None:
        logger.warning("%s", hardware.missing)
    return hardware


def _patience_of(settings: LocalSettings) -> Patience:
    return Patience(frozen_after=settings.frozen_after_seconds)


@dataclass(frozen=True, slots=True)
class CameraWorkers:
    """Makes the workers of scheduled cameras."""

    settings: Settings
    serving: Serving
    snapshots: Snapshots
    dispatcher: Dispatcher
    hardware: Hardware

    def __call__(self, camera: Camera) -> CameraWorker:
        """What watches that camera, by the model that answers at the moment."""
        recognition = self.serving.current
        # No zone: hours are the server's own, summer time included.
        router = Router(zone=None)
        log = sighting_log_of(
            recognition,
            self.snapshots,
            camera,
            router.tell,
            self.dispatcher.wake,
            keep_crops=self.settings.keep_crops,
        )
        return camera_worker_of(self.settings, recognition, camera, log, self.hardware)
