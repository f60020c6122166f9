"""Video sources through FFmpeg: the only importer of PyAV."""

import errno
import logging
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import av
import numpy as np
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from backend.cameras.frame import Arrival, Frame, TellTime, WantedEffort
from backend.cameras.pacing import Effort
from backend.domain.camera import LINK_SCHEMES, ConnectStep, HardwareDecoding, Transport
from backend.domain.errors import (
    StreamError,
    StreamTimeout,
    StreamUnauthorised,
    StreamUnreachable,
    StreamUnreadable,
)
from backend.domain.geometry import GreyImage, RgbImage

logger = logging.getLogger(__name__)

_OVER_RTSP = {
    # Sound is not even asked for: it costs a session and keeps a silent picture from timing out.
    "allowed_media_types": "video",
    # The first packet opens the stream; what FFmpeg would wait for beyond it, the decoder learns from the packets.
    # Measured on 10 pictures a second of H.264: 0.11 s to the first picture, where the defaults take 2.8.
    "probesize": "32",
    "analyzeduration": "1",
    "fpsprobesize": "0",
}
_OVER_HTTP = {
    "analyzeduration": "200000",
    # What cameras send; a playlist may name further addresses, but only over the protocols below.
    "format_whitelist": "mpjpeg,mjpeg,mpegts,flv,mov,mp4,matroska,webm,h264,hevc,hls,applehttp",
}
_LIVE = {
    # Nobody needs its time stamps, and packets would be held back to make up those that are missing.
    "fflags": "-genpts",
    # What a camera's answer may make FFmpeg open: never a file of this machine.
    "protocol_whitelist": "rtsp,rtsps,rtp,srtp,udp,tcp,tls,http,https,crypto",
    # No proxy that the environment names: what a camera sees stays between it and this machine.
    "http_proxy": "none",
}
_UNREACHABLE = frozenset(
    {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EIO, errno.ETIMEDOUT}
)
_CUT_OFF = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED})
_SILENT = "The camera does not send anything."
_DEVICES = ("cuda", "vaapi", "videotoolbox", "d3d11va", "qsv")
"""What `auto` tries, in this order: what the decoder's maker supports best comes first."""
_CHECKED_ROWS = 8
"""A fingerprint takes every eighth row of the picture: noise is in all of them, and it costs 0.07 ms at 1080p."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a silent source is waited for, in seconds."""

    open: float = 5.0
    """For each of the two steps of opening: connecting, and the first packet."""
    read: float = 5.0
    """A camera that sends nothing for this long is taken for frozen."""

    @property
    def read_microseconds(self) -> str:
        """The reading time as FFmpeg's options want it."""
        return str(int(self.read * 1e6))


USUAL_TIMEOUTS = Timeouts()
_NEARLY = 0.95
"""What took this share of a time-out was ended by it."""


class DecodedFrame:
    """A frame as FFmpeg decoded it; see Frame."""

    __slots__ = ("_decoded", "_lock", "_rgb", "moment", "taken_at")

    def __init__(self, decoded: VideoFrame, taken_at: datetime, moment: float) -> None:
        """Keep the frame in the decoder's own format."""
        self.taken_at = taken_at
        self.moment = moment
        self._decoded = decoded
        self._rgb: RgbImage | None = None
        # FFmpeg's converters are not made for two threads, and a picture may be analysed and shown at once.
        self._lock = threading.Lock()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture; see Frame."""
        return self._decoded.width, self._decoded.height

    def rgb(self) -> RgbImage:
        """The picture as height × width × 3; see Frame."""
        with self._lock:
            if self._rgb is None:
                # One thread: by default each conversion starts as many as there are cores.
                self._rgb = np.asarray(self._decoded.to_ndarray(format="rgb24", threads=1), np.uint8)
            return self._rgb

    def detailed(self) -> RgbImage:
        """The picture itself; see Frame."""
        return self.rgb()

    def shrunk(self, longest: int) -> RgbImage:
        """The picture, smaller; see Frame."""
        width, height = self._decoded.width, self._decoded.height
        scale = longest / max(width, height)
        if scale >= 1:
            return self.rgb()
        size = max(1, round(width * scale)), max(1, round(height * scale))
        with self._lock:
            small = self._decoded.reformat(*size, format="rgb24", interpolation="AREA", threads=1)
            return np.asarray(small.to_ndarray(), np.uint8)

    def luma(self, width: int) -> GreyImage:
        """The brightness alone; see Frame."""
        height = max(1, round(self._decoded.height * width / self._decoded.width))
        with self._lock:
            grey = self._decoded.reformat(width, height, format="gray", interpolation="AREA", threads=1)
            return np.asarray(grey.to_ndarray(), np.uint8)

    def fingerprint(self) -> int:
        """A checksum of the picture's brightness; see Frame."""
        plane = self._decoded.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        return zlib.crc32(rows[::_CHECKED_ROWS, : plane.width].tobytes())


