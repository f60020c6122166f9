"""The whole service told to stop while everything that it talks to hangs."""

import signal
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx

from tests.rig.server import STOP_SECONDS, ServerProcess
from tests.rig.watching import wait_until

HELD_UP_AT_THE_END = """
import ctypes

libc = ctypes.CDLL(None)
libc.on_exit(libc.pause, None)
"""
"""What every Python runs first: it has the system wait for ever while the process ends, as a library's lock may."""
HELD_UP_WITH_THE_INTERPRETERS_LOCK = """
import ctypes
import logging


class Hold(logging.Filter):
    def filter(self, record):
        if record.getMessage() == "Shutting down":
            ctypes.PyDLL(None).pause()
        return True


logging.getLogger("uvicorn.error").addFilter(Hold())
"""
"""The same for what never gives the interpreter's lock back, so that no thread of ours can do anything."""
CAMERAS, BOTS, BROKERS, WEBHOOKS, SERVICES = 60, 20, 20, 10, 5
TRIED = 3
"""So many channels of each kind are being tried out when the service is told to stop: requests that hang, too."""
STOPS_WITHIN_S = 10.0


class Silence:
    """A TCP server that takes every connection and never says a word."""

    def __init__(self, backlog: int) -> None:
        """Let the system take `backlog` connections; the next ones are not even made."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port: int = self._listener.getsockname()[1]

    def close(self) -> None:
        """Hang up on everybody."""
        self._listener.close()


@contextmanager
def silence(backlog: int = 1024) -> Iterator[Silence]:
    """A silent server for as long as it is needed."""
    server = Silence(backlog)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def black_hole() -> Iterator[Silence]:
    """An address at which no connection is ever made, nor refused."""
    with silence(backlog=0) as server, socket.create_connection(("127.0.0.1", server.port)):
        yield server


def channels(quiet: Silence, hole: Silence) -> list[dict[str, object]]:
    """Channels of every kind, all to servers that do not answer."""
    bots = [{"api_token": f"{number}:token", "chat_id": "1"} for number in range(BOTS)]
    ports = [quiet.port, hole.port] * BROKERS
    brokers = [{"host": "127.0.0.1", "port": port, "tls": number % 4 < 2} for number, port in enumerate(ports)]
    hooks = [{"url": f"http://127.0.0.1:{port}/"} for port in ports[:WEBHOOKS]]
    services = [{"url": f"json://127.0.0.1:{port}/"} for port in ports[:SERVICES]]
    kinds: dict[str, Sequence[Mapping[str, object]]] = {
        "telegram": bots,
        "mqtt": brokers[:BROKERS],
        "webhook": hooks,
        "apprise": services,
    }
    return [{"kind": kind, "name": kind, "settings": each} for kind, every in kinds.items() for each in every]


def schedule(client: httpx.Client, quiet: Silence, hole: Silence) -> None:
    """Cameras that hang when they are read, when they are connected to, and that are not there."""
    links = [f"rtsp://127.0.0.1:{port}/" for port in (quiet.port, hole.port, 1)]
    jobs = [{"rtsp_link": links[number % 3], "camera_nickname": str(number)} for number in range(CAMERAS)]
    client.post("/cameras/schedule", json=jobs).raise_for_status()


@contextmanager
def tried_out(server: ServerProcess, channel_ids: list[str]) -> Iterator[list[int]]:
    """Requests that hang because their channels do, until the server is gone, and the statuses of their answers."""
    answered: list[int] = []

    def try_out(channel_id: str) -> None:
        with server.client() as client, suppress(httpx.HTTPError):
            answered.append(client.post(f"/v1/channels/{channel_id}/test").status_code)

    threads = [threading.Thread(target=try_out, args=(each,), daemon=True) for each in channel_ids]
    for thread in threads:
        thread.start()
    yield answered
    for thread in threads:
        thread.join(STOPS_WITHIN_S)


def test_it_stops_in_time_though_nothing_that_it_talks_to_answers(tmp_path: Path) -> None:
    with ExitStack() as stack:
        quiet, hole = stack.enter_context(silence()), stack.enter_context(black_hole())
        server = ServerProcess(tmp_path / "data", {"TELEGRAM_API_URL": f"http://127.0.0.1:{quiet.port}"})
        stack.enter_context(server)
        with server.client() as client:
            schedule(client, quiet, hole)
            added = [client.post("/v1/channels", json=each).raise_for_status().json() for each in channels(quiet, hole)]
        tried = [each["channel_id"] for each in added[:: len(added) // (4 * TRIED)]]
        answered = stack.enter_context(tried_out(server, tried))
        wait_until(lambda: "not told which cameras are online" in server.log, 30)
        status = server.end(signal.SIGTERM, STOPS_WITHIN_S)
    assert status == 0, server.log
    assert answered == [503] * len(tried)
    assert "Traceback" not in server.log


def test_what_is_told_as_it_happens_ends_with_the_server_and_holds_it_up_for_nothing(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, server.client() as client:
        camera = {"rtsp_link": "rtsp://127.0.0.1:1/", "camera_nickname": "Nowhere"}
        (scheduled,) = client.post("/cameras/schedule", json=camera).raise_for_status().json()["cameras"]
        with (
            client.stream("GET", "/v1/events") as told,
            client.stream("GET", f"/cameras/{scheduled['camera_id']}/live") as live,
        ):
            events, pictures = told.iter_bytes(), live.iter_bytes()
            assert next(events)
            assert next(pictures)
            status = server.end(signal.SIGTERM, STOPS_WITHIN_S)
            # To their ends, which come as such: an answer that is broken off raises here.
            for stream in (events, pictures):
                list(stream)
        assert status == 0
        assert "Traceback" not in server.log
        assert "Cancel" not in server.log


def a_server_that_runs_first(program: str, folder: Path) -> ServerProcess:
    """A server whose interpreter begins with this."""
    (folder / "sitecustomize.py").write_text(program)
    return ServerProcess(folder / "data", {"PYTHONPATH": str(folder)})


def test_a_library_that_hangs_while_the_process_ends_holds_it_up_for_nothing(tmp_path: Path) -> None:
    with a_server_that_runs_first(HELD_UP_AT_THE_END, tmp_path) as server:
        assert server.end(signal.SIGINT, STOP_SECONDS) == 0


def test_what_never_gives_the_interpreters_lock_back_is_told_of_and_ended(tmp_path: Path) -> None:
    with a_server_that_runs_first(HELD_UP_WITH_THE_INTERPRETERS_LOCK, tmp_path) as server:
        assert server.end(signal.SIGINT, STOP_SECONDS) == 1
        wait_until(lambda: "Timeout" in server.log and "in shutdown" in server.log)
