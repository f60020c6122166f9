"""Video sources through FFmpeg: the only importer of PyAV."""

import errno
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame

from backend.domain.camera import LINK_SCHEMES, Transport
from backend.domain.errors import (
    StreamError,
    StreamTimeout,
    StreamUnauthorised,
    StreamUnreachable,
    StreamUnreadable,
)
from backend.domain.geometry import RgbImage

OPEN_TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 5.0
"""A camera that sends nothing for this long is taken for frozen; shutdown waits no longer than this for a reader."""
PROBE_MICROSECONDS = "200000"
"""How much of a stream FFmpeg may probe before it is opened: the default of 5 s delays the first sighting."""
# What a camera's answer may make FFmpeg open: never a file of this machine.
_NETWORK_PROTOCOLS = "rtsp,rtsps,rtp,srtp,udp,tcp,tls,http,https,crypto,httpproxy"
_UNREACHABLE = frozenset(
    {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EIO, errno.ETIMEDOUT}
)


class Frame(Protocol):
    """One picture of a video; turned into RGB only when asked, for that costs milliseconds."""

    @property
    def taken_at(self) -> datetime:
        """The moment by the clock, for people."""
        ...

    @property
    def moment(self) -> float:
        """Seconds that only ever go forward, for measuring gaps."""
        ...

    def rgb(self) -> RgbImage:
        """The picture as height × width × 3."""
        ...


class FrameSource(Protocol):
    """An open video source."""

    def frames(self) -> Iterator[Frame]:
        """The frames as they arrive; raises a StreamError when the source fails, ends when the source ends."""
        ...

    def close(self) -> None:
        """Let go of the source."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class DecodedFrame:
    """A frame as FFmpeg decoded it; see Frame."""

    decoded: VideoFrame
    taken_at: datetime
    moment: float

    def rgb(self) -> RgbImage:
        """The picture as height × width × 3."""
        return np.asarray(self.decoded.to_ndarray(format="rgb24"), np.uint8)


class VideoSource:
    """A camera's link, a video file or a webcam, read until it ends."""

    def __init__(self, container: InputContainer, live: bool) -> None:
        """Take an open container; `open_camera` and `open_recording` make them."""
        self._container = container
        self._live = live

    def __enter__(self) -> Self:
        """Nothing more to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the source."""
        self.close()

    def frames(self) -> Iterator[Frame]:
        """The frames as they arrive; see FrameSource."""
        started_at, started = datetime.now(UTC), time.monotonic()
        with _Translated():
            for decoded in self._decoded():
                if self._live:
                    yield DecodedFrame(decoded, datetime.now(UTC), time.monotonic())
                else:
                    # A recording is read faster than life: its own clock says how far apart two frames are.
                    yield DecodedFrame(decoded, started_at, started + (decoded.time or 0.0))

    def close(self) -> None:
        """Let go of the source; see FrameSource."""
        self._container.close()

    def _decoded(self) -> Iterator[VideoFrame]:
        stream = self._container.streams.video[0]
        for packet in self._container.demux(stream):
            try:
                for frame in packet.decode():
                    if isinstance(frame, VideoFrame):
                        yield frame
            except av.error.InvalidDataError:
                # A damaged packet costs its own picture, not the connection.
                continue


def open_camera(link: str, transport: Transport) -> VideoSource:
    """Open a camera's address; raises a StreamError that says which step failed and holds no password."""
    options = {
        "protocol_whitelist": _NETWORK_PROTOCOLS,
        "analyzeduration": PROBE_MICROSECONDS,
        "fflags": "nobuffer",
    }
    over_rtsp = link.lower().startswith("rtsp")
    if over_rtsp:
        options |= {"rtsp_transport": transport.value, "timeout": str(int(READ_TIMEOUT_SECONDS * 1e6))}
    return _open(link, live=True, format="rtsp" if over_rtsp else None, options=options)


def open_recording(source: str) -> VideoSource:
    """Open a video file, or the webcam of that number; raises a StreamError where there is no such thing."""
    if source.isdecimal():
        return _open(f"/dev/video{source}", live=True, format="v4l2", options={})
    if not Path(source).is_file():
        raise StreamUnreachable(f"There is no video file '{source}'.")
    return _open(f"file:{source}", live=False, format=None, options={"protocol_whitelist": "file"})


def is_live(source: str) -> bool:
    """Whether the text names a camera or a webcam, which run on by themselves, rather than a file."""
    return source.isdecimal() or source.partition("://")[0].lower() in LINK_SCHEMES


def open_any(source: str, transport: Transport) -> VideoSource:
    """Open whatever the text names: a camera's link, a file, or a webcam's number."""
    is_link = source.partition("://")[0].lower() in LINK_SCHEMES
    return open_camera(source, transport) if is_link else open_recording(source)


def _open(link: str, *, live: bool, **arguments: Any) -> VideoSource:
    with _Translated():
        container = av.open(link, timeout=(OPEN_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS), **arguments)
    if not container.streams.video:
        container.close()
        raise StreamUnreadable("The source sends no video.")
    # One thread a camera: with more, a few cameras' decoders fight over few cores and add a frame of delay each.
    container.streams.video[0].codec_context.thread_count = 1
    return VideoSource(container, live)


class _Translated:
    """Turns FFmpeg's errors into ours; their texts are dropped, for they hold the link with its password."""

    def __enter__(self) -> None:
        """Begin to watch for errors."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise our own error in the place of FFmpeg's."""
        if isinstance(error, av.error.FFmpegError | OSError):
            raise _stream_error(error) from None


def _stream_error(error: av.error.FFmpegError | OSError) -> StreamError:
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return StreamUnauthorised("The camera refuses the user name or password.")
    if isinstance(error, av.error.ExitError | TimeoutError | av.error.TimeoutError):
        return StreamTimeout("The camera does not send anything.")
    if isinstance(error, av.error.HTTPError):
        return StreamUnreachable("The camera's server has nothing at this path.")
    if error.errno in _UNREACHABLE:
        return StreamUnreachable("Nothing answers at the camera's address.")
    if isinstance(error, av.error.EOFError):
        return StreamTimeout("The camera closed the connection.")
    return StreamUnreadable(f"The camera's video cannot be read ({type(error).__name__}).")
