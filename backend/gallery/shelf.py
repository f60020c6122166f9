"""Which kind of index a gallery is searched by, and when a large one is written anew."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.gallery.index import ExactIndex, Rows, TemplateIndex
from backend.gallery.index_files import IndexFiles
from backend.gallery.layered import LayeredIndex
from backend.gallery.signs import KeepOn, SignsIndex
from backend.storage.changes import State

EXACT_BUDGET = 0.002
"""How long an exact search may take before signs are worth their while, in seconds."""
FEWEST, MOST = 5_000, 100_000
"""Below the first exact search is fast on every machine; above the second signs are faster on every machine."""
ADDED = 5_000
"""So many templates may lie over an index in files: comparing with each of them takes half a millisecond."""
GONE_SHARE = 0.05
"""This part of the people may be gone; then it is written anew, without them."""
_SAMPLE = 10_000
_ROUNDS = 5


class Limit:
    """Up to how many templates a gallery is searched exactly."""

    def __init__(self, given: int = 0) -> None:
        """Take a number, or 0 to measure it when it is first needed."""
        self._most = given

    def __call__(self, templates: int, dimensions: int) -> bool:
        """Whether so many templates are more than that."""
        if not self._most and templates > FEWEST:
            self._most = measured_limit(dimensions)
        return templates > (self._most or FEWEST)


def measured_limit(dimensions: int) -> int:
    """How many templates this machine compares within EXACT_BUDGET."""
    drawn = np.random.default_rng(0).normal(size=(_SAMPLE, dimensions)).astype(np.float32)
    people = tuple(map(str, range(_SAMPLE)))
    index = ExactIndex(drawn, np.arange(_SAMPLE, dtype=np.int32), people)
    fastest = min(_seconds(lambda: index.search(drawn[0], 5)) for _ in range(_ROUNDS))
    return int(np.clip(_SAMPLE * EXACT_BUDGET / fastest, FEWEST, MOST))


class Shelf:
    """Chooses the kind of index for one model's templates, and keeps the large ones in files."""

    def __init__(self, folder: Path, model: str, limit: Callable[[int, int], bool] | None = None) -> None:
        """Keep indexes in `folder`; `limit` says whether so many templates of so many dimensions are too many."""
        self.files = IndexFiles(folder, model)
        self._limit = limit or Limit()

    def newest(self) -> tuple[LayeredIndex, State] | None:
        """The index written last and the state it is of, if it is wanted; raises StorageError if it is damaged."""
        found = self.files.newest()
        if found is None or not self._limit(2 * len(found[0]), found[0].parts.vectors.shape[1]):
            # So much smaller has the gallery become that exact search is the better again.
            return None
        return LayeredIndex(found[0]), found[1]

    def exact(self, templates: Iterable[tuple[str, NDArray[np.float32]]]) -> TemplateIndex:
        """The exact index of these (person_id, embedding) pairs, made so that it changes fast if there are many."""
        rows = Rows.of(templates)
        index = ExactIndex(rows.embeddings, rows.owners, rows.people)
        return LayeredIndex(index) if len(rows.owners) > FEWEST else index

    def is_to_be_renewed(self, index: TemplateIndex) -> bool:
        """Whether an index should be written anew: it became large, or too much lies over it."""
        if not isinstance(index, LayeredIndex):
            return isinstance(index, ExactIndex) and self._is_large(index.rows())
        if isinstance(index.base, SignsIndex):
            return len(index.added.rows().owners) > ADDED or len(index.gone) > GONE_SHARE * len(index.base.people)
        return self._is_large(index.base.rows(), index.added.rows())

    def renewed(self, index: TemplateIndex, state: State, keep_on: KeepOn) -> SignsIndex:
        """Make and keep, in files, what an index has that is of that state.

        Raises Stopped where it is not to go on, and StorageError where it cannot be kept.
        """
        written = self.files.write(_worked_in(index, keep_on), state)
        self.files.tidy()
        return written

    def _is_large(self, *parts: Rows) -> bool:
        return self._limit(sum(len(rows.owners) for rows in parts), max(rows.embeddings.shape[1] for rows in parts))


def _worked_in(index: TemplateIndex, keep_on: KeepOn) -> SignsIndex:
    if isinstance(index, LayeredIndex) and isinstance(index.base, SignsIndex):
        return index.base.extended(index, keep_on)
    return SignsIndex.built(index.rows(), keep_on)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
