"""`face-server serve` in a process of its own, for benchmarks."""

import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backend.domain.errors import ConfigurationError

START_SECONDS: Final = 120.0
_LISTENING: Final = re.compile(r"listens at (http://[^\s\"]+)")
_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    url: str
    token: str
    pid: int

    def cpu_seconds(self) -> float:
        """Of the server's process so far; NaN where the system does not tell: only Linux does."""
        stat = Path(f"/proc/{self.pid}/stat")
        if not stat.exists():
            return float("nan")
        # The second field is the program's name in parentheses, and may hold blanks.
        user, system = stat.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running_server(data_dir: Path) -> Iterator[Server]:
    """A server on a port that is free, listening, for this machine alone; raises ConfigurationError if it cannot."""
    token = secrets.token_urlsafe(32)
    command = [sys.executable, "-m", "backend.cli", "serve", "--port", "0", "--data-dir", str(data_dir)]
    environment = os.environ | {
        "AUTH_TOKEN": token,
        "HOST": "127.0.0.1",
        "LOG_LEVEL": "INFO",
        "TLS_CERTIFICATE": "",
        "TLS_KEY": "",
    }
    with (
        (data_dir.parent / "server.log").open("w+") as log,
        subprocess.Popen(command, env=environment, stderr=log, stdout=log) as process,  # noqa: S603 - ourselves
    ):
        try:
            yield Server(_address(process, Path(log.name)), token, process.pid)
        finally:
            process.send_signal(signal.SIGINT)


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Where the server listens, once it does."""
    pause, deadline = threading.Event(), time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        found = _LISTENING.search(log.read_text(errors="replace"))
        if found:
            return found[1]
        pause.wait(_LOOK_SECONDS)
    last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing."]
    raise ConfigurationError(f"The server did not start: {last[0]}")
