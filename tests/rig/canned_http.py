"""A real HTTP server on loopback that gives prepared answers: whatever else may stand at the server's address."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Canned:
    """A prepared answer."""

    status: int = 200
    body: str | bytes = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came; header names are in lower case."""

    method: str
    path: str
    """With the query."""
    headers: dict[str, str]
    body: bytes


class CannedHttp:
    """A server on a free port, alive inside its `with` block, that answers each request by a function."""

    def __init__(self, answer: Callable[[Asked], Canned]) -> None:
        self._requests: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer, self._requests))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="canned-http")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def requests(self) -> list[Asked]:
        """Every request so far, oldest first."""
        return list(self._requests)


def _handler(answer: Callable[[Asked], Canned], requests: list[Asked]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            asked = Asked(self.command, self.path, headers, body)
            requests.append(asked)
            canned = answer(asked)
            content = canned.body.encode() if isinstance(canned.body, str) else canned.body
            self.send_response(canned.status)
            # One request a connection: nothing waits on an idle one at the end of a test.
            for name, value in {
                "Content-Type": canned.content_type,
                "Content-Length": str(len(content)),
                "Connection": "close",
                **canned.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output free of requests."""

    return Handler
