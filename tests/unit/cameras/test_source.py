"""Video sources: a real RTSP server, files, and what is neither."""

import math
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from av.codec.hwaccel import hwdevices_available

from backend.cameras.frame import Arrival, Frame
from backend.cameras.pacing import Effort
from backend.cameras.source import VideoSource, is_live, open_any, open_camera, open_recording, usable_hardware
from backend.domain.camera import HardwareDecoding, Transport
from backend.domain.errors import StreamError, StreamTimeout, StreamUnauthorised, StreamUnreachable, StreamUnreadable
from tests.rig.canned_rtsp import AUDIO_ONLY, UNKNOWN_CODEC, CannedRtsp
from tests.rig.clips import Codec, Film, still_scene
from tests.rig.mjpeg_server import MjpegServer
from tests.rig.photos import person_crop
from tests.rig.rtsp_server import Mount, RtspServer
from tests.rig.tcp_proxy import TcpProxy
from tests.rig.watching import PATIENT, SHORT

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PASSWORD = "p@ss:/word"
TRIES = 3
"""What the machine was too busy for is in time at one of them; what the code waits for is late at each."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One second each: every codec, and another size."""
    folder = tmp_path_factory.mktemp("clips")
    codecs: tuple[Codec, ...] = ("h264", "h265", "mjpeg")
    made = {codec: _clip(folder / f"{codec}.mp4", Film(size=(320, 240), codec=codec)) for codec in codecs}
    return made | {"wide": _clip(folder / "wide.mp4", Film(size=(640, 360)))}


def _clip(path: Path, film: Film) -> Path:
    return still_scene(path, film=film, seconds=1.0).path


@pytest.fixture(scope="module")
def server(clips: dict[str, Path]) -> Iterator[RtspServer]:
    mounts: dict[str, Path | Mount] = {
        **clips,
        "sound": Mount((clips["h264"],), audio=True),
        "freeze": Mount((clips["h264"],), "freeze"),
        "both": Mount((clips["h264"], clips["wide"])),
    }
    with RtspServer(mounts) as server:
        yield server


def opened(link: str, transport: Transport = Transport.TCP) -> "closing[VideoSource]":
    return closing(open_camera(link, transport, timeouts=PATIENT))


def arrivals(source: VideoSource, count: int, effort: Effort = Effort.PICTURE) -> list[Arrival]:
    return list(islice(source.arrivals(lambda _is_key, _moment: effort, lambda _moment: NOON), count))


def first_frame(source: VideoSource) -> Frame:
    return next(frame for arrival in arrivals(source, 5) for frame in arrival.frames)


@pytest.mark.parametrize("transport", list(Transport))
@pytest.mark.parametrize(("name", "codec"), [("h264", "h264"), ("h265", "hevc"), ("mjpeg", "mjpeg")])
def test_every_codec_is_read_from_its_first_keyframe_on(
    server: RtspServer, transport: Transport, name: str, codec: str
) -> None:
    with opened(server.url(name), transport) as source:
        seen = arrivals(source, 12)
        assert source.codec == codec
    assert all(len(arrival.frames) == 1 and not arrival.damaged for arrival in seen)
    assert seen[0].is_key
    assert seen[0].frames[0].rgb().shape == (240, 320, 3)


def seconds_to_the_first_picture(link: str) -> float:
    began = time.monotonic()
    with opened(link) as source:
        first_frame(source)
    return time.monotonic() - began


def test_a_stream_is_open_with_its_first_picture_and_not_seconds_later(server: RtspServer) -> None:
    # FFmpeg's own way takes 2.8 s here, whatever the machine: it waits for 25 more pictures.
    assert any(seconds_to_the_first_picture(server.url("h264")) < 1.5 for _ in range(TRIES))


def test_a_scheme_in_capitals_is_the_same_scheme(server: RtspServer) -> None:
    with opened(server.url("h264").replace("rtsp://", "RTSP://")) as source:
        assert source.codec == "h264"
    with MjpegServer(person_crop(2)) as camera, opened(camera.url().replace("http://", "Http://")) as source:
        assert first_frame(source).size == (220, 260)


def test_sound_is_ignored(server: RtspServer) -> None:
    with opened(server.url("sound")) as source:
        assert all(arrival.frames for arrival in arrivals(source, 5))


