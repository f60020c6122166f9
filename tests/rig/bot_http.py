"""The HTTP side of the Bot API server: how its requests are read and its replies written."""

import contextlib
import json
import re
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_PATH = re.compile(r"/bot(?P<token>[^/]+)/(?P<method>\w+)")


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it came over the wire."""

    token: str
    method: str
    params: Mapping[str, str]
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back; a cut reply ends, with its connection, after half of its body."""

    status: int
    body: bytes
    cut: bool = False


class BotHttpServer(ThreadingHTTPServer):
    """An HTTP server on a free loopback port that leaves no thread and no connection behind when closed."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Hang up on all clients; the threads that serve them end."""
        with self._guard:
            for connection in self._connections:
                with contextlib.suppress(OSError):  # it hung up first
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that hung up is daily life
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small answers go out at once: waiting to fill a packet would add 40 ms to each.
    disable_nagle_algorithm = True
    server: BotHttpServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: what was called is recorded."""

    def _serve(self) -> None:
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        params = dict(parse_qsl(address.query, keep_blank_values=True))
        form, files = read_body(self.headers, body)
        path = _PATH.fullmatch(unquote(address.path))
        token, method = (path["token"], path["method"]) if path else ("", "")
        self._send(self.server.answer(Request(token, method, params | form, files)))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)
        self.close_connection = self.close_connection or reply.cut


def read_body(headers: Message, body: bytes) -> tuple[dict[str, str], dict[str, bytes]]:
    """Return the fields and the files of a request body: JSON, a URL-encoded form or multipart."""
    kind = headers.get_content_type()
    if kind == "application/json":
        fields = json.loads(body or b"{}")
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}, {}
    if kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(body.decode(), keep_blank_values=True)), {}
    if kind == "multipart/form-data":
        return _read_multipart(body, str(headers.get_param("boundary")))
    return {}, {}


def _read_multipart(body: bytes, boundary: str) -> tuple[dict[str, str], dict[str, bytes]]:
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = BytesHeaderParser().parsebytes(head)
        name = str(headers.get_param("name", header="Content-Disposition"))
        if headers.get_filename() is None:
            fields[name] = content.decode()
        else:
            files[name] = content
    return fields, files
