"""Whatever a camera does, it is told as what it is, watched again when it can be, and harms no other camera."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic

import pytest

from backend.cameras.clock import SteadyClock
from backend.cameras.patience import Patience
from backend.cameras.source import USUAL_TIMEOUTS, open_camera
from backend.cameras.supervisor import Supervisor
from backend.cameras.worker import CameraWorker
from backend.domain.camera import Camera, CameraState, Transport
from tests.faults.conftest import FPS, SMALL, WIDE, Watch, Watched
from tests.rig.clips import Film, still_scene
from tests.rig.rtsp_proxy import RtspProxy
from tests.rig.rtsp_server import Mount, RtspServer
from tests.rig.tcp_proxy import TcpProxy
from tests.rig.watching import PATIENT, QUICK, CountingWatcher, wait_until

pytestmark = pytest.mark.usefixtures("bystander")

GONE = "Nothing answers at the camera's address."
SILENT = "The camera does not send anything."
HOUR = timedelta(hours=1)


def a_camera(link: str) -> Camera:
    return Camera("door", "Door", link, 0.5, 60, None, False, datetime.now(UTC))


def test_a_camera_that_is_down_at_the_start_is_watched_as_soon_as_it_is_there(clip: Path, watch: Watch) -> None:
    with RtspServer({"door": clip}) as server:
        server.stop()
        door = watch(server.url("door"))
        door.wait_for(CameraState.RECONNECTING, GONE)
        server.start()
        wait_until(lambda: door.status.last_error is None)
        door.wait_for_pictures()


def test_a_camera_that_loses_power_is_watched_again_when_it_is_back(clip: Path, watch: Watch) -> None:
    with RtspServer({"door": clip}) as server:
        door = watch(server.url("door"))
        door.wait_for_pictures()
        server.kill()
        door.wait_for(CameraState.RECONNECTING, GONE)
        server.start()
        door.wait_for_pictures()
    assert door.status.counts.reconnects >= 1


def test_a_frozen_camera_is_connected_anew(clip: Path, watch: Watch) -> None:
    with RtspServer({"door": Mount((clip,), "freeze")}) as server:
        door = watch(server.url("door"))
        server.wait_for_plays("door")
        door.wait_for(CameraState.RECONNECTING, SILENT)
        server.wait_for_plays("door", 2)
        door.wait_for_pictures()


def test_a_camera_that_hangs_altogether_is_watched_again_when_it_comes_to_itself(clip: Path, watch: Watch) -> None:
    with RtspServer({"door": clip}) as server:
        door = watch(server.url("door"))
        door.wait_for_pictures()
        server.pause()
        door.wait_for(CameraState.RECONNECTING, SILENT)
        server.resume()
        door.wait_for_pictures()


def test_a_half_open_connection_is_noticed(clip: Path, watch: Watch) -> None:
    with RtspServer({"door": clip}) as server, TcpProxy(server.port) as network:
        door = watch(server.url("door", port=network.port))
        door.wait_for_pictures()
        network.stall()
        door.wait_for(CameraState.RECONNECTING, SILENT)
        network.heal()
        door.wait_for_pictures()


def test_a_camera_that_repeats_one_picture_is_connected_anew(clip: Path, watch: Watch) -> None:
    with RtspServer({"door": Mount((clip,), "repeat")}) as server:
        door = watch(server.url("door"), patience=Patience(first_delay=0.05, frozen_after=1.0))
        door.wait_for(CameraState.RECONNECTING, "repeats one picture")
        server.wait_for_plays("door", 2)
        door.wait_for_pictures()


def test_a_still_scene_is_not_taken_for_a_repeated_picture(clip: Path, watch: Watch) -> None:
    with RtspServer({"door": clip}) as server:
        door = watch(server.url("door"), patience=Patience(frozen_after=0.5), timeouts=USUAL_TIMEOUTS)
        door.wait_for_pictures(30)
        assert door.status.counts.reconnects == 0


def test_a_hundredth_of_the_bytes_wrong_costs_pictures_and_not_the_watch(clip: Path, watch: Watch) -> None:
    with RtspServer({"door": clip}) as server, TcpProxy(server.port) as network:
        door = watch(server.url("door", port=network.port))
        door.wait_for_pictures()
        network.corrupt(0.01)
        wait_until(lambda: door.status.counts.frames_damaged + door.status.counts.reconnects >= 5)
        network.heal()
        door.wait_for_pictures(15)
        wait_until(lambda: door.status.state is CameraState.STREAMING)


def test_damaged_pictures_are_told_of(clip: Path, watch: Watch) -> None:
    with RtspServer({"door": clip}) as server, TcpProxy(server.port) as network:
        door = watch(server.url("door", port=network.port))
        door.wait_for_pictures()
        network.corrupt(0.0002)
        wait_until(lambda: any("damaged" in sentence for sentence in door.status.degraded))


def test_a_resolution_that_changes_in_mid_stream_changes_the_pictures_and_nothing_else(
    clip: Path, wide_clip: Path, watch: Watch
) -> None:
    with RtspServer({"door": Mount((clip, wide_clip))}) as server:
        door = watch(server.url("door"), timeouts=USUAL_TIMEOUTS)
        wait_until(lambda: door.watcher.sizes == {SMALL, WIDE})
        assert door.status.counts.reconnects == 0


def keeps_up(door: Watched) -> bool:
    """Whether at least every other one of the next pictures is looked at."""
    before = door.status.counts
    door.wait_for_pictures(10)
    counts = door.status.counts
    return counts.frames_read - before.frames_read < 2 * (counts.frames_analysed - before.frames_analysed)


def test_time_stamps_that_jump_and_start_again_change_nothing(clip: Path, watch: Watch) -> None:
    with RtspServer({"door": clip}) as server, RtspProxy(server.port) as network:
        door = watch(server.url("door", port=network.port), timeouts=USUAL_TIMEOUTS)
        door.wait_for_pictures()
        for seconds in (3600, -3600, 0):
            network.shift_seconds = seconds
            # After a moment in which the machine was too busy, several pictures come at once, of which one is due.
            wait_until(partial(keeps_up, door))
        counts = door.status.counts
        assert (counts.reconnects, counts.frames_damaged) == (0, 0)


def test_a_camera_that_comes_back_with_another_codec_is_watched_on(clip: Path, tmp_path: Path, watch: Watch) -> None:
    other = still_scene(tmp_path / "other.mp4", film=Film(WIDE, 10, "h265"), seconds=1.0).path
    with RtspServer({"door": clip}) as server:
        door = watch(server.url("door"))
        door.wait_for_pictures()
        server.stop()
        server.start({"door": other})
        wait_until(lambda: WIDE in door.watcher.sizes)


def test_a_wrong_password_is_told_and_not_tried_again_and_again(clip: Path, watch: Watch, bystander: Watched) -> None:
    with (
        RtspServer({"door": clip}, user="alice", password="right") as server,
        TcpProxy(server.port) as network,
    ):
        door = watch(server.url("door", "alice", "wrong", port=network.port), timeouts=USUAL_TIMEOUTS)
        door.wait_for(CameraState.FAILED, "refuses the user name or password")
        attempts = network.accepted
        # So long that any other failure would have been followed by five further attempts.
        bystander.wait_for_pictures(12)
        assert network.accepted == attempts


def test_a_name_that_does_not_resolve_is_told_as_such(watch: Watch) -> None:
    watch("rtsp://alice:secret@no-such-camera.invalid/").wait_for(
        CameraState.RECONNECTING, "The name 'no-such-camera.invalid' is not known."
    )


def is_behind(door: Watched, by: timedelta) -> bool:
    """Whether the last picture's time is so far behind, to half an hour."""
    return door.watcher.last is not None and abs(datetime.now(UTC) - by - door.watcher.last.taken_at) < HOUR / 2