class VideoSource:
    """A camera's link, a video file or a webcam, read until it ends."""

    def __init__(
        self, container: InputContainer, stream: VideoStream, timeouts: Timeouts, device: str | None = None
    ) -> None:
        """Take an open container, its picture, and the device that was to decode it.

        `open_camera` and `open_recording` make them.
        """
        self._container = container
        self._stream = stream
        self._timeouts = timeouts
        self._device = device

    def __enter__(self) -> Self:
        """Nothing more to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the source."""
        self.close()

    @property
    def codec(self) -> str:
        """The codec by FFmpeg's name: h264, hevc, mjpeg …"""
        return self._stream.codec_context.name

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels; 0 before the first picture of some streams."""
        return self._stream.codec_context.width, self._stream.codec_context.height

    @property
    def worse(self) -> str | None:
        """Where the processor decodes in the place of a device, that it does; see FrameSource."""
        if self._device is None or self._stream.codec_context.is_hwaccel:
            return None
        return f"Its video ({self.codec}) is decoded by the processor: {self._device} does not decode it here."

    def arrivals(self, effort: WantedEffort, tell_time: TellTime) -> Iterator[Arrival]:
        """The packets as they arrive; see FrameSource."""
        with _Translated():
            for packet, moment in self._live_packets():
                yield self._arrival(packet, moment, effort(packet.is_keyframe, moment), tell_time)

    def frames(self) -> Iterator[Frame]:
        """All pictures of a recording, at the moments of its own clock: it is read faster than life."""
        started_at, started = datetime.now(UTC), time.monotonic()
        with _Translated():
            for packet in self._container.demux(self._stream):
                for decoded in self._decoded(packet) or ():
                    at = decoded.time or 0.0
                    yield DecodedFrame(decoded, started_at + timedelta(seconds=at), started + at)

    def close(self) -> None:
        """Let go of the source; see FrameSource."""
        self._container.close()

    def _live_packets(self) -> Iterator[tuple["Packet[VideoStream]", float]]:
        before = time.monotonic()
        for packet in self._container.demux(self._stream):
            now = time.monotonic()
            if now - before > _NEARLY * self._timeouts.read:
                # FFmpeg hands out what its parser still held when the time was over, and would wait as long again.
                raise StreamTimeout(_SILENT, step=ConnectStep.PICTURE)
            if packet.size:
                yield packet, now
            before = time.monotonic()

    def _arrival(self, packet: "Packet[VideoStream]", moment: float, effort: Effort, tell_time: TellTime) -> Arrival:
        if effort is Effort.NOTHING:
            return Arrival(moment, packet.is_keyframe, packet.size, attempted=False)
        self._stream.codec_context.skip_frame = "NONREF" if effort is Effort.REFERENCE else "DEFAULT"
        began = time.thread_time()
        decoded = self._decoded(packet)
        seconds = time.thread_time() - began
        whole = tuple(DecodedFrame(frame, tell_time(moment), moment) for frame in decoded or () if not frame.is_corrupt)
        damaged = 1 if decoded is None else len(decoded) - len(whole)
        return Arrival(moment, packet.is_keyframe, packet.size, True, whole, damaged, seconds)

    def _decoded(self, packet: "Packet[VideoStream]") -> list[VideoFrame] | None:
        """The pictures that the decoder hands out for a packet; None where it could make nothing of it."""
        try:
            return self._stream.codec_context.decode(packet)
        except av.error.FFmpegError:
            # A damaged packet costs its own picture, not the connection.
            return None


def open_camera(
    link: str, transport: Transport, device: str | None = None, timeouts: Timeouts = USUAL_TIMEOUTS
) -> VideoSource:
    """Open a camera's address, to be decoded by `device` (see `usable_hardware`), or else by the processor.

    Raises a StreamError that says which step failed and holds no password. Takes twice the time for opening at the
    most, beside the time in which the system gives up a name.
    """
    _resolve(link)
    # FFmpeg knows schemes in small letters alone.
    scheme, separator, rest = link.partition("://")
    link = f"{scheme.lower()}{separator}{rest}"
    if link.startswith("rtsp"):
        options = _OVER_RTSP | {"rtsp_transport": transport.value, "timeout": timeouts.read_microseconds}
        return _open(link, timeouts, device, format="rtsp", options=_LIVE | options)
    options = _OVER_HTTP | {"rw_timeout": timeouts.read_microseconds}
    return _open(link, timeouts, device, options=_LIVE | options)


def open_recording(source: str) -> VideoSource:
    """Open a video file, or the webcam of that number; raises a StreamError where there is no such thing."""
    if source.isdecimal():
        return _open(str(webcam(source)), USUAL_TIMEOUTS, format="v4l2")
    if not Path(source).is_file():
        raise StreamUnreachable(f"There is no video file '{source}'.")
    return _open(f"file:{source}", USUAL_TIMEOUTS, options={"protocol_whitelist": "file"})


def webcam(number: str) -> Path:
    """The device of the webcam of that number; raises StreamUnreachable where there is none."""
    device = Path(f"/dev/video{number}")
    if not device.exists():
        raise StreamUnreachable(f"There is no webcam {number}: no {device}.")
    return device


def is_live(source: str) -> bool:
    """Whether the text names a camera or a webcam, which run on by themselves, rather than a file."""
    return source.isdecimal() or _is_link(source)


def open_any(source: str, transport: Transport, device: str | None = None) -> VideoSource:
    """Open whatever the text names: a camera's link, a file, or a webcam's number."""
    return open_camera(source, transport, device) if _is_link(source) else open_recording(source)


@dataclass(frozen=True, slots=True)
class Hardware:
    """What decodes video."""

    device: str | None
    """FFmpeg's name of the kind of device; None for the processor."""
    missing: str | None = None
    """Where something else was asked for, what is missing, in a sentence."""


