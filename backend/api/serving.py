"""The server process: waits for nobody for ever, says where it listens, and ends in time."""

import asyncio
import logging
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import ClassVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from backend.api.leaving import Leaving
from backend.api.stopping import signals_to
from backend.settings import Settings

logger = logging.getLogger(__name__)

GRACE_SECONDS = 2
"""How long requests at hand may take to end once the server is told to stop; its services are asked only then."""


class PatientProtocol(H11Protocol):
    """HTTP as uvicorn speaks it, that hangs up on who does not get to the end of a request's headers.

    uvicorn's own time-out ends with the first byte after an answer, and does not begin before the first request.
    """

    patience: ClassVar[float] = 20.0
    """How many seconds a request's headers may take to come, from the connection or their first byte on."""
    _hurry: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what came, and wait no longer once a request's headers are whole."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_watching()
        super().connection_lost(exc)

    def _watch(self) -> None:
        # The cycle is that of the newest request: made with its headers, complete with its answer.
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering:
            self._stop_watching()
        elif self._hurry is None:
            self._hurry = self.loop.call_later(self.patience, self._hang_up)

    def _stop_watching(self) -> None:
        if self._hurry is not None:
            self._hurry.cancel()
            self._hurry = None

    def _hang_up(self) -> None:
        self._hurry = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


class _Server(uvicorn.Server):
    """A server that says in our words where it listens, and ends in time and with status 0 when it is told to."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaving = Leaving()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit:
            for listener in sockets or ():
                logger.info("Face Server listens at %s", _url(self.config, listener))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._leaving.begin()
        await super().shutdown(sockets)
        self._leaving.services_stopped()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # As uvicorn's own, which raises the signal again at the end: an orderly stop would look like a violent one.
        with signals_to(self.handle_exit):
            yield


def serve(app: ASGIApp, settings: Settings, listeners: list[socket.socket]) -> bool:
    """Serve at these sockets until a signal; False where the start failed, of which the log tells.

    For the main thread of a process of its own: that ends in time, whatever hangs.
    """
    server = _Server(_config(app, settings))
    server.run(sockets=listeners)
    return server.started


def _config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=type("_Patient", (PatientProtocol,), {"patience": settings.request_seconds}),
        ws="none",
        # The application does that by itself, for the proxies that the settings name.
        proxy_headers=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )


def _url(config: uvicorn.Config, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    scheme = "https" if config.is_ssl else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
