"""Thirty-two clients at once: every answer is the right one, none is lost, and who is turned away is told when to come.

The suite does it for some seconds. The figures of a minute, with a place for everybody:
`CROWD_SECONDS=60 CROWD_SLOTS=32 .venv/bin/pytest tests/faults/test_crowd.py -s`.
"""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.rig.photos import jpeg, other_photos, person_crop
from tests.rig.server import ServerProcess

CLIENTS = 32
SECONDS = float(os.environ.get("CROWD_SECONDS", "5"))
SLOTS = os.environ.get("CROWD_SLOTS", "16")
PEOPLE = (2, 3, 5)


@dataclass
class Seen:
    """What one client was answered."""

    took: list[float] = field(default_factory=list)
    turned_away: int = 0
    wrong: list[str] = field(default_factory=list)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", {"MAX_RECOGNITIONS": SLOTS}) as server:
        with closing(server.client()) as client:
            for person in PEOPLE:
                files = {"images": ("a.jpg", jpeg(person_crop(person)), "image/jpeg")}
                client.post(f"/v1/persons/{person}/faces", files=files).raise_for_status()
        yield server


def _client(server: ServerProcess, person: int, end: float) -> Seen:
    """Ask who a person is until the time is over."""
    photo, seen, waiting = jpeg(other_photos(person_crop(person))[0]), Seen(), threading.Event()
    with closing(server.client(timeout=120.0)) as client:
        while time.monotonic() < end:
            begin = time.perf_counter()
            reply = client.post("/v1/identify", files={"images": ("b.jpg", photo, "image/jpeg")})
            if reply.status_code == 503:
                seen.turned_away += 1
                waiting.wait(float(reply.headers["Retry-After"]))
                continue
            seen.took.append(time.perf_counter() - begin)
            (face,) = reply.raise_for_status().json()["results"][0]["faces"]
            if face["person_id"] != str(person):
                seen.wrong.append(reply.text)
    return seen


@pytest.mark.timeout(120 + 2 * SECONDS)
def test_every_client_of_a_crowd_gets_its_own_answer(server: ServerProcess) -> None:
    begin = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        asked = [
            pool.submit(_client, server, PEOPLE[number % len(PEOPLE)], begin + SECONDS) for number in range(CLIENTS)
        ]
        seen = [future.result() for future in asked]
    took = sorted(duration for each in seen for duration in each.took)
    assert len(took) >= CLIENTS // 2
    assert [each.wrong for each in seen if each.wrong] == []
    assert "Traceback" not in server.log
    if "CROWD_SECONDS" in os.environ:
        print(_figures(seen, took, time.monotonic() - begin))  # noqa: T201 — what the command is run for


def _figures(seen: list[Seen], took: list[float], seconds: float) -> str:
    rate, p95 = len(took) / seconds, took[int(len(took) * 0.95)]
    return (
        f"{len(took)} right answers in {seconds:.0f} s, {rate:.1f} a second, "
        f"{sum(each.turned_away for each in seen)} turned away with Retry-After; "
        f"half within {took[len(took) // 2]:.2f} s, "
        f"95 of 100 within {p95:.2f} s, {p95 * rate / CLIENTS:.2f} times what the throughput implies"
    )
