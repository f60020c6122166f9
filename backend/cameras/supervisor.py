"""All cameras: which are watched, by which worker, and the end of each in good time."""

import logging
import threading
import time
from collections.abc import Callable, Iterable

from backend.cameras.worker import CameraWorker
from backend.domain.camera import Camera, CameraState, CameraStatus

logger = logging.getLogger(__name__)

STOP_SECONDS = 8.0
"""How long workers may take to end: above a reader's read time-out, below what a service manager grants."""

MakeWorker = Callable[[Camera], CameraWorker]


class Supervisor:
    """Owns the workers; safe to use from any thread."""

    def __init__(self, make_worker: MakeWorker) -> None:
        """Make a worker for each camera with `make_worker`."""
        self._make_worker = make_worker
        self._workers: dict[str, CameraWorker] = {}
        self._watched: dict[str, Camera] = {}
        self._changing = threading.Lock()
        self._stopped = False

    def watch(self, cameras: Iterable[Camera]) -> None:
        """Watch these cameras, from now on with these settings; the others go on as they are."""
        with self._changing:
            if self._stopped:
                return
            for camera in cameras:
                self._replace(camera)

    def forget(self, camera_id: str) -> None:
        """Watch a camera no more; it may not be watched at all."""
        with self._changing:
            worker = self._workers.pop(camera_id, None)
            self._watched.pop(camera_id, None)
        if worker is not None:
            _end([worker], STOP_SECONDS)

    def status(self, camera_id: str) -> CameraStatus:
        """How a camera is doing; `stopped` where it is not watched."""
        worker = self._workers.get(camera_id)
        return worker.status() if worker is not None else CameraStatus(CameraState.STOPPED)

    def stop(self) -> None:
        """Stop every camera; none is watched again."""
        with self._changing:
            self._stopped = True
            workers = list(self._workers.values())
            self._workers.clear()
        _end(workers, STOP_SECONDS)

    def _replace(self, camera: Camera) -> None:
        old = self._workers.get(camera.camera_id)
        if old is not None and self._watched[camera.camera_id] == camera:
            return
        if old is not None:
            # The old one ends its visits before the new one begins its own: two never write about one camera.
            _end([old], STOP_SECONDS)
        self._watched[camera.camera_id] = camera
        worker = self._workers[camera.camera_id] = self._make_worker(camera)
        worker.start()


def _end(workers: Iterable[CameraWorker], seconds: float) -> None:
    """Ask all workers first, then wait for them under one shared deadline."""
    ending = list(workers)
    for worker in ending:
        worker.stop()
    deadline = time.monotonic() + seconds
    for worker in ending:
        if not worker.join(deadline):
            logger.warning("Camera %s: its connection hangs and is abandoned.", worker.name)
