"""Real small processes are started, watched and stopped as one, and none is left behind."""

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psutil
import pytest

from tests.rig.ports import closed_port

LAUNCHER = """
import json, sys
from backend.launch import Part, run_together
parts = [Part(**part) for part in json.loads(sys.argv[1])]
sys.exit(run_together(parts, lambda line: print(line, flush=True), "all ready", stop_within=float(sys.argv[2])))
"""
SERVER = """
import http.server, os
address = ("127.0.0.1", int(os.environ["TEST_PORT"]))
http.server.ThreadingHTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()
"""
DEAF_SERVER = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVER
PARENT_OF_DEAF = f"""
import signal, subprocess, sys, threading
subprocess.Popen([sys.executable, "-c", {DEAF_SERVER!r}])
threading.Event().wait()
"""
ENDS_AT_ONCE = "import sys; sys.exit(7)"
ENDS_WITH_ITS_INPUT = f"""
import sys, threading
threading.Thread(target=exec, args=({SERVER!r}, {{}}), daemon=True).start()
sys.stdin.readline()
sys.exit(3)
"""


@dataclass(frozen=True, slots=True)
class Launched:
    """A running launcher."""

    process: "subprocess.Popen[str]"

    def hears(self, line: str) -> bool:
        """Wait for a line of its output; False if the output ended without it."""
        assert self.process.stdout is not None
        return any(line in said for said in self.process.stdout)

    def family(self) -> list[psutil.Process]:
        """The processes below the launcher."""
        return list(psutil.Process(self.process.pid).children(recursive=True))


@pytest.fixture(autouse=True)
def hangups_count() -> Iterator[None]:
    """Under nohup a hang-up is ignored, and whatever is started ignores it too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


LIKE_MAKE = """
import signal, subprocess, sys
signal.signal(signal.SIGHUP, lambda *_: None)
subprocess.run(sys.argv[1:])
"""
"""Waits for what it started, and passes no signal on."""


@contextmanager
def launched_in_terminal(program: str) -> Iterator[tuple[Launched, int]]:
    """The launcher below a stand-in for `make`, the first process in a terminal; and the end that holds that open."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", LAUNCHER, json.dumps(_parts(program)), "20"]
    with subprocess.Popen(
        [sys.executable, "-c", LIKE_MAKE, *command],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    ) as process:
        os.close(theirs)
        try:
            yield Launched(process), ours
        finally:
            process.kill()


@contextmanager
def launched(*programs: str, stop_within: float = 20) -> Iterator[Launched]:
    command = [sys.executable, "-c", LAUNCHER, json.dumps(_parts(*programs)), str(stop_within)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield Launched(process)
        finally:
            process.terminate()


def _parts(*programs: str) -> list[dict[str, object]]:
    with ExitStack() as held:
        # Until all are chosen: a port that is let go may be chosen again.
        ports = [held.enter_context(closed_port()) for _ in programs]
    return [_part(number, program, port) for number, (program, port) in enumerate(zip(programs, ports, strict=True))]


def _part(number: int, program: str, port: int) -> dict[str, object]:
    command, environment = [sys.executable, "-c", program], {"TEST_PORT": str(port)}
    return {
        "name": f"part {number}", "command": command, "host": "127.0.0.1", "port": port, "ready_path": "/",
        "environment": environment,
    }  # fmt: skip


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert alive == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_every_part_and_is_no_failure(number: signal.Signals) -> None:
    with launched(SERVER, SERVER) as running:
        assert running.hears("all ready")
        family = running.family()
        assert len(family) == 2

        running.process.send_signal(number)

        assert running.process.wait() == 0
        assert_gone(family)


def test_a_terminal_that_is_closed_stops_every_part() -> None:
    with launched_in_terminal(SERVER) as (running, terminal):
        assert running.hears("all ready")
        family = running.family()
        assert len(family) == 2

        os.close(terminal)

        assert_gone(family)


def test_it_can_be_stopped_before_it_is_ready() -> None:
    with launched("print('up', flush=True); import threading; threading.Event().wait()") as running:
        assert running.hears("up")

        running.process.send_signal(signal.SIGINT)

        assert running.process.wait() == 0


def test_a_part_that_ends_takes_the_others_with_it() -> None:
    with launched(SERVER, ENDS_WITH_ITS_INPUT) as running:
        assert running.hears("all ready")
        family = running.family()
        assert len(family) == 2
        assert running.process.stdin is not None

        running.process.stdin.close()

        assert running.hears("The part 1 ended with status 3")
        assert running.process.wait() == 3
        assert_gone(family)


def test_a_part_that_never_gets_ready_is_reported() -> None:
    with launched(SERVER, ENDS_AT_ONCE) as running:
        assert running.hears("The part 1 ended with status 7")
        assert running.process.wait() == 7


@pytest.mark.parametrize("program", [DEAF_SERVER, PARENT_OF_DEAF])
def test_what_does_not_stop_in_time_is_killed_with_all_it_started(program: str) -> None:
    with launched(program, stop_within=0.5) as running:
        assert running.hears("all ready")
        family = running.family()
        assert family

        running.process.send_signal(signal.SIGTERM)

        assert running.process.wait() == 0
        assert_gone(family)


def test_a_second_ctrl_c_does_not_wait() -> None:
    with launched(DEAF_SERVER, stop_within=3600) as running:
        assert running.hears("all ready")
        family = running.family()
        running.process.send_signal(signal.SIGINT)
        assert running.hears("Stopping.")

        running.process.send_signal(signal.SIGINT)

        assert running.process.wait() == 0
        assert_gone(family)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_killed_launcher_leaves_nothing_running() -> None:
    with launched(SERVER, SERVER) as running:
        assert running.hears("all ready")
        family = running.family()
        assert len(family) == 2

        running.process.kill()

        assert_gone(family)