def test_a_resolution_may_change_in_mid_stream(server: RtspServer) -> None:
    with opened(server.url("both")) as source:
        sizes = [frame.size for arrival in arrivals(source, 20) for frame in arrival.frames]
    assert sizes == [(320, 240)] * 10 + [(640, 360)] * 10


def test_a_packet_that_is_worth_nothing_is_not_decoded(server: RtspServer) -> None:
    with opened(server.url("h264")) as source:
        seen = arrivals(source, 3, Effort.NOTHING)
    assert [(arrival.attempted, arrival.frames, arrival.decode_seconds) for arrival in seen] == [(False, (), 0.0)] * 3


def seconds_to_the_end(link: str) -> float:
    """From an open stream to the moment at which it is told to be silent; infinite where it did not open in time."""
    try:
        source = open_camera(link, Transport.TCP, timeouts=SHORT)
    except StreamTimeout:
        return math.inf
    with source:
        began = time.monotonic()
        with pytest.raises(StreamTimeout, match="does not send anything"):
            arrivals(source, 100)
        return time.monotonic() - began


def test_a_stream_that_falls_silent_is_told_of_in_time(server: RtspServer) -> None:
    # One second of pictures, one of silence, and not a second one while FFmpeg empties its parser.
    assert any(seconds_to_the_end(server.url("freeze")) < 2.9 for _ in range(TRIES))


def test_a_camera_that_falls_silent_in_the_handshake_is_told_of_in_time(server: RtspServer) -> None:
    with TcpProxy(server.port) as proxy:
        proxy.stall()
        with pytest.raises(StreamTimeout, match="does not send anything"):
            open_camera(server.url("h264", port=proxy.port), Transport.TCP, timeouts=SHORT)


@pytest.mark.parametrize("scheme", ["digest", "basic"])
def test_the_right_password_opens_and_a_wrong_one_is_told_as_such(
    clips: dict[str, Path], scheme: Literal["digest", "basic"]
) -> None:
    with RtspServer({"door": clips["h264"]}, user="alice", password=PASSWORD, scheme=scheme) as server:
        with opened(server.url("door", "alice", PASSWORD)) as source:
            assert first_frame(source)
        for link in (server.url("door"), server.url("door", "alice", "guess")):
            with pytest.raises(StreamUnauthorised, match="refuses the user name or password"):
                open_camera(link, Transport.TCP)


def test_no_error_holds_the_password(server: RtspServer) -> None:
    links = ("rtsp://alice:secret@no-such-host.invalid/", "rtsp://alice:secret@127.0.0.1:9/", server.url("nothing"))
    for link in links:
        with pytest.raises(StreamError) as raised:
            open_camera(link.replace("rtsp://127", "rtsp://alice:secret@127"), Transport.TCP)
        assert "secret" not in f"{raised.value}{raised.value.details}{raised.value.__cause__}"
        assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("rtsp://no-such-host.invalid/", "The name 'no-such-host.invalid' is not known"),
        ("rtsp://127.0.0.1:9/", "Nothing answers"),
    ],
)
def test_a_camera_that_is_not_there_is_unreachable(link: str, reason: str) -> None:
    with pytest.raises(StreamUnreachable, match=reason):
        open_camera(link, Transport.TCP)


def test_a_path_that_the_camera_does_not_have_is_told_as_such(server: RtspServer) -> None:
    with pytest.raises(StreamUnreachable, match="nothing at this path"):
        open_camera(server.url("nothing"), Transport.TCP)


@pytest.mark.parametrize(("sdp", "reason"), [(AUDIO_ONLY, "no video"), (UNKNOWN_CODEC, "not supported")])
def test_what_holds_no_video_that_can_be_decoded_is_unreadable(sdp: str, reason: str) -> None:
    # With the usual time-outs, for the second stream's first packet is waited for as long.
    with CannedRtsp(sdp) as server, pytest.raises(StreamUnreadable, match=reason):
        open_camera(server.url, Transport.TCP)


def test_a_cameras_address_never_opens_a_file_of_this_machine(clips: dict[str, Path]) -> None:
    with pytest.raises(StreamError):
        open_camera(f"http://127.0.0.1:9/{clips['h264']}", Transport.TCP)
    with pytest.raises(StreamError):
        open_camera(f"file://localhost{clips['h264']}", Transport.TCP)


