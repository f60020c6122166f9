"""Whatever many threads do at once, some order of doing it one after the other explains every answer.

`SERIAL_ROUNDS=200 .venv/bin/pytest tests/unit/gallery/test_serial_order.py` asks the threads more than the suite does.
"""

import os
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.domain.errors import PersonNotFound
from backend.domain.face import Template
from backend.gallery import shelf as shelf_module
from backend.gallery.gallery import Gallery
from backend.gallery.keeper import IndexKeeper
from backend.gallery.shelf import Limit, Shelf
from backend.storage.database import Database, sqlite_url
from backend.storage.secret_box import SecretBox
from backend.storage.templates import NewTemplate

MODEL, DIMENSIONS = "model", 16
THREADS, CALLS = 16, 4
ROUNDS = int(os.environ.get("SERIAL_ROUNDS", "3"))
WHO = ("alice", "bob", "carol")
State = tuple[int, ...]
"""How many templates each of them has."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a thread asked, what it was answered, and between which moments."""

    what: str
    place: int
    """Whose it is, as a place in WHO."""
    answer: object
    began: float
    ended: float

    def after(self, state: State) -> State | None:
        """The state that this call leaves; None where it could not have been answered so in that state."""
        count = state[self.place]
        if self.what == "enrol":
            return _with(state, self.place, count + 1) if self.answer == count + 1 else None
        if self.what == "remove":
            return _with(state, self.place, 0) if self.answer == count else None
        expected = {"identify": count > 0, "count": count, "list": state}[self.what]
        return state if self.answer == expected else None


def _with(state: State, place: int, count: int) -> State:
    return (*state[:place], count, *state[place + 1 :])


def is_serial(calls: Sequence[Call], state: State) -> bool:
    """Whether the calls can be put into an order that their moments allow and that explains every answer."""
    dead: set[tuple[frozenset[int], State]] = set()

    def search(left: frozenset[int], state: State) -> bool:
        if not left:
            return True
        if (left, state) in dead:
            return False
        first_end = min(calls[number].ended for number in left)
        possible = [number for number in left if calls[number].began <= first_end]
        after = {number: calls[number].after(state) for number in possible}
        # What changes nothing may as well be next.
        reads = [number for number in possible if after[number] == state]
        tries = reads[:1] or [number for number in possible if after[number] is not None]
        for number in tries:
            left_state = after[number]
            assert left_state is not None
            if search(left - {number}, left_state):
                return True
        dead.add((left, state))
        return False

    return search(frozenset(range(len(calls))), state)


class Home:
    """A gallery, and the calls on it with their moments."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._looks = iter(range(10**6))
        self._drawing = threading.Lock()

    def call(self, what: str, place: int) -> Call:
        began = time.perf_counter()
        answer = getattr(self, f"_{what}")(place)
        return Call(what, place, answer, began, time.perf_counter())

    def state(self) -> State:
        counts = {person.person_id: person.embeddings for person in self._gallery.people()}
        return tuple(counts.get(person_id, 0) for person_id in WHO)

    def _enrol(self, place: int) -> int:
        with self._drawing:
            look = next(self._looks)
        new = NewTemplate(Template(_face(place, look), MODEL), 0.9, "photo.jpg", str(look))
        return self._gallery.add(WHO[place], [new]).embeddings

    def _remove(self, place: int) -> int:
        try:
            return self._gallery.remove(WHO[place])
        except PersonNotFound:
            return 0

    def _identify(self, place: int) -> bool:
        found = self._gallery.search(Template(_face(place, -1), MODEL), limit=1)
        return bool(found) and found[0].person_id == WHO[place]

    def _count(self, place: int) -> int:
        return self._gallery.count(WHO[place])

    def _list(self, _place: int) -> State:
        return self.state()


def _face(place: int, look: int) -> NDArray[np.float32]:
    drawn = np.eye(DIMENSIONS)[place] + 0.1 * np.random.default_rng(look + 1).normal(size=DIMENSIONS)
    return np.asarray(drawn / np.linalg.norm(drawn), np.float32)


@pytest.fixture(params=["exact", "signs"])
def gallery(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gallery]:
    """One that is searched exactly, and one whose files are made anew all the time."""
    monkeypatch.setattr(shelf_module, "ADDED", 3)
    shelf = Shelf(tmp_path / "index", MODEL, Limit(1)) if request.param == "signs" else None
    with closing(Database.open(sqlite_url(tmp_path), SecretBox("key"))) as database:
        gallery = Gallery(database, MODEL, shelf=shelf)
        keeper = IndexKeeper(gallery.searched)
        keeper.start()
        yield gallery
        keeper.stop(10.0)


@pytest.mark.timeout(240 + ROUNDS)
def test_sixteen_threads_get_no_answer_that_no_serial_order_explains(gallery: Gallery) -> None:
    home = Home(gallery)
    # Others who stay, so that there is always something to be found.
    for place in range(3, 8):
        new = NewTemplate(Template(_face(place, 0), MODEL), 0.9, "photo.jpg", "0")
        gallery.add(f"stays {place}", [new])

    def work(seed: int) -> list[Call]:
        chance = random.Random(seed)  # noqa: S311 — what is called, not secrets
        kinds = ("enrol", "enrol", "remove", "identify", "identify", "identify", "count", "list")
        return [home.call(chance.choice(kinds), chance.randrange(len(WHO))) for _ in range(CALLS)]

    with ThreadPoolExecutor(THREADS) as pool:
        for turn in range(ROUNDS):
            before = home.state()
            calls = [call for done in pool.map(work, range(turn * THREADS, (turn + 1) * THREADS)) for call in done]
            assert len(calls) == THREADS * CALLS
            assert is_serial(calls, before)
            after = home.state()
            assert [home.call("identify", place).answer for place in range(3)] == [count > 0 for count in after]


def test_an_answer_that_no_serial_order_explains_is_told() -> None:
    enrolled = Call("enrol", 0, 1, 0.0, 1.0)
    beside, later = Call("identify", 0, False, 0.5, 2.0), Call("identify", 0, False, 1.5, 2.0)
    assert is_serial([enrolled, beside], (0, 0, 0))
    assert not is_serial([enrolled, later], (0, 0, 0))
    assert not is_serial([enrolled, Call("enrol", 0, 1, 0.0, 1.0)], (0, 0, 0))
