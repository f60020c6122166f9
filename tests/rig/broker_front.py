"""A broker on command: refuses, is in distress, speaks nonsense or breaks off, and else is the real one behind it.

No real broker can be asked to use up its quota or to break off in the middle of an acknowledgement, so this speaks as
much of MQTT 5 itself as such an answer needs.
"""

import socket
import socketserver
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.rig.bot_answers import Answer, Cut, Garbage, Refused, ServerError, TooManyRequests

_HOST = "127.0.0.1"
_WELCOME = b"\x20\x03\x00\x00\x00"
_PUBLISH, _DISCONNECT = 3, 14
_UNSPECIFIED, _UNAVAILABLE, _NOT_AUTHORISED, _QUOTA = 0x80, 0x88, 0x87, 0x97
"""Reason codes of MQTT 5 (2.4)."""


class BrokerFront:
    """Stands before a broker; gives the scripted answers, one for each connection, and then lets everything through."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._script: deque[Answer] = deque()
        self._server = socketserver.ThreadingTCPServer((_HOST, 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._open: list[socket.socket] = []

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def script(self, *answers: Answer) -> None:
        """Have the next connections answered like this."""
        self._script.extend(answers)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        for connection in self._open:
            connection.close()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[socketserver.BaseRequestHandler]:
        front = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                front._serve(self.request)

        return Handler

    def _serve(self, client: socket.socket) -> None:
        self._open.append(client)
        try:
            if self._script:
                _converse(client, self._script.popleft())
            else:
                with socket.create_connection((_HOST, self._target_port)) as broker:
                    self._open.append(broker)
                    back = threading.Thread(target=_pump, args=(broker, client), daemon=True)
                    back.start()
                    _pump(client, broker)
                    back.join()
        except OSError:
            return  # one side is gone, as a fault or as the end


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what a side says until it has nothing more to say."""
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for side in (source, sink):
            side.close()


def _converse(client: socket.socket, answer: Answer) -> None:
    """Let somebody in, or not, and answer everything that is published like this."""
    _packet(client)
    if isinstance(answer, ServerError) and answer.status == 502:
        client.sendall(bytes([0x20, 3, 0, _UNAVAILABLE, 0]))
        return
    client.sendall(_WELCOME)
    while (packet := _packet(client)) is not None:
        kind, body = packet
        if kind >> 4 == _DISCONNECT:
            return
        if kind >> 4 == _PUBLISH:
            after_topic = 2 + int.from_bytes(body[:2])
            if not _acknowledged(client, body[after_topic : after_topic + 2], answer):
                return


def _acknowledged(client: socket.socket, number: bytes, answer: Answer) -> bool:
    """Answer a message of that number; whether the conversation goes on."""
    match answer:
        case Garbage():
            client.sendall(b"\xff" * 64)
        case Cut():
            client.sendall(b"\x40\x04" + number[:1])
        case _:
            client.sendall(b"\x40\x04" + number + bytes([_reason(answer), 0]))
            return True
    return False


def _reason(answer: Answer) -> int:
    match answer:
        case Refused():
            return _NOT_AUTHORISED
        case TooManyRequests():
            return _QUOTA
        case _:
            return _UNSPECIFIED


def _packet(client: socket.socket) -> tuple[int, bytes] | None:
    """The next packet's first byte and its body; None where there is no more."""
    first = client.recv(1)
    if not first:
        return None
    length, shift = 0, 0
    while True:
        (digit,) = _exactly(client.recv, 1)
        length |= (digit & 127) << shift
        shift += 7
        if digit < 128:
            return first[0], _exactly(client.recv, length)


def _exactly(receive: Callable[[int], bytes], length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = receive(length - len(data))
        if not more:
            raise ConnectionResetError
        data += more
    return data
