"""A real RTSP server on loopback that plays clips as cameras would, and can be stopped, killed and frozen."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self
from urllib.parse import quote

import av
from av.bitstream import BitStreamFilterContext

AtEnd = Literal["loop", "freeze", "end", "repeat"]
"""After the last frame: begin again; stay connected and send nothing; say goodbye; send the last keyframe for ever."""

DEBIAN_PACKAGES = (
    "gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good "
    "gstreamer1.0-plugins-ugly gstreamer1.0-libav"
)

_SCRIPT = Path(__file__).with_name("gst_rtsp.py")
_START_S = 60.0
_STOP_S = 5.0
_CAN_SERVE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
_TO_BYTE_STREAM = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}


@dataclass(frozen=True, slots=True)
class Mount:
    """What one name of the server plays, to each client from the start."""

    clips: tuple[Path, ...]
    """Played one after the other; of one codec, of any sizes (the resolution then changes in mid-stream)."""
    at_end: AtEnd = "loop"
    audio: bool = False
    """Send a sound track beside the picture."""


@dataclass(frozen=True, slots=True)
class _Packet:
    data: bytes
    at: int  # nanoseconds from the start of the mount
    duration: int  # nanoseconds
    key: bool


class RtspServer:
    """A gst-rtsp-server process on 127.0.0.1, TCP and UDP, alive inside its `with` block.

    Its port is free, chosen by the kernel, and stays the same over `stop`, `kill` and `start`. With a user every stream
    needs that user and password.
    """

    def __init__(
        self,
        mounts: Mapping[str, Path | Mount],
        *,
        user: str | None = None,
        password: str = "",
        scheme: Literal["digest", "basic"] = "digest",
    ) -> None:
        self._mounts = _as_mounts(mounts)
        self._access = {"user": user, "password": password, "scheme": scheme}
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None
        self._plays: list[tuple[str, float]] = []
        self._heard = threading.Condition()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """Where the server listens, or listened before it was stopped."""
        return self._port

    def url(self, name: str, user: str | None = None, password: str | None = None, *, port: int | None = None) -> str:
        """Return the link of a stream, with credentials only if given; `port` is that of a proxy in between."""
        credentials = "" if user is None else f"{quote(user, safe='')}:{quote(password or '', safe='')}@"
        return f"rtsp://{credentials}127.0.0.1:{port or self._port}/{name}"

    def start(self, mounts: Mapping[str, Path | Mount] | None = None) -> None:
        """Start the server, from the second time on the same port; `mounts` replace the former ones.

        Raises RuntimeError, naming the Debian packages to install, where this machine has no RTSP server.
        """
        assert self._process is None, "the server is running already"
        if mounts is not None:
            self._mounts = _as_mounts(mounts)
        with tempfile.TemporaryFile() as complaints:
            self._process = subprocess.Popen(
                [python_with_gstreamer(), "-I", str(_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
            )
            try:
                self._port = self._hand_over(self._process)
            except (OSError, ValueError) as error:
                self.kill()
                complaints.seek(0)
                said = complaints.read().decode(errors="replace").strip()
                raise RuntimeError(f"the RTSP server did not start: {said or error}. {_advice()}") from error

    def stop(self) -> None:
        """End the server in order, as at a reboot: its clients' connections are closed."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        self.resume()
        process.stdin.close()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
        self._clear_away()

    def kill(self) -> None:
        """End the server by SIGKILL, as if the power failed."""
        if self._process is not None:
            self._process.kill()
            self._clear_away()

    def pause(self) -> None:
        """Freeze the server: connections stay open and new ones are accepted by the kernel, but nothing is sent."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def plays(self, name: str) -> tuple[float, ...]:
        """Return when clients began to play a stream, in `time.monotonic()` seconds, oldest first."""
        with self._heard:
            return tuple(at for played, at in self._plays if played == name)

    def wait_for_plays(self, name: str, count: int = 1, timeout: float = 60.0) -> tuple[float, ...]:
        """Wait until clients have begun to play a stream `count` times since the server was made; return when.

        Raises TimeoutError after `timeout` seconds.
        """
        with self._heard:
            if not self._heard.wait_for(lambda: len(self.plays(name)) >= count, timeout):
                raise TimeoutError(f"{name} was played {len(self.plays(name))} times in {timeout} s, not {count}")
            return self.plays(name)

    def _hand_over(self, process: "subprocess.Popen[bytes]") -> int:
        """Send the description and the packets to the process, and return the port it answers with."""
        assert process.stdin is not None
        assert process.stdout is not None
        giving_up = threading.Timer(_START_S, process.kill)
        giving_up.start()
        try:
            self._describe(process.stdin)
            port = int(json.loads(process.stdout.readline())["port"])
        finally:
            giving_up.cancel()
            giving_up.join()
        self._listener = threading.Thread(target=self._listen, args=(process.stdout,), name="rtsp-server-listener")
        self._listener.start()
        return port

    def _describe(self, pipe: IO[bytes]) -> None:
        contents = {name: list(_packets(mount.clips)) for name, mount in self._mounts.items()}
        mounts = [_description(name, mount, contents[name]) for name, mount in self._mounts.items()]
        pipe.write(json.dumps({"port": self._port, "mounts": mounts, **self._access}).encode() + b"\n")
        for packets in contents.values():
            pipe.writelines(packet.data for packet in packets)
        pipe.flush()

    def _listen(self, reports: IO[bytes]) -> None:
        for line in reports:
            event = json.loads(line)
            with self._heard:
                self._plays.append((event["name"], time.monotonic()))
                self._heard.notify_all()

    def _clear_away(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        process.wait()
        if self._listener is not None:
            self._listener.join()
            self._listener = None
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):  # what it did not read before it died
                pipe.close()


@functools.cache
def python_with_gstreamer() -> str:
    """Return the Python that python3-gi belongs to; RuntimeError, naming the packages, if there is none."""
    on_path = (str(Path(folder) / "python3") for folder in os.get_exec_path())
    for candidate in dict.fromkeys(("/usr/bin/python3", *on_path)):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            if (
                subprocess.run([candidate, "-I", "-c", _CAN_SERVE], capture_output=True, timeout=_START_S).returncode
                == 0
            ):
                return candidate
    raise RuntimeError(f"the tests need a real RTSP server and found no Python that can run one. {_advice()}")


def _advice() -> str:
    return f"On Debian: apt-get install {DEBIAN_PACKAGES}"


def _as_mounts(mounts: Mapping[str, Path | Mount]) -> dict[str, Mount]:
    return {name: mount if isinstance(mount, Mount) else Mount((mount,)) for name, mount in mounts.items()}


def _description(name: str, mount: Mount, packets: list[_Packet]) -> dict[str, object]:
    with av.open(str(mount.clips[0])) as container:
        video = container.streams.video[0]
        assert video.average_rate is not None
        fps = f"{video.average_rate.numerator}/{video.average_rate.denominator}"
        look = {"codec": video.codec_context.name, "width": video.width, "height": video.height, "fps": fps}
    announced = [{"size": len(p.data), "at": p.at, "duration": p.duration, "key": p.key} for p in packets]
    return {"name": name, "at_end": mount.at_end, "audio": mount.audio, "packets": announced, **look}


def _packets(clips: tuple[Path, ...]) -> Iterator[_Packet]:
    """Yield the video packets of the clips, one clip after the other, in the form that RTP payloaders take."""
    starts = 0
    for clip in clips:
        length = 0
        for packet in _packets_of(clip):
            length = packet.at + packet.duration
            yield replace(packet, at=starts + packet.at)
        starts += length


def _packets_of(clip: Path) -> Iterator[_Packet]:
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        wanted = _TO_BYTE_STREAM.get(stream.codec_context.name)
        convert = BitStreamFilterContext(wanted, stream) if wanted else None
        for packet in container.demux(stream):
            for part in convert.filter(packet) if convert else [packet]:
                if part.size and part.pts is not None and part.time_base is not None:
                    tick = part.time_base * 1_000_000_000
                    lasts = int((part.duration or 0) * tick)
                    yield _Packet(bytes(part), int(part.pts * tick), lasts, part.is_keyframe)
