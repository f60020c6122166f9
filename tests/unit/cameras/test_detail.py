"""The second stream of a camera is open only while somebody is there."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from time import monotonic

import pytest

from backend.cameras import detail
from backend.cameras.clock import SteadyClock
from backend.cameras.detail import DetailStream, RecentFrames
from backend.domain.errors import StreamUnreachable
from tests.rig.watching import QUICK, wait_until
from tests.unit.cameras.scripted import ScriptedCamera, ScriptedFrame, ScriptedSource, pictures

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
OWN = ScriptedFrame(NOON, 1001.0, 1)


class LargeFrame(ScriptedFrame):
    """A frame with twice as many pixels across."""

    size = (16, 12)


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    hanging = threading.Event()
    yield hanging
    hanging.set()


@pytest.fixture
def camera(hang: threading.Event) -> ScriptedCamera:
    return ScriptedCamera(*(ScriptedSource([*pictures(5), hang]) for _ in range(3)))


@pytest.fixture
def stream(camera: ScriptedCamera, hang: threading.Event) -> Iterator[DetailStream]:
    stream = DetailStream("door", camera, 5.0, SteadyClock(), QUICK)
    yield stream
    hang.set()
    stream.stop()
    assert stream.join(monotonic() + 10)


def test_it_is_not_opened_while_nobody_is_there(stream: DetailStream, camera: ScriptedCamera) -> None:
    stream.heed(somebody_here=False)
    assert camera.attempts == 0
    assert stream.with_detail(OWN) is OWN


def test_somebody_opens_it_once_and_its_pictures_go_with_the_frames_of_their_moment(
    stream: DetailStream, camera: ScriptedCamera
) -> None:
    stream.heed(somebody_here=True)
    stream.heed(somebody_here=True)
    wait_until(lambda: stream.with_detail(OWN) is not OWN)
    assert camera.attempts == 1
    with_detail = stream.with_detail(OWN)
    assert (with_detail.moment, with_detail.taken_at, with_detail.size) == (OWN.moment, OWN.taken_at, OWN.size)
    assert with_detail.fingerprint() == OWN.fingerprint()


def test_it_stays_open_for_who_may_come_back_and_is_closed_then(
    stream: DetailStream, camera: ScriptedCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream.heed(somebody_here=True)
    stream.heed(somebody_here=False)
    wait_until(lambda: stream.with_detail(OWN) is not OWN)
    monkeypatch.setattr(detail, "LINGER_SECONDS", -1.0)
    stream.heed(somebody_here=True)
    stream.heed(somebody_here=False)
    assert stream.with_detail(OWN) is OWN
    stream.heed(somebody_here=True)
    camera.wait_for_attempts(2)


def test_why_it_cannot_be_opened_is_told() -> None:
    stream = DetailStream("door", ScriptedCamera(StreamUnreachable("Nothing answers.")), 5.0, SteadyClock(), QUICK)
    assert stream.trouble is None
    stream.heed(somebody_here=True)
    wait_until(lambda: stream.trouble == "The detail link: Nothing answers.")
    stream.stop()
    assert stream.join(monotonic() + 10)


def test_the_nearest_picture_counts_and_only_if_it_is_near() -> None:
    recent = RecentFrames()
    for number in range(8):
        recent.put(ScriptedFrame(NOON, 1000.0 + number / 5, number))
    nearest = recent.nearest(1001.19)
    assert nearest is not None
    assert nearest.fingerprint() == 6
    assert recent.nearest(1000.0) is None
    assert recent.nearest(1003.0) is None


def test_a_second_stream_with_fewer_pixels_adds_nothing() -> None:
    large = LargeFrame(NOON, 1001.0, 9)
    assert detail.DetailedFrame(OWN, large).detailed()[0, 0, 0] == 9
    assert detail.DetailedFrame(large, OWN).detailed()[0, 0, 0] == 9
