"""The supervisor owns the workers: it starts, replaces, revives and ends them."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backend.cameras.supervisor import Supervisor
from backend.cameras.worker import CameraWorker
from backend.domain.camera import Camera, CameraState
from backend.domain.errors import StreamUnauthorised
from tests.rig.watching import QUICK, CountingWatcher, wait_until
from tests.unit.cameras.scripted import ScriptedCamera, ScriptedSource, pictures

FRONT = Camera("front", "Front door", "rtsp://192.0.2.1/", 0.5, 60, None, False, datetime(2026, 11, 22, tzinfo=UTC))
YARD = replace(FRONT, camera_id="yard", nickname="Yard")
REFUSED = StreamUnauthorised("The camera refuses the user name or password.")


class Cameras:
    """Makes workers of scripted cameras, and keeps who watches them."""

    def __init__(self) -> None:
        self.hang = threading.Event()
        self.scripts: dict[str, ScriptedCamera] = {}
        self.watchers: dict[str, list[CountingWatcher]] = {}
        self.deadly: set[str] = set()
        """Cameras whose first picture is the death of the worker."""

    def __call__(self, camera: Camera) -> CameraWorker:
        watcher = CountingWatcher()
        watcher.faults = [SystemExit()] if camera.camera_id in self.deadly else []
        self.deadly.discard(camera.camera_id)
        self.watchers.setdefault(camera.camera_id, []).append(watcher)
        script = self.scripts.get(camera.camera_id) or ScriptedCamera(ScriptedSource([*pictures(3), self.hang]))
        return CameraWorker(camera.nickname, script, watcher, 5.0, patience=QUICK)


@pytest.fixture
def cameras() -> Cameras:
    return Cameras()


@pytest.fixture
def supervisor(cameras: Cameras) -> Iterator[Supervisor]:
    before = set(threading.enumerate())
    supervisor = Supervisor(cameras, patrol_seconds=0.05)
    yield supervisor
    cameras.hang.set()
    supervisor.stop()
    wait_until(lambda: set(threading.enumerate()) <= before)


def streams(supervisor: Supervisor, camera_id: str) -> bool:
    return supervisor.status(camera_id).state is CameraState.STREAMING


def test_every_camera_is_watched_by_a_worker_of_its_own(supervisor: Supervisor, cameras: Cameras) -> None:
    supervisor.watch([FRONT, YARD])
    wait_until(lambda: streams(supervisor, "front") and streams(supervisor, "yard"))
    assert sorted(cameras.watchers) == ["front", "yard"]


def test_a_camera_that_nobody_watches_is_stopped(supervisor: Supervisor) -> None:
    assert supervisor.status("front").state is CameraState.STOPPED
    assert supervisor.view("front") is None


def test_a_camera_with_the_same_settings_goes_on_undisturbed(supervisor: Supervisor, cameras: Cameras) -> None:
    supervisor.watch([FRONT])
    wait_until(lambda: streams(supervisor, "front"))
    supervisor.watch([FRONT, YARD])
    assert len(cameras.watchers["front"]) == 1


def test_changed_settings_end_the_visits_of_the_old_worker_before_another_begins(
    supervisor: Supervisor, cameras: Cameras
) -> None:
    supervisor.watch([FRONT])
    wait_until(lambda: streams(supervisor, "front"))
    supervisor.watch([replace(FRONT, threshold=0.6)])
    assert [watcher.has_ended for watcher in cameras.watchers["front"]] == [True, False]


def test_asking_for_a_refused_camera_again_tries_it_at_once(supervisor: Supervisor, cameras: Cameras) -> None:
    cameras.scripts["front"] = ScriptedCamera(REFUSED, ScriptedSource([*pictures(3), cameras.hang]))
    supervisor.watch([FRONT])
    wait_until(lambda: supervisor.status("front").state is CameraState.FAILED)
    supervisor.watch([FRONT])
    wait_until(lambda: streams(supervisor, "front"))


# Nothing but the end of an interpreter ends a worker by itself; the fault is raised where the real one would be.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_died_is_replaced_and_the_others_go_on(supervisor: Supervisor, cameras: Cameras) -> None:
    cameras.scripts["front"] = ScriptedCamera(*(ScriptedSource([*pictures(3), cameras.hang]) for _ in range(2)))
    cameras.deadly.add("front")
    supervisor.watch([FRONT, YARD])
    wait_until(lambda: supervisor.status("front").counts.restarts == 1 and streams(supervisor, "front"))
    first, second = cameras.watchers["front"]
    assert first.looks == 1
    assert second.has_ended is False
    assert len(cameras.watchers["yard"]) == 1


def test_a_camera_that_is_forgotten_while_it_connects_is_forgotten_at_once(
    supervisor: Supervisor, cameras: Cameras
) -> None:
    cameras.scripts["front"] = ScriptedCamera(ScriptedSource([cameras.hang]))
    supervisor.watch([FRONT, YARD])
    cameras.scripts["front"].wait_for_attempts(1)
    supervisor.forget("front")
    assert supervisor.status("front").state is CameraState.STOPPED
    assert cameras.watchers["front"][0].has_ended
    wait_until(lambda: streams(supervisor, "yard"))


def test_a_connection_that_hangs_is_let_go_when_it_comes_to_itself(supervisor: Supervisor, cameras: Cameras) -> None:
    cameras.scripts["front"] = ScriptedCamera(ScriptedSource([cameras.hang]))
    supervisor.watch([FRONT])
    cameras.scripts["front"].wait_for_attempts(1)
    supervisor.forget("front")
    cameras.hang.set()
    wait_until(lambda: not any(thread.name == "reader-Front door" for thread in threading.enumerate()))


def test_nothing_is_watched_after_the_end(supervisor: Supervisor, cameras: Cameras) -> None:
    supervisor.watch([FRONT])
    cameras.hang.set()
    supervisor.stop()
    supervisor.watch([YARD])
    assert cameras.watchers["front"][0].has_ended
    assert "yard" not in cameras.watchers


def test_beginning_anew_ends_the_visits_of_every_worker_and_gives_each_camera_another(
    supervisor: Supervisor, cameras: Cameras
) -> None:
    supervisor.watch([FRONT, YARD])
    wait_until(lambda: streams(supervisor, "front") and streams(supervisor, "yard"))
    supervisor.begin_anew()
    for name in ("front", "yard"):
        assert [watcher.has_ended for watcher in cameras.watchers[name]] == [True, False]
    wait_until(lambda: streams(supervisor, "front") and streams(supervisor, "yard"))
