"""The server process: listens first, waits for nobody for ever, and says where it listens."""

import asyncio
import errno
import logging
import signal
import socket
import ssl
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from backend.api.leaving import Leaving
from backend.domain.errors import ConfigurationError
from backend.settings import Settings

logger = logging.getLogger(__name__)

GRACE_SECONDS = 3
"""How long requests at hand may take to end once the server is told to stop."""
MOST_WAITING = 256
"""Connections that wait to be accepted."""


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
        if self.started:
            for listener in sockets or ():
                logger.info("Face Server listens at %s", _url(self.config, listener))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._leaving.begin()
        await super().shutdown(sockets)
        self._leaving.services_stopped()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # As uvicorn's own, which raises the signal again at the end: an orderly stop would look like a violent one.
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(app: ASGIApp, settings: Settings) -> bool:
    """Serve until a signal; False where the start failed, of which the log tells.

    For the main thread of a process of its own: that ends in time, whatever hangs.

    Raises ConfigurationError, before anything is loaded, for an address that cannot be listened on and for a
    certificate that cannot be used.
    """
    listeners = listening(settings.host, settings.port)
    try:
        server = _Server(_config(app, settings))
        server.run(sockets=listeners)
    finally:
        for listener in listeners:
            listener.close()
    return server.started


def listening(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen at every address of that name; raises ConfigurationError where one cannot."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise ConfigurationError(
            f"HOST: there is no address '{host}'; 127.0.0.1 is this machine alone, 0.0.0.0 every network."
        ) from None
    # With a port that the system chooses, every address would get another.
    wanted = list(dict.fromkeys((family, address) for family, _, _, _, address in found))[: None if port else 1]
    opened: list[socket.socket] = []
    try:
        for family, address in wanted:
            opened.append(_listener(socket.AddressFamily(family), address))
    except OSError as error:
        _close(opened)
        raise ConfigurationError(_sentence(host, port, error)) from None
    return opened


def _listener(family: socket.AddressFamily, address: object) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port whose last connections linger is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)  # type: ignore[arg-type]  # as getaddrinfo gave it
        # At once: until somebody listens, a second server may bind the same port, and only one of them can use it.
        listener.listen(MOST_WAITING)
    except OSError:
        listener.close()
        raise
    return listener


def _close(sockets: Iterable[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _sentence(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"PORT: another program listens on port {port} of {host} already; stop it or choose another port."
        case errno.EADDRNOTAVAIL:
            return (
                f"HOST: {host} is no address of this machine; 127.0.0.1 is this machine alone, 0.0.0.0 every network."
            )
        case errno.EACCES:
            return f"PORT: port {port} is reserved for the system's administrator; choose one above 1023."
        case _:
            return f"HOST: cannot listen on {host} port {port}: {error.strerror}."


def _config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    certificate, key = settings.tls_certificate, settings.tls_key
    _check_certificate(certificate, key)
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
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


def _check_certificate(certificate: Path | None, key: Path | None) -> None:
    if (certificate is None) != (key is None):
        raise ConfigurationError("TLS_CERTIFICATE and TLS_KEY belong together: set both or neither.")
    if certificate is None or key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        reason = error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is encrypted"
        raise ConfigurationError(
            f"TLS_CERTIFICATE: '{certificate}' cannot be used with the key '{key}': {reason}."
        ) from None


def _url(config: uvicorn.Config, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    scheme = "https" if config.is_ssl else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
