"""Several processes run as one: started together, watched, and stopped together without leaving any behind."""

import ctypes
import http.client
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic

STOP_WITHIN_SECONDS = 9.0
"""How long the parts may take to stop by themselves; what is left after that is killed."""

_STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_PROBE_EVERY_SECONDS = 0.2
_PROBE_TIMEOUT_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the service, and where it answers 200 once it can be used."""

    name: str
    command: Sequence[str]
    host: str
    port: int
    ready_path: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """What its environment has beyond the launcher's own."""


def run_together(
    parts: Sequence[Part], say: Callable[[str], None], greeting: str, stop_within: float = STOP_WITHIN_SECONDS
) -> int:
    """Start all parts, greet when all can be used, and stop all on a signal or as soon as one ends; the exit status.

    0 after SIGINT, SIGTERM or SIGHUP, and where the terminal it ran in is closed; otherwise the status of the part that
    ended, and never 0. Every process of every part is gone when this returns, `stop_within` seconds after the signal at
    the latest. For the main thread.
    """
    children: list[_Child] = []
    with _caught_signals() as signals:
        try:
            for part in parts:
                children.append(_Child(part))
            return _watch(children, signals, _if_anybody_hears(say), greeting)
        finally:
            _stop(children, signals, stop_within)


def _if_anybody_hears(say: Callable[[str], None]) -> Callable[[str], None]:
    def said(text: str) -> None:
        # A terminal that is closed cannot be written to.
        with suppress(OSError):
            say(text)

    return said


class _Signals:
    """The signals that arrived, to be waited for without losing one between a look and the wait.

    That the terminal was closed counts as SIGHUP: where `make` is the first process in it, the system tells `make`
    alone, which waits for us.
    """

    def __init__(self, inbox: socket.socket, terminal: int | None) -> None:
        self._inbox = inbox
        self._terminal = terminal
        self._poll = select.poll()
        self._poll.register(inbox, select.POLLIN)
        if terminal is not None:
            # Nothing is read from it: only its end is waited for.
            self._poll.register(terminal, 0)

    def wait(self, seconds: float | None) -> frozenset[int]:
        """The signals since the last call; waits for the first of them, `seconds` at most."""
        arrived = [place for place, _ in self._poll.poll(None if seconds is None else seconds * 1000)]
        signals = frozenset(self._inbox.recv(4096)) if self._inbox.fileno() in arrived else frozenset()
        if self._terminal is not None and self._terminal in arrived:
            # Once: from now on it would end every wait.
            self._poll.unregister(self._terminal)
            self._terminal = None
            signals |= {signal.SIGHUP}
        return signals


def _own_terminal() -> int | None:
    """The terminal that this is run in, not in its background, by its file descriptor."""
    standard_input = 0
    try:
        in_front = os.isatty(standard_input) and os.tcgetpgrp(standard_input) == os.getpgrp()
    except OSError:
        return None
    return standard_input if in_front and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN else None


@contextmanager
def _caught_signals() -> Iterator[_Signals]:
    """Receive the signals to stop and the deaths of children as bytes on a socket."""
    terminal = _own_terminal()
    inbox, outbox = socket.socketpair()
    with inbox, outbox:
        outbox.setblocking(False)
        before = signal.set_wakeup_fd(outbox.fileno(), warn_on_full_buffer=False)
        handlers = {number: signal.getsignal(number) for number in (*_STOP_SIGNALS, signal.SIGCHLD)}
        for number, handler in handlers.items():
            # nohup has SIGHUP ignored, and means it.
            if number != signal.SIGHUP or handler != signal.SIG_IGN:
                signal.signal(number, _only_wake_up)
        try:
            yield _Signals(inbox, terminal)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)


def _only_wake_up(_number: int, _frame: object) -> None:
    """Stand in for the default action; the byte on the socket does the rest."""


class _Child:
    """A part's process with all processes of its own, in a group that the terminal's Ctrl-C does not reach."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.is_ready = False
        self._process = subprocess.Popen(  # noqa: S603 — the command is our own
            part.command,
            env={**os.environ, **part.environment},
            start_new_session=True,
            preexec_fn=end_with_parent(os.getpid()),
        )

    def ended_with(self) -> int | None:
        """Its exit status, or None while it runs."""
        return self._process.poll()

    def signal_all(self, number: int) -> None:
        """Signal the process and all that it started."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return  # all of them ended; macOS says "permission" of a group of zombies

    def kill_all(self) -> None:
        """End what is left, at once, and wait for it."""
        self.signal_all(signal.SIGKILL)
        self._process.wait()

    def look_whether_ready(self) -> None:
        """Ask the part whether it can be used, unless it already said so."""
        self.is_ready = self.is_ready or _answers(self.part)


def _watch(children: Sequence[_Child], signals: _Signals, say: Callable[[str], None], greeting: str) -> int:
    """Wait for a signal to stop or for the end of a child; greet in between. Returns the exit status."""
    greeted = False
    while True:
        if _STOP_SIGNALS & signals.wait(None if greeted else _PROBE_EVERY_SECONDS):
            say("Stopping.")
            return 0
        for child in children:
            status = child.ended_with()
            if status is not None:
                say(f"The {child.part.name} ended with status {status}, so everything stops.")
                return status if status > 0 else 1
            child.look_whether_ready()
        if not greeted and all(child.is_ready for child in children):
            greeted = True
            say(greeting)


def _stop(children: Sequence[_Child], signals: _Signals, within: float) -> None:
    """Ask all to stop, and end what has not stopped in time or after a second Ctrl-C."""
    deadline = monotonic() + within
    for child in children:
        child.signal_all(signal.SIGTERM)
    # Only Ctrl-C counts as impatience: make passes a SIGTERM on that the launcher may have had already.
    while any(child.ended_with() is None for child in children) and (left := deadline - monotonic()) > 0:
        if signal.SIGINT in signals.wait(left):
            break
    for child in children:
        child.kill_all()


def _answers(part: Part) -> bool:
    # No urllib: it would send this through a proxy that the environment names.
    connection = http.client.HTTPConnection(part.host, part.port, timeout=_PROBE_TIMEOUT_SECONDS)
    try:
        connection.request("GET", part.ready_path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def end_with_parent(parent: int) -> Callable[[], None] | None:
    """What a process runs to be told to end where that parent is killed; None where the system cannot do it.

    Only Linux can.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it was killed before the line above
            os.kill(os.getpid(), signal.SIGKILL)

    return arrange
