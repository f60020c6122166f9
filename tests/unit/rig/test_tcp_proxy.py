"""The proxy of the tests is a bad network, exactly as bad as it is told to be."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tests.rig.tcp_proxy import TcpProxy


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data)


@pytest.fixture
def proxy() -> Iterator[TcpProxy]:
    """A proxy to a server that sends everything back."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        with TcpProxy(server.server_address[1]) as proxy:
            yield proxy
        server.shutdown()
        thread.join()


def connect(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=20.0)


def echo(connection: socket.socket, data: bytes) -> bytes:
    connection.sendall(data)
    came = b""
    while len(came) < len(data):
        came += connection.recv(65536)
    return came


def test_a_healthy_proxy_changes_nothing(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        assert echo(connection, bytes(range(256)) * 400) == bytes(range(256)) * 400
    assert proxy.accepted == 1


def test_a_cut_resets_what_is_connected_and_lets_others_in(proxy: TcpProxy) -> None:
    with connect(proxy) as before:
        echo(before, b"hello")
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            before.recv(1)
    with connect(proxy) as after:
        assert echo(after, b"hello") == b"hello"


def test_a_refusing_proxy_comes_back_on_the_same_port(proxy: TcpProxy) -> None:
    port = proxy.port
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.heal()

    assert proxy.port == port
    with connect(proxy) as connection:
        assert echo(connection, b"hello") == b"hello"


def test_a_stalled_proxy_accepts_and_says_nothing(proxy: TcpProxy) -> None:
    proxy.stall()
    with connect(proxy) as connection:
        connection.sendall(b"hello")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        proxy.heal()
        connection.settimeout(20.0)

        assert connection.recv(5) == b"hello"


def test_a_delay_holds_up_both_directions(proxy: TcpProxy) -> None:
    proxy.delay(0.1)
    with connect(proxy) as connection:
        sent = time.monotonic()
        echo(connection, b"hello")

        assert time.monotonic() - sent >= 0.2


def test_about_the_asked_part_of_the_bytes_is_corrupted_after_the_untouched_first(proxy: TcpProxy) -> None:
    proxy.corrupt(0.01, after=1000)
    with connect(proxy) as connection:
        came = echo(connection, bytes(101_000))

    assert came[:1000] == bytes(1000)
    assert 800 < sum(byte != 0 for byte in came) < 1200


def test_the_end_of_a_side_reaches_the_other(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        connection.sendall(b"last words")
        connection.shutdown(socket.SHUT_WR)

        assert connection.recv(100) == b"last words"
        assert connection.recv(100) == b""


def test_a_proxy_with_open_and_stalled_connections_closes_at_once(proxy: TcpProxy) -> None:
    with connect(proxy) as connection, TcpProxy(proxy.port) as second:
        echo(connection, b"hello")
        second.stall()
        with connect(second) as stalled:
            stalled.sendall(b"hello")

    assert "tcp-proxy" in {thread.name for thread in threading.enumerate()}  # the first proxy's own, and no other
    assert sum(thread.name == "tcp-proxy" for thread in threading.enumerate()) == 1
