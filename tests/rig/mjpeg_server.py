"""A camera that sends JPEG pictures over HTTP, one after the other in one answer, behind basic authentication."""

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from tests.rig.photos import Image, jpeg

USER, PASSWORD = "alice", "secret"
FPS = 10
_EXPECTED = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class MjpegServer:
    """Shows one picture for ever, on a free loopback port, alive inside its `with` block."""

    def __init__(self, picture: Image) -> None:
        self.asked: list[str] = []
        """The paths of all requests."""
        server = self
        part = jpeg(picture)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                if self.headers.get("Authorization") != _EXPECTED:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
                self.end_headers()
                server._send(self, part)

            def log_message(self, *_: object) -> None:
                pass

        self._stopping = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="mjpeg-server")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def url(self, password: str = PASSWORD) -> str:
        """The link of the stream."""
        return f"http://{USER}:{password}@127.0.0.1:{self._http.server_port}/video"

    def _send(self, handler: BaseHTTPRequestHandler, part: bytes) -> None:
        head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(part)}\r\n\r\n".encode()
        try:
            while not self._stopping.wait(1 / FPS):
                handler.wfile.write(head + part + b"\r\n")
        except OSError:
            return
