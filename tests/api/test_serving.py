"""The server process at its door: who is slow is let go, and an address that cannot be used is told of at once."""

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from backend.api.listening import listening
from backend.domain.errors import ConfigurationError
from backend.settings import Settings
from tests.rig.certificate import certificate_and_key
from tests.rig.server import TOKEN, ServerProcess

SLOW_ONES = 60
"""Connections of each kind: more than there are threads (40)."""
PATIENCE = 2
GIVEN_UP = 30.0
HALF_A_HEAD = b"GET /persons HTTP/1.1\r\nHost: here\r\nX-Slow: "
UPLOAD = (
    f"POST /person HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 1000000\r\n"
    "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    '--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
).encode()
UNINVITED = b"POST /person HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("slow") / "data", {"REQUEST_SECONDS": str(PATIENCE)}) as server:
        yield server


def _connected(server: ServerProcess, stack: ExitStack, said: bytes) -> socket.socket:
    address = urlsplit(server.url)
    connection = stack.enter_context(socket.create_connection((address.hostname, address.port), 10))
    connection.sendall(said)
    connection.settimeout(GIVEN_UP)
    return connection


def _rest(connection: socket.socket) -> bytes:
    """What still comes until the server hangs up; raises TimeoutError where it does not."""
    came = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            came += piece
    return came


@pytest.mark.parametrize("said", [b"", HALF_A_HEAD, UPLOAD, UNINVITED], ids=["silent", "head", "upload", "uninvited"])
def test_who_is_slow_holds_nobody_up_and_is_let_go(server: ServerProcess, said: bytes) -> None:
    with ExitStack() as stack:
        slow = [_connected(server, stack, said) for _ in range(SLOW_ONES)]
        # Each by a connection of its own: one that was kept may be let go just as it is used again.
        assert server.get("/persons")["total"] == 0
        answers = [_rest(connection) for connection in slow]
        assert server.get("/persons")["total"] == 0
    if said == UPLOAD:
        assert all(answer.startswith(b"HTTP/1.1 408") for answer in answers)


def test_who_dribbles_a_byte_at_a_time_is_let_go_too(server: ServerProcess) -> None:
    with ExitStack() as stack:
        connection = _connected(server, stack, UPLOAD)
        connection.settimeout(0.2)
        begin = time.monotonic()
        answer = b""
        while not answer and time.monotonic() - begin < GIVEN_UP:
            try:
                connection.sendall(b"x")
                answer = connection.recv(65536)
            except TimeoutError:
                continue
        connection.settimeout(GIVEN_UP)
        answer += _rest(connection)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"request_timeout"' in answer


def test_a_connection_is_kept_for_the_next_request(server: ServerProcess) -> None:
    with server.client() as client:
        assert [client.get("/persons").status_code for _ in range(3)] == [200] * 3


def _at(host: str) -> Settings:
    return Settings(_env_file=None, auth_token=TOKEN, host=host, port=0)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1", "a b"])
def test_an_address_that_is_not_ours_is_told_of(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^HOST: "), listening(_at(host)):
        pytest.fail("nobody can listen there")


def test_a_port_that_is_taken_ends_the_start_at_once_in_one_line(tmp_path: Path) -> None:
    with listening(_at("127.0.0.1")) as (taken,):
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "backend.cli", "serve", "--port", port, "--data-dir", str(tmp_path / "data")]
        environment = {"AUTH_TOKEN": TOKEN, "PYTHONPATH": str(Path(__file__).parents[2]), "HOST": "127.0.0.1"}
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    (line,) = ended.stderr.splitlines()
    assert ended.returncode == 2
    assert f"PORT: another program listens on port {port} of 127.0.0.1 already" in line
    # Nothing was loaded or made for it.
    assert not (tmp_path / "data").exists()


def test_with_a_certificate_it_speaks_https_alone(tmp_path: Path) -> None:
    certificate, key = certificate_and_key(tmp_path)
    environment = {"TLS_CERTIFICATE": str(certificate), "TLS_KEY": str(key), "LOG_FORMAT": "json"}
    with ServerProcess(tmp_path / "data", environment) as server:
        assert server.url.startswith("https://")
        assert server.get("/persons")["total"] == 0
        with server.client() as client:
            assert "max-age" in client.get("/persons").headers["Strict-Transport-Security"]
        with pytest.raises(httpx.TransportError):
            httpx.get(server.url.replace("https://", "http://"), trust_env=False)
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url, trust_env=False, verify=ssl.create_default_context())


@pytest.mark.parametrize("missing", ["TLS_CERTIFICATE", "TLS_KEY"])
def test_a_certificate_without_its_key_is_refused_in_one_line(tmp_path: Path, missing: str) -> None:
    pair = dict(zip(("TLS_CERTIFICATE", "TLS_KEY"), map(str, certificate_and_key(tmp_path)), strict=True))
    del pair[missing]
    environment = {"AUTH_TOKEN": TOKEN, "PYTHONPATH": str(Path(__file__).parents[2]), "PORT": "0", **pair}
    command = [sys.executable, "-m", "backend.cli", "serve", "--data-dir", str(tmp_path / "data")]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert "belong together" in ended.stderr
