"""A faulty network that knows RTSP: it moves the time stamps of pictures on their way."""

import re
import struct
from collections.abc import Callable

from tests.rig.tcp_proxy import Change, TcpProxy

TICKS_A_SECOND = 90_000
"""The clock of every video payload."""
_CONTENT_LENGTH = re.compile(rb"^content-length:\s*(\d+)\s*$", re.IGNORECASE | re.MULTILINE)
_TIME_STAMP = slice(4, 8)
_RTP_HEADER = 12


class RtspProxy(TcpProxy):
    """A TcpProxy to an RTSP server, whose pictures come over the same connection."""

    def __init__(self, target_port: int) -> None:
        super().__init__(target_port)
        self.shift_seconds = 0
        """How much later than they are the time stamps of pictures become from now on."""

    def _on_the_way_back(self) -> Change:
        return _Interleaved(lambda: self.shift_seconds * TICKS_A_SECOND).passed_on


class _Interleaved:
    """What a server sends over one connection: answers, and packets among them (RFC 2326, section 10.12)."""

    def __init__(self, shift: Callable[[], int]) -> None:
        self._shift = shift
        self._held = b""

    def passed_on(self, data: bytes, _passed: int) -> bytes:
        """What can be passed on now that more data came."""
        self._held += data
        done = bytearray()
        while (size := self._first_size()) <= len(self._held):
            message, self._held = self._held[:size], self._held[size:]
            done += self._moved(message) if message[:1] == b"$" else message
        return bytes(done)

    def _first_size(self) -> int:
        """The size of the first message; more than is there where it is not there as a whole."""
        if self._held[:1] == b"$":
            return 4 + int.from_bytes(self._held[2:4]) if len(self._held) >= 4 else 4
        head, end, _ = self._held.partition(b"\r\n\r\n")
        body = _CONTENT_LENGTH.search(head.replace(b"\r", b""))
        return len(head) + 4 + (int(body[1]) if body else 0) if end else len(self._held) + 1

    def _moved(self, message: bytes) -> bytes:
        packet = bytearray(message[4:])
        # Odd channels carry RTCP.
        if message[1] % 2 == 0 and len(packet) >= _RTP_HEADER:
            (ticks,) = struct.unpack(">I", packet[_TIME_STAMP])
            packet[_TIME_STAMP] = struct.pack(">I", (ticks + self._shift()) % 2**32)
        return message[:4] + bytes(packet)
