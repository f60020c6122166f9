"""Approximate search of many templates by a graph of neighbours (HNSW), made by usearch.

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable small world
graphs", 2018. The graph answers which templates are near; people are then judged by all their templates, one by one.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import StorageError
from backend.domain.identity import Candidate
from backend.gallery.index import ExactIndex, Rows, averages
from backend.gallery.layered import GONE, LayeredIndex

if TYPE_CHECKING:
    from usearch.index import Index

CONNECTIVITY = 16
"""Neighbours of each template in the graph, usearch's own default; docs/search.md has what others measured."""
EXPANSION_ADD = 128
"""How many candidates are looked at for each neighbour when the graph is made."""
EXPANSION_SEARCH = 64
"""How many candidates a search keeps: more find better and take longer, see docs/search.md."""
_PORTION = 500
_STEPS = 4

KeepOn = Callable[[], bool]
"""Whether a long work is to go on; asked every second or so."""


class Stopped(Exception):
    """A long work was asked to stop before its end."""


class HnswIndex:
    """People by the graph of their templates; never changes. Changes lie over it (`LayeredIndex`)."""

    def __init__(
        self, graph: "Index", owners: NDArray[np.int32], people: tuple[str, ...], path: Path | None = None
    ) -> None:
        """Take a graph whose keys are rows, the i-th belonging to `people[owners[i]]`, or to nobody (`GONE`)."""
        self.graph = graph
        self._path = path
        self.owners = owners
        self.unowned = int(np.count_nonzero(owners == GONE))
        """How many rows are nobody's."""
        self._people = people
        self._positions = {person_id: position for position, person_id in enumerate(people)}
        # The rows of each person, one person after the other.
        self._order = np.argsort(owners, kind="stable").astype(np.int32)
        self._starts = np.searchsorted(owners[self._order], np.arange(len(people) + 1)).astype(np.int32)

    @classmethod
    def of(cls, templates: Iterable[tuple[str, NDArray[np.float32]]]) -> LayeredIndex:
        """The index of these (person_id, embedding) pairs, ready to be changed."""
        rows = Rows.of(templates)
        return LayeredIndex(cls.built(rows) if len(rows.owners) else ExactIndex.of(()))

    @classmethod
    def built(cls, rows: Rows, keep_on: KeepOn = lambda: True) -> "HnswIndex":
        """The index of some templates; raises Stopped where it is not to go on."""
        from usearch.index import Index  # Here, for most galleries are small and never need it.

        graph = Index(
            ndim=rows.embeddings.shape[1],
            metric="ip",
            dtype="f16",
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            expansion_search=EXPANSION_SEARCH,
        )
        _grow(graph, rows.embeddings, keep_on)
        return cls(graph, rows.owners, rows.people)

    @classmethod
    def viewed(cls, path: Path, owners: NDArray[np.int32], people: tuple[str, ...]) -> "HnswIndex":
        """The index whose graph is in a file, which is mapped and not read; raises StorageError for another file."""
        graph = _restored(path, view=True)
        if len(graph) != len(owners):
            raise StorageError("The search index has another number of rows than its list.")
        return cls(graph, owners, people, path)

    def __len__(self) -> int:
        """How many rows the graph has, those that are nobody's included."""
        return len(self.owners)

    @property
    def people(self) -> Sequence[str]:
        """Everybody, in the order of enrolment; see TemplateIndex."""
        return self._people

    def __contains__(self, person_id: object) -> bool:
        """Whether a person has templates."""
        return person_id in self._positions

    def templates_of(self, person_id: str) -> NDArray[np.float32]:
        """A person's embeddings, as exact as 16 bits are; see TemplateIndex."""
        position = self._positions.get(person_id)
        return self._vectors(self._rows_of(position) if position is not None else np.empty(0, np.int32))

    def averages(self, people: Sequence[str]) -> NDArray[np.float32]:
        """The mean embedding of each of some people; see TemplateIndex."""
        positions = [self._positions.get(person_id, GONE) for person_id in people]
        if not positions or GONE in positions:
            return averages(self, people)
        rows, counts = self._rows_of_all(positions)
        starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
        sums = np.add.reduceat(self._vectors(rows), starts)
        return np.asarray(sums / counts[:, None], np.float32)

    def search(
        self, embedding: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[Candidate]:
        """The `limit` most alike people; see TemplateIndex. Among some people it compares with each, exactly."""
        if among is None:
            return self._judged(embedding, self._near(embedding, limit), limit)
        known = (self._positions.get(person_id) for person_id in among)
        return self._judged(embedding, sorted(position for position in known if position is not None), limit)

    def with_added(self, person_id: str, embeddings: Iterable[NDArray[np.float32]]) -> LayeredIndex:
        """An index that has these templates too; see TemplateIndex."""
        return LayeredIndex(self).with_added(person_id, embeddings)

    def without(self, person_id: str) -> LayeredIndex:
        """An index that has none of that person's templates; see TemplateIndex."""
        return LayeredIndex(self).without(person_id)

    def rows(self) -> Rows:
        """All templates, read out of the graph."""
        kept = np.flatnonzero(self.owners != GONE)
        blocks = [self._vectors(kept[first : first + 10_000]) for first in range(0, len(kept), 10_000)]
        return Rows(np.concatenate(blocks), self.owners[kept], self._people)

    def extended(self, layers: LayeredIndex, keep_on: KeepOn) -> "HnswIndex":
        """This index, which was read from a file, with what lies over it worked in; raises Stopped as `built`.

        The rows of those who are gone stay in the graph as nobody's: they still lead to others.
        """
        if self._path is None:
            raise StorageError("A search index that is in no file cannot be extended.")
        graph = _restored(self._path, view=False)
        people = tuple(layers.people)
        stayed = np.append(layers.placed(self._people, people), np.int32(GONE))
        _grow(graph, layers.added.rows().embeddings, keep_on)
        # GONE is also the last place of `stayed`: nobody's rows stay nobody's.
        return HnswIndex(graph, np.concatenate((stayed[self.owners], layers.added_in(people))), people)

    def _near(self, embedding: NDArray[np.float32], limit: int) -> NDArray[np.int32]:
        """The positions of at least `limit` people with templates near the embedding, or of all that there are."""
        wanted = 2 * limit + 10
        while True:
            wanted = min(wanted, len(self.owners))
            rows = self.graph.search(embedding, wanted, threads=1).keys.astype(np.intp)
            owners = self.owners[rows]
            near = np.unique(owners[owners != GONE])
            if len(near) >= limit or wanted == len(self.owners):
                return near
            wanted *= _STEPS

    def _judged(
        self, embedding: NDArray[np.float32], positions: Sequence[int] | NDArray[np.int32], limit: int
    ) -> list[Candidate]:
        if not len(positions):
            return []
        rows, counts = self._rows_of_all(positions)
        best = np.full(len(positions), -1.0, np.float32)
        of_whom = np.repeat(np.arange(len(positions)), counts)
        np.maximum.at(best, of_whom, np.clip(self._vectors(rows) @ embedding, -1.0, 1.0))
        # Positions ascend, so that equal galleries answer equally.
        leading = np.argsort(-best, kind="stable")[:limit]
        return [Candidate(self._people[positions[place]], float(best[place])) for place in leading]

    def _rows_of(self, position: int) -> NDArray[np.int32]:
        return self._order[self._starts[position] : self._starts[position + 1]]

    def _rows_of_all(self, positions: Sequence[int] | NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
        parts = [self._rows_of(position) for position in positions]
        rows = np.concatenate(parts) if parts else np.empty(0, np.int32)
        return rows, np.array([len(part) for part in parts], np.intp)

    def _vectors(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        if not len(rows):
            return np.empty((0, self.graph.ndim), np.float32)
        vectors = np.asarray(self.graph.get(rows.astype(np.uint64)), np.float32)
        # 16 bits a number leave the length a little off 1.
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _grow(graph: "Index", embeddings: NDArray[np.float32], keep_on: KeepOn) -> None:
    # One thread and small portions: the service beside it goes on.
    for first in range(0, len(embeddings), _PORTION):
        if not keep_on():
            raise Stopped
        portion = embeddings[first : first + _PORTION]
        graph.add(np.arange(len(graph), len(graph) + len(portion), dtype=np.uint64), portion, threads=1)


def _restored(path: Path, *, view: bool) -> "Index":
    from usearch.index import Index

    try:
        graph = Index.restore(path, view=view, expansion_add=EXPANSION_ADD, expansion_search=EXPANSION_SEARCH)
    except Exception as error:
        raise StorageError(f"The search index cannot be read: {error}.") from error
    if graph is None:
        raise StorageError("The search index cannot be read.")
    return graph
