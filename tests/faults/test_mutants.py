"""Mutated pictures, by the thousand: each is answered, none by a failure, and the memory comes back.

The suite sends some hundred; `MUTANTS=10000 .venv/bin/pytest tests/faults/test_mutants.py -s` sends all and tells.
"""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import psutil
import pytest

from tests.rig.mutants import mutant
from tests.rig.server import ServerProcess

COUNT = int(os.environ.get("MUTANTS", "300"))
SENDERS = 4
ANSWERS = {200, 413, 415, 422}
WARMING = 200
GROWTH = 1.05


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    # Memory that is given back is seen at once, and not kept for later by the C library.
    environment = {"MALLOC_TRIM_THRESHOLD_": "100000", "MALLOC_ARENA_MAX": "2"}
    with ServerProcess(tmp_path / "data", environment) as server:
        yield server


def _answers(server: ServerProcess, numbers: range) -> Counter[tuple[str, int]]:
    """How often each kind was answered how."""

    def sent(part: range) -> Counter[tuple[str, int]]:
        with closing(server.client(timeout=60.0)) as client:
            return Counter(_answer(client, number) for number in part)

    with ThreadPoolExecutor(SENDERS) as pool:
        parts = [numbers[begin::SENDERS] for begin in range(SENDERS)]
        return sum(pool.map(sent, parts), Counter())


def _answer(client: httpx.Client, number: int) -> tuple[str, int]:
    kind, data = mutant(number)
    reply = client.post("/v1/detect", files={"image": ("a.jpg", data, "image/jpeg")})
    assert reply.status_code in ANSWERS, (number, kind, reply.text)
    return kind, reply.status_code


@pytest.mark.timeout(120 + COUNT)
def test_every_mutant_is_answered_and_the_memory_comes_back(server: ServerProcess) -> None:
    process = psutil.Process(server.pid)
    # Every kind once or oftener: what is loaded at first use is loaded, the allocator's pools are made.
    _answers(server, range(COUNT, COUNT + WARMING))
    before = process.memory_info().rss
    answered = _answers(server, range(COUNT))
    after = process.memory_info().rss
    kinds = ", ".join(f"{kind} {status}: {count}" for (kind, status), count in sorted(answered.items()))
    told = f"{answered.total()} answered; {before / 2**20:.0f} MiB before, {after / 2**20:.0f} after; {kinds}"
    assert answered.total() == COUNT, told
    assert after <= before * GROWTH, told
    assert "Traceback" not in server.log
    assert server.pid == process.pid
    with server.client() as client:
        assert client.get("/readyz").status_code == 200
    if "MUTANTS" in os.environ:
        print(told)  # noqa: T201 — what the command is run for
