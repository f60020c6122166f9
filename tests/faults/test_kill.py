"""A server that is killed at any moment has what it acknowledged, and nothing that is half done.

Three times in the suite; `ENROL_KILLS=50 .venv/bin/pytest tests/faults/test_kill.py -s` does it fifty times and tells.
"""

import os
import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rig.photos import jpeg, other_photos, person_crop
from tests.rig.server import ServerProcess

KILLS = int(os.environ.get("ENROL_KILLS", "3"))
SEED = 20261122
LONGEST_S = 0.8
"""Some ten enrolments on two cores."""
ALICE = 2
PHOTOS = (jpeg(person_crop(ALICE)), jpeg(other_photos(person_crop(ALICE))[0]))
"""Each call enrols both, so a person with one of them is half done."""


class Enrolling:
    """Enrols a new person after the other, and keeps who was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: set[str] = set()
        self.asked = 0
        self._begun = threading.Event()

    @contextmanager
    def on(self, server: ServerProcess) -> Iterator[None]:
        """Enrol for the length of the block, or until the server is gone; the block begins with an acknowledgement."""
        stopping = threading.Event()
        self._begun.clear()
        thread = threading.Thread(target=self._enrol, args=(server, stopping))
        thread.start()
        try:
            assert self._begun.wait(30.0)
            yield
        finally:
            stopping.set()
            thread.join()

    def _enrol(self, server: ServerProcess, stopping: threading.Event) -> None:
        with server.client() as client:
            while not stopping.is_set():
                self.asked += 1
                person_id = f"person {self.asked}"
                files = [("image", (f"{place}.jpg", photo, "image/jpeg")) for place, photo in enumerate(PHOTOS)]
                try:
                    reply = client.post("/person", data={"action": "add", "person_id": person_id}, files=files)
                except httpx.TransportError:
                    return
                assert reply.status_code == 200, reply.text
                self.acknowledged.add(person_id)
                self._begun.set()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data") as server:
        yield server


def _people(server: ServerProcess) -> dict[str, int]:
    return {person["person_id"]: person["embeddings"] for person in server.get("/persons")["persons"]}


def _who(server: ServerProcess) -> Any:
    with server.client() as client:
        reply = client.post("/person", data={"action": "retrieve"}, files={"image": ("a.jpg", PHOTOS[0], "image/jpeg")})
    return reply.raise_for_status().json()


def _is_sound(database: Path) -> bool:
    with closing(sqlite3.connect(database)) as connection:
        whole = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return whole and connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.timeout(60 + 40 * KILLS)  # as many starts of a server, also on a busy machine
def test_what_was_acknowledged_survives_every_kill_and_nothing_is_half_done(
    server: ServerProcess, tmp_path: Path
) -> None:
    chance, enrolling = random.Random(SEED), Enrolling()  # noqa: S311 — moments, not secrets
    for killed in range(1, KILLS + 1):
        with enrolling.on(server):
            threading.Event().wait(chance.uniform(0, LONGEST_S))
            server.kill()
        assert _is_sound(tmp_path / "data" / "face_server.db")
        server.start()
        people = _people(server)
        assert enrolling.acknowledged <= people.keys()
        # Of each life at most the one call that was not answered may have come through as well.
        assert len(people) <= len(enrolling.acknowledged) + killed
        assert set(people.values()) == {len(PHOTOS)}
        (face,) = _who(server)["faces"]
        assert {candidate["person_id"] for candidate in face["candidates"]} <= people.keys()
        assert len(face["candidates"]) == min(5, len(people))
    if "ENROL_KILLS" in os.environ:
        told = f"{KILLS} kills; {len(enrolling.acknowledged)} acknowledged, {len(people)} there"
        print(told)  # noqa: T201 — what the command is run for
