"""The cameras' faults that take the whole service to show."""

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.cameras.schedule import CameraJob
from backend.container.services import Services, open_services
from backend.domain.camera import CameraState
from backend.domain.sighting import Sighting, SightingFilter
from backend.settings import Settings
from backend.storage import sightings
from tests.rig.clips import Clip, walk_past
from tests.rig.photos import person_crop
from tests.rig.rtsp_server import Mount, RtspServer
from tests.rig.server import ServerProcess
from tests.rig.tcp_proxy import TcpProxy
from tests.rig.watching import wait_until

pytestmark = pytest.mark.usefixtures("bystander")

STRANGER = 2


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Somebody passes once."""
    path = tmp_path_factory.mktemp("clips") / "walk.mp4"
    return walk_past(path, [person_crop(STRANGER)], seconds=3.0, empty_seconds=0.3)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    data_dir = tmp_path_factory.mktemp("service") / "data"
    with open_services(Settings(_env_file=None, auth_token="token-of-the-tests", data_dir=data_dir)) as services:
        yield services


@pytest.fixture
def scheduled(services: Services) -> Iterator[Services]:
    """The service; whatever cameras a test leaves behind are removed."""
    yield services
    for camera in services.schedule.cameras():
        services.schedule.remove(camera.camera_id)


def a_job(link: str, nickname: str = "door") -> CameraJob:
    return CameraJob(link, nickname, threshold=0.5, cooldown_seconds=0, notify_unknown=False, telegram=None)


def state(services: Services, camera_id: str) -> CameraState:
    return services.schedule.status(camera_id).state


def stored(services: Services) -> list[Sighting]:
    with services.recognition.database.read() as tx:
        return list(sightings.page(tx, SightingFilter(), None, 10))


def test_a_password_that_is_corrected_opens_the_camera_at_once(scheduled: Services, clip: Path) -> None:
    with RtspServer({"door": clip}, user="alice", password="right") as server:
        (camera,) = scheduled.schedule.add([a_job(server.url("door", "alice", "wrong"))])
        wait_until(lambda: state(scheduled, camera.camera_id) is CameraState.FAILED)
        (again,) = scheduled.schedule.add([a_job(server.url("door", "alice", "right"))])
        wait_until(lambda: state(scheduled, again.camera_id) is CameraState.STREAMING)
    assert [again.camera_id] == [kept.camera_id for kept in scheduled.schedule.cameras()] == [camera.camera_id]


def test_a_camera_is_removed_while_it_connects(scheduled: Services, clip: Path) -> None:
    with RtspServer({"door": clip}) as server, TcpProxy(server.port) as network:
        network.stall()
        (camera,) = scheduled.schedule.add([a_job(server.url("door", port=network.port))])
        wait_until(lambda: network.accepted >= 1)
        scheduled.schedule.remove(camera.camera_id)
        # Not as long as the connection hangs.
        assert "reader-door" in {thread.name for thread in threading.enumerate()}
        assert state(scheduled, camera.camera_id) is CameraState.STOPPED


def test_a_disk_that_is_full_costs_the_picture_and_not_the_sighting(
    scheduled: Services, walk: Clip, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    flush = os.fsync

    def full(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").resolve().suffix == ".part":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with RtspServer({"door": Mount((walk.path,), "freeze")}) as server:
        (camera,) = scheduled.schedule.add([a_job(server.url("door"))])
        wait_until(lambda: any(one.ended_at is not None for one in stored(scheduled)))
        scheduled.schedule.remove(camera.camera_id)
    # More than one where the frozen camera was connected anew before it was removed.
    pictures = {sighting.picture for sighting in stored(scheduled)}
    assert pictures == {None}
    assert "The picture cannot be written: No space left on device." in caplog.text


def test_the_service_stops_in_time_while_cameras_hang(tmp_path: Path, clip: Path) -> None:
    with RtspServer({"door": clip}) as rtsp, TcpProxy(rtsp.port) as opening, TcpProxy(rtsp.port) as reading:
        opening.stall()
        with ServerProcess(tmp_path / "data") as server, server.client() as client:
            jobs = [
                {"rtsp_link": rtsp.url("door", port=proxy.port), "camera_nickname": str(proxy.port)}
                for proxy in (opening, reading)
            ]
            client.post("/cameras/schedule", json=jobs).raise_for_status()
            rtsp.wait_for_plays("door")
            reading.stall()
            wait_until(lambda: opening.accepted >= 1)
            server.stop()
            assert "Traceback" not in server.log
