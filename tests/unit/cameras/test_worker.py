"""One camera being watched: what its two threads make of the frames, and how it says it is doing."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest

from backend.cameras.clock import SteadyClock
from backend.cameras.worker import CameraWorker
from backend.domain.camera import CameraState
from backend.domain.errors import StorageError, StreamTimeout, StreamUnreachable
from tests.rig.watching import QUICK, CountingWatcher, wait_until
from tests.unit.cameras.scripted import ScriptedCamera, ScriptedSource, pictures

GONE = StreamUnreachable("Nothing answers at the camera's address.")


class Watched:
    """A worker of a scripted camera, running; the script hangs at its end until the test is over."""

    def __init__(self, *events: Any, **settings: Any) -> None:
        self.hang = threading.Event()
        self.watcher = CountingWatcher()
        self.camera = ScriptedCamera(ScriptedSource([*events, self.hang]))
        self.worker = CameraWorker("door", self.camera, self.watcher, 5.0, patience=QUICK, **settings)

    def stop(self) -> None:
        self.hang.set()
        self.worker.stop()
        assert self.worker.join(monotonic() + 10)


@pytest.fixture
def watch() -> Iterator[Any]:
    """Start watching scripted cameras; they end with the test."""
    running: list[Watched] = []

    def start(*events: Any, **settings: Any) -> Watched:
        running.append(Watched(*events, **settings))
        running[-1].worker.start()
        return running[-1]

    yield start
    for watched in running:
        watched.stop()


def test_before_it_starts_it_is_connecting_and_has_not_died() -> None:
    worker = Watched().worker
    assert worker.status().state is CameraState.CONNECTING
    assert not worker.has_died()


def test_a_camera_is_connected_once_somebody_can_look_and_not_before(watch: Any) -> None:
    watched = Watched(*pictures(1))
    watched.watcher.loading.clear()
    watched.worker.start()
    wait_until(lambda: watched.watcher.is_loading)
    assert watched.camera.attempts == 0
    watched.watcher.loading.set()
    watched.camera.wait_for_attempts(1)
    watched.stop()


def test_a_camera_is_watched_though_something_could_not_be_loaded_before(watch: Any) -> None:
    watched = Watched(*pictures(1))
    watched.watcher.fault_in_loading = ImportError("no such module")
    watched.worker.start()
    wait_until(lambda: watched.watcher.looks == 1)
    watched.stop()


def test_what_is_looked_at_can_be_seen(watch: Any) -> None:
    watched = watch(*pictures(1))
    wait_until(lambda: watched.worker.view.newest is not None)
    assert watched.worker.view.newest.frame is watched.watcher.last
    assert watched.worker.status().state is CameraState.STREAMING


@pytest.mark.parametrize("fault", [ValueError("a bug"), StorageError("The database cannot be used: locked.")])
def test_a_fault_in_the_analysis_is_counted_and_logged(
    watch: Any, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(*pictures(1))
    watched.watcher.faults = [fault]
    watched.worker.start()
    wait_until(lambda: watched.worker.status().counts.frames_failed == 1)
    assert str(fault) in caplog.text
    assert not watched.worker.has_died()
    watched.stop()


@pytest.mark.parametrize(("ago", "late"), [(0.15, True), (-60.0, False)])
def test_a_frame_is_late_that_waited_for_more_than_half_of_the_time_between_two(
    watch: Any, ago: float, late: bool
) -> None:
    # The script's clock begins at 1000 s. A frame from the future has not waited, however busy the machine is.
    watched = watch(monotonic() - 1000 - ago)
    wait_until(lambda: watched.watcher.looks == 1)
    assert watched.watcher.late == [late]


def test_visits_are_ended_with_the_watch(watch: Any) -> None:
    watched = watch(*pictures(1))
    watched.stop()
    assert watched.watcher.has_ended
    assert watched.worker.status().state is CameraState.STOPPED


def test_what_is_worse_from_the_start_is_told_all_the_time(watch: Any) -> None:
    assert watch(degraded="Video is decoded by the processor.").worker.status().degraded == (
        "Video is decoded by the processor.",
    )


def test_what_is_worse_about_a_connection_is_told_and_logged_once(watch: Any, caplog: pytest.LogCaptureFixture) -> None:
    sentence = "Its video (mjpeg) is decoded by the processor."
    cut = StreamTimeout("The camera closed the connection.")
    camera = ScriptedCamera(*(ScriptedSource([*pictures(1), end], worse=sentence) for end in (cut, cut, cut)))
    worker = CameraWorker("door", camera, CountingWatcher(), 5.0, patience=QUICK)
    worker.start()
    camera.wait_for_attempts(3)
    assert worker.status().degraded == (sentence,)
    assert caplog.text.count(sentence) == 1
    worker.stop()
    assert worker.join(monotonic() + 10)


def test_a_second_stream_that_fails_is_told_of(watch: Any) -> None:
    watched = watch(*pictures(1), open_detail=ScriptedCamera(GONE))
    watched.watcher.somebody_here = True
    wait_until(lambda: watched.worker.status().degraded == (f"The detail link: {GONE.message}",))


def test_the_time_follows_the_clock_of_the_system_once_nobody_is_there(watch: Any) -> None:
    set_back = timedelta()
    clock = SteadyClock(lambda: datetime.now(UTC) - set_back)
    watched = Watched(*pictures(1), clock=clock)
    watched.watcher.somebody_here = True
    watched.worker.start()
    wait_until(lambda: watched.watcher.looks == 1)
    set_back = timedelta(hours=1)
    assert abs(datetime.now(UTC) - clock.at(monotonic())) < timedelta(minutes=1)
    watched.watcher.somebody_here = False
    wait_until(lambda: abs(datetime.now(UTC) - set_back - clock.at(monotonic())) < timedelta(minutes=1))
    watched.stop()
