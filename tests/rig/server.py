"""The real server, as a process of its own, on a free loopback port and a data folder of the test's."""

import os
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

TOKEN = "token-of-the-tests"
START_SECONDS = 240.0
"""The first start of a test run folds the models; on a busy machine that takes its time."""
STOP_SECONDS = 12.0
LOG_SECONDS = 10.0
"""What a dead server has written is read by then; who inherited its standard error may keep that open."""
_LISTENING = re.compile(r"listens at (https?://[^\s\"]+)")


class ServerProcess:
    """`face-server serve` in a process; it can be stopped, killed and started again on the same data."""

    def __init__(self, data_dir: Path, environment: Mapping[str, str] | None = None) -> None:
        """Keep everything in `data_dir`; `environment` adds settings to the test's own."""
        self._data_dir = data_dir
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[str] | None = None
        self._log: list[str] = []
        self._reader: threading.Thread | None = None
        self.url = ""
        certificate = self._environment.get("TLS_CERTIFICATE")
        self._verify = ssl.create_default_context(cafile=certificate)

    def __enter__(self) -> Self:
        """Start the server and wait until it can be used."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the server, gently if it can be."""
        if self._process is not None and self._process.poll() is None:
            self.stop()

    @property
    def log(self) -> str:
        """Everything that was logged so far, by each of its lives."""
        return "\n".join(self._log)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._running().pid

    def start(self) -> None:
        """Start the server and wait until it can be used."""
        # An event of this life's own: the last one's log may end only now, and would set it too.
        listening = threading.Event()
        self.url = ""
        command = [sys.executable, "-m", "backend.cli", "serve", "--port", "0", "--data-dir", str(self._data_dir)]
        self._process = subprocess.Popen(
            command, cwd=self._data_dir.parent, env=self._whole_environment(), stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read_log, args=(self._process, listening), daemon=True)
        self._reader.start()
        try:
            assert listening.wait(START_SECONDS), "The server did not start."
            assert self.url, "The server ended."
            httpx.get(f"{self.url}/readyz", verify=self._verify, timeout=START_SECONDS).raise_for_status()
        except BaseException as error:
            # Not only what is caught above: a test's own time-out must not leave a server behind either.
            self._abort()
            error.add_note(f"The server's log:\n{self.log}")
            raise

    def stop(self) -> None:
        """End the server as Ctrl-C does, and see that it ends in time."""
        status = self.end(signal.SIGINT, STOP_SECONDS)
        if status not in (0, 130, -signal.SIGINT):
            raise AssertionError(f"The server ended with status {status}:\n{self.log}")

    def end(self, number: signal.Signals, within_s: float) -> int:
        """Send a signal that ends the server, and answer the status it ends with; it must within `within_s` seconds."""
        self._running().send_signal(number)
        try:
            return self._running().wait(within_s)
        except subprocess.TimeoutExpired:
            self._abort()
            raise AssertionError(f"The server did not stop within {within_s} s:\n{self.log}") from None

    def kill(self) -> None:
        """End the server as a power cut does."""
        self._running().kill()
        self._running().wait()

    def client(self, timeout: float = 30.0) -> httpx.Client:
        """An HTTP client that sends the token."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=timeout, trust_env=False, verify=self._verify)

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON of a GET that must succeed."""
        with self.client() as client:
            return client.get(path, params=parameters).raise_for_status().json()

    def _whole_environment(self) -> dict[str, str]:
        usual = {"AUTH_TOKEN": TOKEN, "HOST": "127.0.0.1", "TZ": "UTC", "PYTHONFAULTHANDLER": "1"}
        return {**os.environ, **usual, **self._environment}

    def _abort(self) -> None:
        """End a server that hangs: it dies of this all the same, and tells first where each of its threads is."""
        self._running().send_signal(signal.SIGABRT)
        self._running().wait()
        if self._reader is not None:
            self._reader.join(LOG_SECONDS)

    def _running(self) -> "subprocess.Popen[str]":
        assert self._process is not None, "The server was never started."
        return self._process

    def _read_log(self, process: "subprocess.Popen[str]", listening: threading.Event) -> None:
        assert process.stderr is not None
        with process.stderr as log:
            for line in log:
                self._log.append(line.rstrip())
                found = _LISTENING.search(line)
                if found:
                    self.url = found[1]
                    listening.set()
        listening.set()
