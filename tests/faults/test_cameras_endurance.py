"""Connecting again and again leaves nothing behind."""

import gc
import os
import threading
from pathlib import Path

import psutil
import pytest

from backend.cameras.patience import Patience
from tests.faults.conftest import SMALL, Watch, Watched
from tests.rig.clips import Film, still_scene
from tests.rig.rtsp_server import Mount, RtspServer
from tests.rig.watching import wait_until

pytestmark = pytest.mark.usefixtures("bystander")

AT_ONCE = Patience(first_delay=0.001, longest_delay=0.001)
WARM_UP, CONNECTS = 40, 200
MOST_GROWTH = 4 * 2**20
"""Bytes; a leak of one decoder or one picture a connection would be 200 times 100 KiB or more."""
MOST_ROUNDS = 3
"""What earlier tests of this process left to the allocator settles in one or two; a leak goes on."""


def _wait_for_connects(door: Watched, count: int) -> None:
    wanted = door.status.counts.reconnects + count
    wait_until(lambda: door.status.counts.reconnects >= wanted, 300)


def _growth(process: psutil.Process, door: Watched) -> int:
    memory = process.memory_info().rss
    _wait_for_connects(door, CONNECTS)
    gc.collect()
    return int(process.memory_info().rss - memory)


def _left_open() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # counted, not walked


# 650 connections at the most: on a busy machine more than the usual limit allows.
@pytest.mark.timeout(400)
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
def test_two_hundred_connects_and_disconnects_leave_no_thread_socket_or_memory_behind(
    tmp_path: Path, watch: Watch
) -> None:
    brief = still_scene(tmp_path / "brief.mp4", film=Film(SMALL, fps=50), seconds=0.06).path
    process = psutil.Process()
    with RtspServer({"door": Mount((brief,), "end")}) as server:
        door = watch(server.url("door"), patience=AT_ONCE)
        _wait_for_connects(door, WARM_UP)
        gc.collect()
        threads = threading.active_count()
        growths = (_growth(process, door) for _ in range(MOST_ROUNDS))
        assert any(growth < MOST_GROWTH for growth in growths)
        # Fewer where one that an earlier test left behind has ended meanwhile.
        assert threading.active_count() <= threads
        assert door.watcher.looks >= CONNECTS
        sockets = [one for one in process.net_connections() if one.raddr and one.raddr.port == server.port]
        assert len(sockets) <= 1
        door.stop()
        files = _left_open()
        again = watch(server.url("door"), patience=AT_ONCE)
        _wait_for_connects(again, 10)
        again.stop()
        assert _left_open() <= files
