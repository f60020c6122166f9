"""A tiny RTSP server that describes any stream and sends none of it: for what a real server would not serve."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

_SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=canned\r\nt=0 0\r\n"
AUDIO_ONLY = f"{_SDP}m=audio 0 RTP/AVP 0\r\na=control:audio\r\n"
UNKNOWN_CODEC = f"{_SDP}m=video 0 RTP/AVP 96\r\na=rtpmap:96 NOSUCHCODEC/90000\r\na=control:video\r\n"


class CannedRtsp:
    """Answers 200 to everything and describes its stream by one SDP, alive inside its `with` block."""

    def __init__(self, sdp: str) -> None:
        self._sdp = sdp.encode()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name="canned-rtsp")]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in [self._listener, *self._open]:
            with contextlib.suppress(OSError):  # a client that hung up first
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join()

    @property
    def url(self) -> str:
        """The link of the stream."""
        return f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/canned"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,), name="canned-rtsp"))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection.makefile("rb") as requests:
                while request := requests.readline():
                    headers = dict(line.split(b": ", 1) for line in iter(lambda: requests.readline().strip(), b""))
                    connection.sendall(self._answer(request.split()[0], headers[b"CSeq"]))
        except (OSError, ValueError):
            return

    def _answer(self, method: bytes, sequence: bytes) -> bytes:
        body = self._sdp if method == b"DESCRIBE" else b""
        head = (
            b"RTSP/1.0 200 OK\r\nCSeq: %s\r\nPublic: DESCRIBE, SETUP, PLAY\r\nSession: 1\r\n"
            b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n"
        )
        return head % (sequence, len(body)) + body
