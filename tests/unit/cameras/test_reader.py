"""The reader keeps a camera's newest frame at hand, whatever the camera does."""

import threading
from collections.abc import Iterator
from itertools import chain, cycle, repeat
from typing import Any

import pytest

from backend.cameras.clock import SteadyClock
from backend.cameras.frame import Frame
from backend.cameras.latest_frame import PLACES, LatestFrames
from backend.cameras.patience import Patience
from backend.cameras.reader import Reader
from backend.domain.camera import CameraState
from backend.domain.errors import StreamTimeout, StreamUnauthorised, StreamUnreachable
from tests.rig.watching import QUICK, wait_until
from tests.unit.cameras.scripted import ScriptedCamera, ScriptedSource, pictures

GONE = StreamUnreachable("Nothing answers at the camera's address.")
REFUSED = StreamUnauthorised("The camera refuses the user name or password.")


class Watched:
    """A reader of a scripted camera, running."""

    def __init__(self, camera: ScriptedCamera, *, analysis_fps: float = 5.0, patience: Patience = QUICK) -> None:
        self.slot: LatestFrames[Frame] = LatestFrames()
        self.reader = Reader("door", camera, self.slot, analysis_fps, SteadyClock(), patience)
        self.reader.start()

    def wait_for(self, **reading: Any) -> None:
        """Wait until the reading says all of this."""
        wait_until(lambda: all(getattr(self.reader.reading, name) == value for name, value in reading.items()))


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """Something to hang in; let go at the end of the test."""
    hanging = threading.Event()
    yield hanging
    hanging.set()


@pytest.fixture
def watch() -> Iterator[Any]:
    """Start readers; they are stopped, and must end, at the end of the test."""
    running: list[Watched] = []

    def start(camera: ScriptedCamera, **settings: Any) -> Watched:
        running.append(Watched(camera, **settings))
        return running[-1]

    yield start
    for watched in running:
        watched.reader.stop()
    assert all(watched.reader.join(10) for watched in running)
    assert all(watched.reader.reading.state is CameraState.STOPPED for watched in running)


def test_frames_that_are_due_are_left_for_the_processor(watch: Any, hang: threading.Event) -> None:
    watched = watch(ScriptedCamera(ScriptedSource([*pictures(100, 0.04), hang], key=False)))
    watched.wait_for(frames=100, state=CameraState.STREAMING, overtaken=20 - PLACES)
    assert [watched.slot.take(1.0).level for _ in range(PLACES)] == [
        5 * (20 - PLACES + place) for place in range(PLACES)
    ]


def test_the_reading_tells_rate_and_decoding(watch: Any, hang: threading.Event) -> None:
    watched = watch(ScriptedCamera(ScriptedSource([*pictures(200, 0.1), hang], key=False)))
    watched.wait_for(frames=200, decoded=200)
    assert watched.reader.reading.fps == pytest.approx(10, rel=0.05)
    assert watched.reader.reading.decode_seconds == pytest.approx(0.2)


def test_a_camera_that_is_gone_is_tried_again_and_again(watch: Any, hang: threading.Event) -> None:
    camera = ScriptedCamera(GONE, GONE, GONE, ScriptedSource([*pictures(1), hang]))
    watched = watch(camera)
    watched.wait_for(state=CameraState.STREAMING, reconnects=3, last_error=None)
    assert camera.attempts == 4


def test_before_the_first_picture_it_is_not_said_to_be_streaming(watch: Any, hang: threading.Event) -> None:
    camera = ScriptedCamera(ScriptedSource([hang]))
    watched = watch(camera)
    camera.wait_for_attempts(1)
    assert watched.reader.reading.state is CameraState.CONNECTING


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (ScriptedSource(pictures(3)), "ended the stream"),
        (ScriptedSource([0.2, StreamTimeout("The camera does not send anything.")]), "does not send"),
        (ScriptedSource([0.2, ValueError("a bug")]), "the log says why"),
        (ScriptedSource([0.2, *repeat(0.2, 400)], levels=repeat(7)), "repeats one picture"),
    ],
    ids=["end", "silence", "bug", "frozen picture"],
)
def test_why_a_connection_ended_is_told_and_it_is_closed(
    watch: Any, hang: threading.Event, source: ScriptedSource, reason: str
) -> None:
    camera = ScriptedCamera(source, ScriptedSource([hang]))
    watched = watch(camera)
    camera.wait_for_attempts(2)
    assert watched.reader.reading.state is CameraState.RECONNECTING
    assert reason in (watched.reader.reading.last_error or "")
    assert source.is_closed


def test_wrong_credentials_are_a_failure_that_waits_until_somebody_asks_for_another_try(
    watch: Any, hang: threading.Event
) -> None:
    camera = ScriptedCamera(REFUSED, ScriptedSource([*pictures(1), hang]))
    watched = watch(camera)
    watched.wait_for(state=CameraState.FAILED, last_error=REFUSED.message)
    assert camera.attempts == 1
    watched.reader.retry()
    watched.wait_for(state=CameraState.STREAMING)


def test_stopping_does_not_wait_for_the_next_attempt(watch: Any) -> None:
    watched = watch(ScriptedCamera(REFUSED))
    watched.wait_for(state=CameraState.FAILED)


def test_damaged_pictures_are_counted_and_not_looked_at(watch: Any, hang: threading.Event) -> None:
    watched = watch(ScriptedCamera(ScriptedSource([*pictures(30), hang], damaged=lambda number: number > 0)))
    watched.wait_for(damaged=29, frames=30, decoded=1, state=CameraState.STREAMING)
    assert watched.slot.take(1.0) is not None
    assert watched.slot.take(0.0) is None


def test_what_comes_before_the_first_picture_is_not_counted(watch: Any, hang: threading.Event) -> None:
    watched = watch(ScriptedCamera(ScriptedSource([*pictures(30), hang], damaged=lambda number: number < 10)))
    watched.wait_for(damaged=0, frames=20, state=CameraState.STREAMING)


def test_a_stream_of_which_nothing_can_be_decoded_is_told_as_such(watch: Any, hang: threading.Event) -> None:
    camera = ScriptedCamera(ScriptedSource(pictures(200), damaged=lambda _: True), ScriptedSource([hang]))
    watched = watch(camera)
    camera.wait_for_attempts(2)
    assert watched.reader.reading.last_error == "The camera sends data that cannot be decoded."


def test_a_scene_that_stays_as_it_is_but_for_noise_is_no_frozen_picture(watch: Any, hang: threading.Event) -> None:
    levels = chain.from_iterable(repeat([1] * 100 + [2]))
    watched = watch(ScriptedCamera(ScriptedSource([*pictures(2000), hang], levels=levels)))
    watched.wait_for(frames=2000, reconnects=0)


def test_a_failure_is_logged_once_however_long_it_lasts(watch: Any, caplog: pytest.LogCaptureFixture) -> None:
    camera = ScriptedCamera(GONE)
    watch(camera, patience=Patience(first_delay=0.001, longest_delay=0.001))
    camera.wait_for_attempts(20)
    assert caplog.text.count(GONE.message) == 1


def test_time_stamps_come_from_the_clock_and_only_go_forward(watch: Any, hang: threading.Event) -> None:
    moments = cycle([0.2, 0.21])
    watched = watch(ScriptedCamera(ScriptedSource([next(moments) for _ in range(10)] + [hang])))
    watched.wait_for(frames=10, overtaken=10 - PLACES)
    *older, frame = (watched.slot.take(1.0) for _ in range(PLACES))
    assert all(each.taken_at <= frame.taken_at for each in older)
    assert frame.taken_at == watched.reader.reading.last_frame_at