def test_pictures_over_http_are_read_and_no_proxy_of_the_environment_sees_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with MjpegServer(person_crop(2)) as camera:
        with opened(camera.url()) as source:
            seen = arrivals(source, 5)
        with pytest.raises(StreamUnauthorised):
            open_camera(camera.url("guess"), Transport.TCP, timeouts=PATIENT)
    assert [frame.size for arrival in seen for frame in arrival.frames] == [(220, 260)] * 5


def test_a_frame_is_given_whole_shrunk_and_as_brightness(server: RtspServer) -> None:
    with opened(server.url("wide")) as source:
        frame = first_frame(source)
    assert frame.size == (640, 360)
    assert frame.rgb().shape == (360, 640, 3)
    assert frame.shrunk(320).shape == (180, 320, 3)
    assert frame.shrunk(2000).shape == (360, 640, 3)
    assert frame.luma(160).shape == (90, 160)
    assert float(frame.luma(160).mean()) == pytest.approx(float(frame.rgb().mean()), abs=15)


def test_pictures_that_are_equal_have_equal_fingerprints_and_noise_changes_them(clips: dict[str, Path]) -> None:
    with open_recording(str(clips["h264"])) as first, open_recording(str(clips["h264"])) as second:
        prints = [frame.fingerprint() for frame in first.frames()]
        assert prints == [frame.fingerprint() for frame in second.frames()]
    assert len(set(prints)) == len(prints) == 10


def test_a_recording_is_read_by_its_own_clock(clips: dict[str, Path]) -> None:
    with open_recording(str(clips["h264"])) as source:
        frames = list(source.frames())
    assert np.diff([frame.moment for frame in frames]) == pytest.approx(0.1)
    assert (frames[-1].taken_at - frames[0].taken_at).total_seconds() == pytest.approx(0.9)


def test_a_file_that_is_not_there_and_one_that_is_no_video_are_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(StreamUnreachable, match="no video file"):
        open_any(str(tmp_path / "nothing.mp4"), Transport.TCP)
    (tmp_path / "notes.txt").write_text("no video")
    with pytest.raises(StreamUnreadable):
        open_any(str(tmp_path / "notes.txt"), Transport.TCP)


@pytest.mark.parametrize(
    ("source", "live"), [("rtsp://a", True), ("RTSPS://a", True), ("0", True), ("party.mp4", False)]
)
def test_what_runs_on_by_itself_is_known_from_its_name(source: str, live: bool) -> None:
    assert is_live(source) is live


def test_hardware_that_is_not_there_is_replaced_by_the_processor_saying_so() -> None:
    assert usable_hardware(HardwareDecoding.NONE).missing is None
    missing = usable_hardware(HardwareDecoding.VIDEOTOOLBOX)
    if missing.device is None:
        assert "HARDWARE_DECODING=videotoolbox cannot be used here" in (missing.missing or "")


def test_what_the_device_does_not_decode_the_processor_does_and_the_source_says_so(server: RtspServer) -> None:
    with closing(open_camera(server.url("h265"), Transport.TCP, "drm", PATIENT)) as source:
        assert first_frame(source).rgb().shape == (240, 320, 3)
        assert source.worse == "Its video (hevc) is decoded by the processor: drm does not decode it here."
    with opened(server.url("h265")) as source:
        assert source.worse is None


def test_a_device_that_has_become_unusable_does_not_keep_a_camera_from_being_opened(server: RtspServer) -> None:
    if "cuda" not in hwdevices_available() or usable_hardware(HardwareDecoding.CUDA).device:
        pytest.skip("this needs an FFmpeg that knows CUDA, and a machine that has none")
    with closing(open_camera(server.url("h264"), Transport.TCP, "cuda", PATIENT)) as source:
        assert first_frame(source).rgb().shape == (240, 320, 3)
        assert "cuda does not decode it here" in (source.worse or "")


def test_automatic_hardware_is_a_device_that_decodes_or_the_processor(server: RtspServer) -> None:
    device = usable_hardware(HardwareDecoding.AUTO).device
    with closing(open_camera(server.url("h264"), Transport.TCP, device, PATIENT)) as source:
        assert first_frame(source).rgb().shape == (240, 320, 3)
