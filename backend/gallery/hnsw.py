"""Approximate search of many people by a graph of neighbours (HNSW), made by usearch.

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable small world
graphs", 2018. The graph's nodes are not templates but looks: the mean of a person's templates, and beside it each that
is unlike the mean. It answers who may be meant, and those are judged by all their templates, one by one. So it is made
in a fraction of the time, and a person's many templates do not crowd out everybody else's (docs/search.md).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
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

CONNECTIVITY = 24
"""Neighbours of each node in the graph; usearch's own default is 16.

Of 200,000 looks it finds 99.8 % with 128 candidates kept, where 16 find 98.8 % with 320, in less than half the time.
The graph is a quarter larger and takes half as long again to make.
"""
EXPANSION_ADD = 128
"""How many candidates are looked at for each neighbour when the graph is made."""
LEAST_EXPANSION, MOST_EXPANSION = 40, 512
"""How many candidates a search keeps, at least and at most: more find better and take longer."""
ALIKE = 0.6
"""The cosine with the mean of a person's templates below which one of them has a node of its own.

The mean of few templates has a cosine of 0.7 to 0.9 with each of one person's usual ones, and 0.4 with a stray one.
"""
WHOLE = 32767
"""What 1 is in templates of 16 bits: as integers they become floats ten times as fast as 16-bit floats do."""
_PORTION = 200
_PEOPLE_AT_ONCE = 10_000
_STEPS = 4

KeepOn = Callable[[], bool]
"""Whether a long work is to go on; asked every second or so."""


class Stopped(Exception):
    """A long work was asked to stop before its end."""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What an index has beside its graph."""

    vectors: NDArray[np.int16]
    """The templates, rows × dimensions, in parts of `WHOLE`."""
    owners: NDArray[np.int32]
    """For each row whose it is, as a position in `people`."""
    looks: NDArray[np.int32]
    """For each node of the graph whose look it is, as a position in `people`, or GONE."""
    people: tuple[str, ...]
    """In the order of enrolment."""


