"""Where the server listens: taken before anything is loaded, so that what is wrong with it is said at once."""

import errno
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.domain.errors import ConfigurationError
from backend.settings import Settings

MOST_WAITING = 256
"""Connections that wait to be accepted."""


@contextmanager
def listening(settings: Settings) -> Iterator[list[socket.socket]]:
    """Sockets that listen at every address of HOST; they are closed at the end.

    Raises ConfigurationError for an address that cannot be listened on and for a certificate that cannot be used.
    """
    _check_certificate(settings.tls_certificate, settings.tls_key)
    listeners = _listeners(settings.host, settings.port)
    try:
        yield listeners
    finally:
        _close(listeners)


def _listeners(host: str, port: int) -> list[socket.socket]:
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
