"""Other ways from a picture file to names, to measure ours against: each in a process of its own."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from backend.domain.errors import ConfigurationError
from backend.evaluation.speed import Span


class ProcessPeer:
    """A running peer, which answers a line of JSON with a line.

    In a process of its own, so that no threads of its engine spin on our time, or ours on its.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        """Speak with a running peer."""
        # Both were asked to be pipes.
        self._questions, self._answers = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        self.version = str(self._read()["version"])

    def enrol(self, photos: Mapping[str, Path]) -> None:
        """Keep the first face of each photo."""
        self._ask({"enrol": {name: str(path) for name, path in photos.items()}})

    def identify(self, photo: Path) -> tuple[list[str | None], Span]:
        """Who is in the photo, one entry a face, and what that took there."""
        reply = self._ask({"identify": str(photo)})
        return reply["people"], Span(reply["seconds"], reply["cpu_seconds"])

    def _ask(self, question: object) -> dict[str, Any]:
        self._questions.write(json.dumps(question) + "\n")
        self._questions.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            raise ConfigurationError("A peer ended without an answer; bench/peers/README.md tells how to set it up.")
        reply: dict[str, Any] = json.loads(line)
        return reply


@contextmanager
def process_peer(command: Sequence[str]) -> Iterator[ProcessPeer]:
    """Run a peer until the end of the block."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    with process:
        try:
            yield ProcessPeer(process)
        finally:
            process.kill()