def usable_hardware(wanted: HardwareDecoding) -> Hardware:
    """What of the wanted can be used here: the processor where there is no such device, saying so."""
    if wanted is HardwareDecoding.NONE:
        return Hardware(None)
    kinds = _DEVICES if wanted is HardwareDecoding.AUTO else (wanted.value,)
    device = next((kind for kind in kinds if _works(kind)), None)
    if device is not None or wanted is HardwareDecoding.AUTO:
        return Hardware(device)
    there = ", ".join(hwdevices_available()) or "nothing"
    return Hardware(
        None,
        f"HARDWARE_DECODING={wanted.value} cannot be used here (no such device; FFmpeg was built with {there}): "
        "video is decoded by the processor.",
    )


def _works(kind: str) -> bool:
    try:
        HWAccel(kind).create(av.Codec("h264", "r"))
    except (av.error.FFmpegError, NotImplementedError, ValueError):
        return False
    return True


def _acceleration(device: str | None) -> HWAccel | None:
    # Asked anew for each connection: a device that has become unusable since the start would keep the camera from being
    # opened. With the fallback, a codec that it does not know is decoded by the processor.
    return HWAccel(device, allow_software_fallback=True) if device is not None and _works(device) else None


def _is_link(source: str) -> bool:
    return source.partition("://")[0].lower() in LINK_SCHEMES


def _resolve(link: str) -> None:
    """Look the name up first: FFmpeg does not tell an unknown name from a host that is down."""
    parts = urlsplit(link)
    try:
        socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise StreamUnreachable(f"The name '{parts.hostname}' is not known.", step=ConnectStep.NAME) from None


def _open(link: str, timeouts: Timeouts, device: str | None = None, **arguments: Any) -> VideoSource:
    acceleration, began = _acceleration(device), time.monotonic()
    try:
        container = av.open(link, timeout=(timeouts.open, timeouts.read), hwaccel=acceleration, **arguments)
    except (av.error.FFmpegError, OSError) as error:
        is_over = time.monotonic() - began > _NEARLY * min(timeouts.open, timeouts.read)
        raise _open_error(error, is_over) from None
    try:
        return VideoSource(container, _picture_of(container), timeouts, device)
    except StreamError:
        container.close()
        raise


def _picture_of(container: InputContainer) -> VideoStream:
    """The first video stream, ready to be decoded, and the others silenced; raises StreamUnreadable."""
    if not container.streams.video:
        raise StreamUnreadable("The source sends no video.", step=ConnectStep.VIDEO)
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise StreamUnreadable("The source sends video of a codec that is not supported.", step=ConnectStep.CODEC)
    for other in container.streams:
        if other.index != stream.index:
            other.discard = av.stream.Discard.all
    # One thread a camera: with more, a few cameras' decoders fight over few cores and add a frame of delay each.
    stream.codec_context.thread_count = 1
    return stream


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


def _open_error(error: av.error.FFmpegError | OSError, is_time_over: bool) -> StreamError:
    if not isinstance(error, av.error.InvalidDataError):
        return _stream_error(error)
    if is_time_over:
        # FFmpeg complains of the answer that it has not got where a camera falls silent in the middle of the handshake.
        return StreamTimeout(_SILENT, step=ConnectStep.ANSWER)
    return StreamUnreadable("What answers there sends nothing that is a camera's video.", step=ConnectStep.ANSWER)


def _stream_error(error: av.error.FFmpegError | OSError) -> StreamError:
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return StreamUnauthorised("The camera refuses the user name or password.", step=ConnectStep.LOGIN)
    if isinstance(error, av.error.ExitError | TimeoutError | av.error.TimeoutError):
        return StreamTimeout(_SILENT, step=ConnectStep.ANSWER)
    if isinstance(error, av.error.HTTPError | av.error.HTTPClientError):
        return StreamUnreachable("The camera's server has nothing at this path.", step=ConnectStep.PATH)
    if error.errno in _UNREACHABLE:
        return StreamUnreachable("Nothing answers at the camera's address.", step=ConnectStep.PORT)
    if isinstance(error, av.error.EOFError) or error.errno in _CUT_OFF:
        return StreamTimeout("The camera closed the connection.", step=ConnectStep.ANSWER)
    return StreamUnreadable(f"The camera's video cannot be read ({type(error).__name__}).", step=ConnectStep.ANSWER)