class HnswIndex:
    """People by the graph of their looks; never changes. Changes lie over it (`LayeredIndex`)."""

    def __init__(self, graph: "Index", parts: Parts, path: Path | None = None) -> None:
        """Take a graph whose keys are the places of `parts.looks`, and the file that it is mapped from, if any."""
        self.graph = graph
        self.parts = parts
        self._path = path
        self._people = parts.people
        self._positions = {person_id: position for position, person_id in enumerate(parts.people)}
        # The rows of each person, one person after the other.
        self._order = np.argsort(parts.owners, kind="stable").astype(np.int32)
        self._starts = _starts(parts.owners[self._order], len(parts.people))

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
            # 8 bits a number find as well as 16 and in less than half the time; who is found is judged by 16.
            dtype="i8",
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            expansion_search=expansion_for(len(rows.people)),
            enable_key_lookups=False,
        )
        looks = _grow(graph, rows, keep_on)
        return cls(graph, Parts(in_16_bits(rows.embeddings), rows.owners, looks, rows.people))

    @classmethod
    def viewed(cls, path: Path, parts: Parts) -> "HnswIndex":
        """The index whose graph is in a file, which is mapped and not read; raises StorageError for another file."""
        graph = _restored(path, len(parts.looks), view=True)
        if len(graph) != len(parts.looks) or len(parts.vectors) != len(parts.owners):
            raise StorageError("The parts of the search index do not belong together.")
        return cls(graph, parts, path)

    def __len__(self) -> int:
        """How many templates it has."""
        return len(self.parts.owners)

    @property
    def share_unowned(self) -> float:
        """The part of the graph's nodes that is nobody's any more."""
        return float(np.count_nonzero(self.parts.looks == GONE) / len(self.parts.looks))

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
        rows, starts = self._rows_of_all(positions)
        sums = np.add.reduceat(self._vectors(rows), starts)
        return np.asarray(sums / np.diff(starts, append=len(rows))[:, None], np.float32)

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
        """All templates, as exact as 16 bits are; see TemplateIndex."""
        owners = self.parts.owners
        blocks = [self._vectors(np.arange(first, min(first + 10_000, len(owners)))) for first in _firsts(owners)]
        return Rows(np.concatenate(blocks), owners, self._people)

    def extended(self, layers: LayeredIndex, keep_on: KeepOn) -> "HnswIndex":
        """This index, which was read from a file, with what lies over it worked in; raises Stopped as `built`.

        The looks of those who are gone stay in the graph as nobody's: they still lead to others.
        """
        if self._path is None:
            raise StorageError("A search index that is in no file cannot be extended.")
        graph = _restored(self._path, len(self.parts.looks), view=False)
        people, added = tuple(layers.people), layers.added.rows()
        theirs = layers.added_in(people)
        looks = _grow(graph, Rows(added.embeddings, theirs, people), keep_on)
        # GONE is also the last place of `stayed`: nobody's looks stay nobody's.
        stayed = np.append(layers.placed(self._people, people), np.int32(GONE))
        owners = stayed[self.parts.owners]
        vectors = [self.parts.vectors[owners != GONE], *([in_16_bits(added.embeddings)] if len(theirs) else [])]
        parts = Parts(
            np.concatenate(vectors),
            np.concatenate((owners[owners != GONE], theirs)),
            np.concatenate((stayed[self.parts.looks], looks)),
            people,
        )
        return HnswIndex(graph, parts)

    def _near(self, embedding: NDArray[np.float32], limit: int) -> NDArray[np.int32]:
        """The positions of at least `limit` people with looks near the embedding, or of all that there are."""
        looks, wanted = self.parts.looks, 2 * limit + 10
        while True:
            wanted = min(wanted, len(looks))
            nodes = np.asarray(self.graph.search(embedding, wanted, threads=1).keys, np.intp)
            near = np.unique(looks[nodes])
            near = np.asarray(near[near != GONE], np.int32)
            if len(near) >= limit or wanted == len(looks):
                return near
            wanted *= _STEPS

    def _judged(
        self, embedding: NDArray[np.float32], positions: Sequence[int] | NDArray[np.int32], limit: int
    ) -> list[Candidate]:
        if not len(positions):
            return []
        rows, starts = self._rows_of_all(positions)
        best = np.maximum.reduceat(np.clip(self._vectors(rows) @ embedding, -1.0, 1.0), starts)
        # Positions ascend, so that equal galleries answer equally.
        leading = np.argsort(-best, kind="stable")[:limit]
        return [Candidate(self._people[positions[place]], float(best[place])) for place in leading]

    def _rows_of(self, position: int) -> NDArray[np.int32]:
        return self._order[self._starts[position] : self._starts[position + 1]]

    def _rows_of_all(self, positions: Sequence[int] | NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
        """The rows of at least one person, one person after the other, and where each one's begin."""
        parts = [self._rows_of(position) for position in positions]
        return np.concatenate(parts), np.cumsum([0, *map(len, parts[:-1])])

    def _vectors(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        # `take` copies rows in half the time that an index in brackets does.
        return self.parts.vectors.take(rows, axis=0) / np.float32(WHOLE)


def in_16_bits(embeddings: NDArray[np.float32]) -> NDArray[np.int16]:
    """Embeddings of length 1 in parts of `WHOLE`; their similarities change by less than a ten-thousandth."""
    return np.rint(embeddings * np.float32(WHOLE)).astype(np.int16)


def expansion_for(looks: int) -> int:
    """How many candidates a search keeps in a graph of so many looks.

    Measured so that more than 99 % of the most alike people are found: 40 of 20,000 looks, 126 of 200,000, between and
    beyond by that power. Embeddings fill nearly all their dimensions, which is the hard case for a graph.
    """
    return int(np.clip(LEAST_EXPANSION * (looks / 20_000) ** 0.5, LEAST_EXPANSION, MOST_EXPANSION))


def _starts(ordered: NDArray[np.int32], people: int) -> NDArray[np.int32]:
    """Where each person's rows begin among rows in the order of people, and where the last one's end."""
    return np.asarray(np.searchsorted(ordered, np.arange(people + 1)), np.int32)


def _firsts(rows: NDArray[np.int32]) -> range:
    return range(0, len(rows), 10_000)


def _grow(graph: "Index", rows: Rows, keep_on: KeepOn) -> NDArray[np.int32]:
    """Add the looks of these templates to a graph; answers whose they are, in the order of the new nodes."""
    order = np.argsort(rows.owners, kind="stable")
    starts = _starts(rows.owners[order], len(rows.people))
    whose = [np.empty(0, np.int32)]
    # Portion by portion: all at once they would be in memory a second time.
    for first in range(0, len(rows.people), _PEOPLE_AT_ONCE):
        last = min(first + _PEOPLE_AT_ONCE, len(rows.people))
        portion = order[starts[first] : starts[last]]
        if len(portion):
            looks, owners = _looks_of(rows.embeddings[portion], rows.owners[portion])
            _add(graph, looks, keep_on)
            whose.append(owners)
    return np.concatenate(whose)


def _looks_of(
    embeddings: NDArray[np.float32], owners: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """The mean of each person's templates, of length 1, and each template unlike it; with whose they are."""
    people, starts, place = np.unique(owners, return_index=True, return_inverse=True)
    means = np.add.reduceat(embeddings, starts)
    # Templates that cancel each other out have no mean; each is unlike it and has its own node.
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-6)
    unlike = (embeddings * means[place]).sum(axis=1) < ALIKE
    return np.concatenate((means, embeddings[unlike])), np.concatenate((people, owners[unlike]))


def _add(graph: "Index", looks: NDArray[np.float32], keep_on: KeepOn) -> None:
    # One thread and small portions: the service beside it goes on.
    for first in range(0, len(looks), _PORTION):
        if not keep_on():
            raise Stopped
        portion = looks[first : first + _PORTION]
        graph.add(np.arange(len(graph), len(graph) + len(portion), dtype=np.uint64), portion, threads=1)


def _restored(path: Path, looks: int, *, view: bool) -> "Index":
    from usearch.index import Index

    try:
        graph = Index.restore(
            path,
            view=view,
            expansion_add=EXPANSION_ADD,
            expansion_search=expansion_for(looks),
            enable_key_lookups=False,
        )
    except Exception as error:
        raise StorageError(f"The search index cannot be read: {error}.") from error
    if graph is None:
        raise StorageError("The search index cannot be read.")
    return graph
