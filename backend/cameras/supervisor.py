"""All cameras: which are watched, by which worker, and the end of each in good time."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from backend.cameras.live import LiveView
from backend.cameras.worker import CameraWorker
from backend.domain.camera import Camera, CameraState, CameraStatus

logger = logging.getLogger(__name__)

STOP_SECONDS = 5.0
"""How long workers may take to write down what they saw."""
LET_GO_SECONDS = 1.0
"""How long connections may take to close at the end; one that hangs is abandoned: there is nothing in it to lose."""
PATROL_SECONDS = 1.0
"""How often it is looked whether every worker lives."""

MakeWorker = Callable[[Camera], CameraWorker]


class Supervisor:
    """Owns the workers; safe to use from any thread."""

    def __init__(self, make_worker: MakeWorker, *, patrol_seconds: float = PATROL_SECONDS) -> None:
        """Make a worker for each camera with `make_worker`; replace those that die every `patrol_seconds`."""
        self._make_worker = make_worker
        self._patrol_seconds = patrol_seconds
        self._workers: dict[str, CameraWorker] = {}
        self._watched: dict[str, Camera] = {}
        self._restarts: Counter[str] = Counter()
        self._leaving: list[CameraWorker] = []
        """Workers that write nothing any more, and whose connection still has to let go."""
        self._changing = threading.Lock()
        self._stopping = threading.Event()
        self._patrol: threading.Thread | None = None

    def watch(self, cameras: Iterable[Camera]) -> None:
        """Watch these cameras, from now on with these settings; the others go on as they are.

        A camera whose next attempt to connect is still waited for is tried at once.
        """
        with self._changing:
            if self._stopping.is_set():
                return
            for camera in cameras:
                if self._stopping.is_set():
                    return
                self._replace(camera)
            if self._patrol is None:
                self._patrol = threading.Thread(target=self._run, name="camera-supervisor", daemon=True)
                self._patrol.start()

    def begin_anew(self) -> None:
        """Watch every camera with a new worker: what makes them has changed."""
        with self._changing:
            for camera in list(self._watched.values()):
                if self._stopping.is_set():
                    return
                self._dismiss(self._workers[camera.camera_id])
                self._begin(camera)

    def forget(self, camera_id: str) -> None:
        """Watch a camera no more; it may not be watched at all."""
        with self._changing:
            worker = self._workers.pop(camera_id, None)
            self._watched.pop(camera_id, None)
            self._restarts.pop(camera_id, None)
        if worker is None:
            return
        # Without the lock: the other cameras need not wait.
        _stop_writing(worker)
        with self._changing:
            self._leaving.append(worker)

    def status(self, camera_id: str) -> CameraStatus:
        """How a camera is doing; `stopped` where it is not watched."""
        worker = self._workers.get(camera_id)
        if worker is None:
            return CameraStatus(CameraState.STOPPED)
        status = worker.status()
        return replace(status, counts=replace(status.counts, restarts=self._restarts[camera_id]))

    def view(self, camera_id: str) -> LiveView | None:
        """What a camera sees; None where it is not watched. Another one takes its place when its settings change."""
        worker = self._workers.get(camera_id)
        return None if worker is None else worker.view

    def ask_to_stop(self) -> None:
        """Have every camera end; `stop` waits for it. None is watched again."""
        self._stopping.set()
        # Without the lock: its holder may be waiting for a worker that hangs.
        for worker in list(self._workers.values()):
            worker.stop()

    def stop(self, within_s: float = STOP_SECONDS) -> None:
        """Stop every camera; none is watched again.

        Workers have `within_s` seconds to write down what they saw, their connections LET_GO_SECONDS more.
        """
        deadline = time.monotonic() + within_s
        self.ask_to_stop()
        locked = self._changing.acquire(timeout=max(0.0, within_s))
        workers = [*self._workers.values(), *self._leaving]
        if locked:
            self._workers.clear()
            self._leaving.clear()
            self._changing.release()
        _end(workers, deadline)
        if self._patrol is not None:
            self._patrol.join(max(0.0, deadline + LET_GO_SECONDS - time.monotonic()))

    def _replace(self, camera: Camera) -> None:
        old = self._workers.get(camera.camera_id)
        if old is not None and self._watched[camera.camera_id] == camera:
            old.retry()
            return
        if old is not None:
            # The old one ends its visits before the new one begins its own: two never write about one camera.
            self._dismiss(old)
        self._begin(camera)

    def _begin(self, camera: Camera) -> None:
        self._watched[camera.camera_id] = camera
        worker = self._workers[camera.camera_id] = self._make_worker(camera)
        worker.start()

    def _dismiss(self, worker: CameraWorker) -> None:
        _stop_writing(worker)
        self._leaving.append(worker)

    def _run(self) -> None:
        while not self._stopping.wait(self._patrol_seconds):
            with self._changing:
                if self._stopping.is_set():
                    return
                self._leaving = [worker for worker in self._leaving if not worker.join(time.monotonic())]
                for camera_id, worker in list(self._workers.items()):
                    if worker.has_died():
                        self._revive(camera_id, worker)

    def _revive(self, camera_id: str, worker: CameraWorker) -> None:
        logger.error("Camera %s: its worker died; another takes its place.", worker.name)
        self._dismiss(worker)
        self._begin(self._watched[camera_id])
        # Last, for the status is read without the lock: where a restart is counted, the new worker is there.
        self._restarts[camera_id] += 1


def _end(workers: Sequence[CameraWorker], deadline: float) -> None:
    """Ask all workers first, then wait for them under shared deadlines."""
    for worker in workers:
        worker.stop()
    _wait_for_processors(workers, deadline)
    let_go = time.monotonic() + LET_GO_SECONDS
    for worker in workers:
        if not worker.join(let_go):
            logger.warning("Camera %s: its connection hangs and is abandoned.", worker.name)


def _stop_writing(worker: CameraWorker) -> None:
    """Stop a worker; when this returns it writes about its camera no more."""
    worker.stop()
    _wait_for_processors([worker], time.monotonic() + STOP_SECONDS)


def _wait_for_processors(workers: Iterable[CameraWorker], deadline: float) -> None:
    for worker in workers:
        if not worker.join_processor(deadline):
            logger.warning("Camera %s: its analysis hangs and is abandoned.", worker.name)
