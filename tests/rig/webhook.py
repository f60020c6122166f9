"""A receiver of webhooks over real HTTP, with faults on command; it checks signatures as a careful one does."""

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.rig.bot_answers import Answer, Cut, Garbage, Ok, Refused, ServerError, Slow, TooManyRequests


@dataclass(frozen=True, slots=True)
class Posted:
    """A request that reached the receiver, whatever came of it; header names are in lower case."""

    headers: dict[str, str]
    body: bytes
    delivered: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class WebhookReceiver:
    """A receiver on a free loopback port, alive inside its `with` block; told a secret or password, it checks it."""

    def __init__(self, secret: str | None = None, password: str | None = None) -> None:
        self._secret = secret
        self._password = password
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="webhook-receiver")
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._script: Iterator[Answer] = iter(())
        self._posted: list[Posted] = []
        self._connections: set[socket.socket] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):  # it hung up first, or long ago
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook/of-the-tests"

    def script(self, answers: Iterable[Answer]) -> None:
        """Give these answers to the next requests, in order, then `Ok` again."""
        with self._changed:
            self._script = iter(answers)

    def posted(self, *, delivered: bool = False) -> list[Posted]:
        """Every request so far, or only those that took effect."""
        with self._changed:
            return [posted for posted in self._posted if posted.delivered or not delivered]

    def wait_for(self, count: int = 1, timeout: float = 60.0, *, delivered: bool = False) -> list[Posted]:
        """Wait until so many requests came; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.posted(delivered=delivered)) >= count, timeout):
                raise TimeoutError(f"{count} requests did not come in {timeout} s")
            return self.posted(delivered=delivered)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request as the script says."""
        self._connections.add(handler.connection)
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._changed:
            answer = self._answer(headers, body)
            delivered = isinstance(answer, Ok | Slow) or getattr(answer, "delivered", False)
            self._posted.append(Posted(headers, body, delivered))
            self._changed.notify_all()
        if isinstance(answer, Slow):
            self._closing.wait(answer.seconds)
        with contextlib.suppress(OSError):  # it hung up while it was kept waiting
            _reply(handler, answer)

    def _answer(self, headers: dict[str, str], body: bytes) -> Answer:
        if self._secret is not None and headers.get("x-face-server-signature") != self._signature(headers, body):
            return Refused(401, "wrong signature")
        if self._password is not None and headers.get("authorization") != _basic("user", self._password):
            return Refused(401, "wrong password")
        return next(self._script, Ok())

    def _signature(self, headers: dict[str, str], body: bytes) -> str:
        signed = headers.get("x-face-server-timestamp", "").encode() + b"." + body
        return "sha256=" + hmac.new(str(self._secret).encode(), signed, hashlib.sha256).hexdigest()


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _handler(receiver: WebhookReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            receiver.serve(self)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing: what was posted is recorded."""

    return Handler


def _reply(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    match answer:
        case Garbage():
            handler.wfile.write(b"\x00 this is no HTTP\r\n\r\n")
            handler.close_connection = True
        case Cut():
            _write(handler, 200, b"half of this is cut", cut=True)
        case TooManyRequests(retry_after):
            _write(handler, 429, b"", {"Retry-After": str(retry_after)})
        case ServerError(status):
            _write(handler, status, b"")
        case Refused(status, description):
            _write(handler, status, description.encode(), {"Location": "/elsewhere"} if status < 400 else {})
        case _:
            _write(handler, 200, b"ok")


def _write(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None, cut: bool = False
) -> None:
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2] if cut else body)
    handler.close_connection = handler.close_connection or cut