def test_a_clock_set_back_an_hour_changes_the_time_only_when_nobody_is_there(clip: Path, watch: Watch) -> None:
    set_back = timedelta()
    clock = SteadyClock(lambda: datetime.now(UTC) - set_back)
    with RtspServer({"door": clip}) as server:
        door = watch(server.url("door"), clock=clock, timeouts=USUAL_TIMEOUTS)
        door.watcher.somebody_here = True
        door.wait_for_pictures()
        set_back = HOUR
        door.wait_for_pictures()
        assert is_behind(door, timedelta())
        door.watcher.somebody_here = False
        wait_until(lambda: is_behind(door, HOUR))
        assert door.status.counts.reconnects == 0


def test_a_fault_in_the_analysis_costs_one_picture(clip: Path, watch: Watch) -> None:
    with RtspServer({"door": clip}) as server:
        door = watch(server.url("door"), timeouts=USUAL_TIMEOUTS)
        door.wait_for_pictures()
        door.watcher.faults = [ValueError("a bug"), ZeroDivisionError()]
        wait_until(lambda: door.status.counts.frames_failed == 2)
        door.wait_for_pictures()
        assert door.status.state is CameraState.STREAMING


# Nothing but the end of an interpreter ends a worker by itself; the fault is raised where the real one would be.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_whose_thread_dies_is_replaced(clip: Path) -> None:
    watchers: list[CountingWatcher] = []

    def make_worker(camera: Camera) -> CameraWorker:
        watchers.append(CountingWatcher())
        if len(watchers) == 1:
            watchers[0].faults = [SystemExit()]
        opened = partial(open_camera, camera.link, Transport.TCP)
        return CameraWorker(camera.nickname, opened, watchers[-1], FPS, patience=QUICK)

    supervisor = Supervisor(make_worker, patrol_seconds=0.05)
    with RtspServer({"door": clip}) as server:
        supervisor.watch([a_camera(server.url("door"))])
        wait_until(lambda: supervisor.status("door").counts.restarts == 1)
        watchers[1].wait_for_looks(5)
        assert supervisor.status("door").state is CameraState.STREAMING
        supervisor.stop()


def test_a_worker_that_is_stopped_while_its_camera_hangs_lets_go_in_time(clip: Path, watch: Watch) -> None:
    with RtspServer({"door": clip}) as server, TcpProxy(server.port) as network:
        network.stall()
        door = watch(server.url("door", port=network.port), timeouts=PATIENT)
        wait_until(lambda: network.accepted >= 1)
        door.worker.stop()
        # Not as long as the connection hangs.
        assert door.worker.join_processor(monotonic() + 15)
