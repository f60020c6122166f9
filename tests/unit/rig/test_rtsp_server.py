"""The RTSP server of the tests behaves like a camera, a good one or a bad one."""

import threading
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Literal

import av
import pytest

from tests.rig import rtsp_server
from tests.rig.clips import Codec, Film, still_scene
from tests.rig.rtsp_server import Mount, RtspServer
from tests.rig.tcp_proxy import TcpProxy

FPS = 25
FRAMES_IN_CLIP = 10
SHORT = FRAMES_IN_CLIP / FPS


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    film = Film(size=(320, 240), fps=FPS)
    return still_scene(tmp_path_factory.mktemp("clips") / "clip.mp4", film=film, seconds=SHORT).path


def frames(url: str, transport: Literal["tcp", "udp"] = "tcp", patience: float = 10.0) -> Iterator[av.VideoFrame]:
    """Yield the frames of a stream until it ends; an error of PyAV after so many seconds of silence."""
    options = {"rtsp_transport": transport, "analyzeduration": "100000"}
    with av.open(url, options=options, timeout=patience) as container:
        yield from container.decode(video=0)


def ends_soon(stream: Iterator[av.VideoFrame]) -> bool:
    """Tell whether at most 2 s of frames are left in a stream before it ends or fails."""
    try:
        return len(list(islice(stream, 2 * FPS))) < 2 * FPS
    except av.error.FFmpegError:
        return True


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_stream_goes_on_past_the_end_of_its_clip(clip: Path, transport: Literal["tcp", "udp"]) -> None:
    with RtspServer({"door": clip}) as server:
        seen = list(islice(frames(server.url("door"), transport), 3 * FRAMES_IN_CLIP))

    assert len(seen) == 3 * FRAMES_IN_CLIP
    times = [frame.pts for frame in seen if frame.pts is not None]
    assert all(earlier < later for earlier, later in pairwise(times))


@pytest.mark.parametrize("codec", ["h265", "mjpeg"])
def test_other_codecs_are_served_too(tmp_path: Path, codec: Codec) -> None:
    clip = still_scene(tmp_path / "clip.mp4", film=Film(size=(320, 240), fps=FPS, codec=codec), seconds=SHORT)

    with RtspServer({"door": clip.path}) as server:
        assert len(list(islice(frames(server.url("door")), 15))) == 15


def test_a_resolution_may_change_in_mid_stream(clip: Path, tmp_path: Path) -> None:
    wide = still_scene(tmp_path / "wide.mp4", film=Film(size=(640, 360), fps=FPS), seconds=SHORT)

    with RtspServer({"door": Mount((clip, wide.path))}) as server:
        sizes = [(frame.width, frame.height) for frame in islice(frames(server.url("door")), 2 * FRAMES_IN_CLIP)]

    assert set(sizes) == {(320, 240), (640, 360)}


def test_sound_may_come_with_the_picture(clip: Path) -> None:
    with (
        RtspServer({"door": Mount((clip,), audio=True)}) as server,
        av.open(server.url("door"), options={"rtsp_transport": "tcp"}, timeout=10.0) as container,
    ):
        assert {stream.type for stream in container.streams} == {"video", "audio"}


def test_a_stream_that_ends_says_goodbye(clip: Path) -> None:
    with RtspServer({"door": Mount((clip,), "end")}) as server:
        assert len(list(frames(server.url("door")))) == FRAMES_IN_CLIP


def test_a_stream_that_freezes_stays_connected_and_silent(clip: Path) -> None:
    with RtspServer({"door": Mount((clip,), "freeze")}) as server:
        stream = frames(server.url("door"), patience=5)
        assert len(list(islice(stream, FRAMES_IN_CLIP))) == FRAMES_IN_CLIP
        with pytest.raises(av.error.FFmpegError):
            next(stream)


def test_a_stream_that_repeats_its_last_keyframe_never_ends(clip: Path) -> None:
    with RtspServer({"door": Mount((clip,), "repeat")}) as server:
        seen = list(islice(frames(server.url("door")), 3 * FRAMES_IN_CLIP))

    assert all(frame.key_frame for frame in seen[FRAMES_IN_CLIP:])


@pytest.mark.parametrize("scheme", ["digest", "basic"])
def test_only_the_right_password_opens_a_guarded_stream(clip: Path, scheme: Literal["digest", "basic"]) -> None:
    with RtspServer({"door": clip}, user="alice", password="p@ss:/word", scheme=scheme) as server:
        assert next(frames(server.url("door", "alice", "p@ss:/word"))).width == 320
        for wrong in (server.url("door"), server.url("door", "alice", "guess")):
            with pytest.raises(av.error.HTTPUnauthorizedError):
                next(frames(wrong))


def test_a_killed_server_comes_back_on_the_same_port(clip: Path) -> None:
    with RtspServer({"door": clip}) as server:
        port = server.port
        server.kill()
        with pytest.raises(ConnectionRefusedError):
            next(frames(server.url("door")))
        server.start()

        assert server.port == port
        assert next(frames(server.url("door"))).width == 320


def test_a_server_may_come_back_with_another_clip(clip: Path, tmp_path: Path) -> None:
    wide = still_scene(tmp_path / "wide.mp4", film=Film(size=(640, 360), fps=FPS), seconds=SHORT)

    with RtspServer({"door": clip}) as server:
        server.stop()
        server.start({"door": wide.path})

        assert next(frames(server.url("door"))).width == 640


def test_a_frozen_server_is_silent_until_it_goes_on(clip: Path) -> None:
    with RtspServer({"door": clip}) as server:
        server.pause()
        with pytest.raises(av.error.FFmpegError):
            next(frames(server.url("door"), patience=0.5))
        server.resume()

        assert next(frames(server.url("door"))).width == 320


def test_a_frozen_server_can_be_stopped(clip: Path) -> None:
    before = set(threading.enumerate())
    with RtspServer({"door": clip}) as server:
        server.pause()

    assert set(threading.enumerate()) <= before


def test_the_server_tells_when_clients_begin_to_play(clip: Path) -> None:
    with RtspServer({"door": clip, "yard": clip}) as server:
        next(frames(server.url("yard")))
        next(frames(server.url("yard")))

        assert len(server.wait_for_plays("yard", 2)) == 2
        assert server.plays("door") == ()


def test_a_machine_without_gstreamer_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp_server, "_CAN_SERVE", "raise ImportError")

    with pytest.raises(RuntimeError, match=r"apt-get install gir1\.2-gst-rtsp-server-1\.0 python3-gi"):
        rtsp_server.python_with_gstreamer.__wrapped__()


def test_corrupted_bytes_damage_the_picture_and_not_the_handshake(clip: Path) -> None:
    with RtspServer({"door": clip}) as server, TcpProxy(server.port) as proxy:
        proxy.corrupt(0.01)

        assert next(frames(server.url("door", port=proxy.port))).width == 320


def test_a_stream_through_a_stalled_proxy_falls_silent_and_a_cut_one_ends(clip: Path) -> None:
    with RtspServer({"door": clip}) as server, TcpProxy(server.port) as proxy:
        for fault in (proxy.stall, proxy.cut):
            proxy.heal()
            stream = frames(server.url("door", port=proxy.port), patience=5)
            next(stream)
            fault()
            assert ends_soon(stream)
