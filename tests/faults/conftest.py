"""Cameras in trouble: real RTSP, real workers, nobody to be seen; and one camera beside them that must not notice."""

from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from backend.cameras.clock import SteadyClock
from backend.cameras.patience import Patience
from backend.cameras.source import USUAL_TIMEOUTS, Timeouts, open_camera
from backend.cameras.worker import CameraWorker
from backend.domain.camera import CameraState, CameraStatus, Transport
from tests.rig.clips import Film, still_scene
from tests.rig.rtsp_server import RtspServer
from tests.rig.watching import QUICK, SHORT, CountingWatcher, wait_until

FPS = 10
SMALL, WIDE = (320, 240), (640, 360)


class Watched:
    """A camera that is being watched by a worker of its own."""

    def __init__(
        self,
        link: str,
        *,
        timeouts: Timeouts = SHORT,
        patience: Patience = QUICK,
        clock: SteadyClock | None = None,
        name: str = "door",
    ) -> None:
        self.watcher = CountingWatcher()
        self.worker = CameraWorker(
            name,
            lambda: open_camera(link, Transport.TCP, timeouts=timeouts),
            self.watcher,
            FPS,
            patience=patience,
            clock=clock,
        )
        self.worker.start()

    @property
    def status(self) -> CameraStatus:
        """How it is doing."""
        return self.worker.status()

    def wait_for(self, state: CameraState, reason: str | None = None) -> None:
        """Wait until it is in that state, for that reason."""
        wait_until(lambda: self.status.state is state and (reason is None or reason in (self.status.last_error or "")))

    def wait_for_pictures(self, count: int = 5) -> None:
        """Wait until so many more pictures were looked at."""
        self.watcher.wait_for_looks(count)

    def stop(self) -> None:
        """End it; it must."""
        self.worker.stop()
        assert self.worker.join(monotonic() + 10)


Watch = Callable[..., Watched]


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of an empty scene, small."""
    return still_scene(tmp_path_factory.mktemp("clips") / "small.mp4", film=Film(SMALL, FPS), seconds=2.0).path


@pytest.fixture(scope="session")
def wide_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of an empty scene, larger."""
    return still_scene(tmp_path_factory.mktemp("clips") / "wide.mp4", film=Film(WIDE, FPS), seconds=1.0).path


@pytest.fixture(scope="session")
def healthy(clip: Path) -> Iterator[RtspServer]:
    """A server that nothing happens to."""
    with RtspServer({"yard": clip}) as server:
        yield server


@pytest.fixture
def bystander(healthy: RtspServer) -> Iterator[Watched]:
    """A camera that goes on as if nothing had happened, whatever happens to the others."""
    # With the usual time-outs: on a busy machine a second of silence is nothing to be noticed.
    yard = Watched(healthy.url("yard"), timeouts=USUAL_TIMEOUTS, name="yard")
    try:
        yard.wait_for_pictures(1)
        began = monotonic()
        yield yard
        # All the while. A machine that is busy with the tests hands over late what was sent in time, all at once, and
        # then not each picture of it is looked at: so those that were read count, and they are waited for.
        wait_until(lambda: yard.status.counts.frames_read >= FPS * (monotonic() - began) / 2)
        yard.wait_for_pictures(3)
        assert yard.status.state is CameraState.STREAMING
        counts = yard.status.counts
        assert (counts.reconnects, counts.frames_failed, counts.frames_damaged) == (0, 0, 0)
    finally:
        yard.stop()


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Watch a camera; it is stopped, and must end, with the test."""
    watched: list[Watched] = []

    def begin(link: str, **settings: object) -> Watched:
        watched.append(Watched(link, **settings))  # type: ignore[arg-type]  # Watched's own settings
        return watched[-1]

    yield begin
    for each in watched:
        each.worker.stop()
    for each in watched:
        each.stop()
