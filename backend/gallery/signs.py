"""Search of many people by the signs of their looks, which tell at little cost who may be meant.

A look is the mean of a person's templates; each template that is unlike the mean is one more. The more alike two faces
are, the fewer of their numbers differ in sign (Charikar, "Similarity estimation techniques from rounding algorithms",
2002), so the probe is compared with every look by signs alone, one bit a number. Those that differ least are compared
by their numbers, and the people of the most alike by all their templates, one by one. docs/search.md tells what that
finds and takes, beside a graph of neighbours.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from backend.domain.identity import Candidate
from backend.gallery.index import ExactIndex, Rows, averages, products
from backend.gallery.layered import GONE, LayeredIndex

LIKELY_SHARE = 125
"""Of so many looks one is compared by its numbers.

With it 99 of 100 probes that are 0.45 to 0.5 alike to one of 200,000 people find that person; with one of 250, 96 do.
"""
LEAST_LIKELY = 500
"""So many are at least; they take 0.1 ms."""
BEYOND = 15
"""So many more looks than wanted people are taken: a person's best template may be liker than others' whose mean is."""
ALIKE = 0.6
"""The cosine with the mean of a person's templates below which one of them is a look of its own.

The mean of few templates has a cosine of 0.7 to 0.9 with each of one person's usual ones, and 0.4 with a stray one.
"""
IN_16_BITS, IN_8_BITS = 32767, 127
"""What 1 is in templates and in looks: integers become floats ten times as fast as 16-bit floats do."""
_WORD = 64
_EVERY = 64
"""One look of so many tells where the nearest end, closely enough."""
_AT_ONCE = 10_000
_LOOKS_AT_ONCE = 65_536
_STEPS = 4

KeepOn = Callable[[], bool]
"""Whether a long work is to go on; asked every second or so."""


class Stopped(Exception):
    """A long work was asked to stop before its end."""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What an index is made of, as it is kept in files."""

    vectors: NDArray[np.int16]
    """The templates, rows × dimensions, in parts of IN_16_BITS."""
    owners: NDArray[np.int32]
    """For each row whose it is, as a position in `people`."""
    looks: NDArray[np.int8]
    """Looks × dimensions, in parts of IN_8_BITS."""
    whose: NDArray[np.int32]
    """For each look whose it is, as a position in `people`."""
    people: tuple[str, ...]
    """In the order of enrolment."""


class SignsIndex:
    """People by the signs of their looks; never changes. Changes lie over it (`LayeredIndex`)."""

    def __init__(self, parts: Parts) -> None:
        """Take parts that belong together."""
        self.parts = parts
        self._people = parts.people
        self._positions = {person_id: position for position, person_id in enumerate(parts.people)}
        # The rows of each person, one person after the other.
        self._order = np.argsort(parts.owners, kind="stable").astype(np.int32)
        self._starts = np.searchsorted(parts.owners[self._order], np.arange(len(parts.people) + 1))
        # A word of all looks lies side by side: the first 64 signs of each, then the next.
        self._signs = np.ascontiguousarray(_words(parts.looks > 0).T)

    @classmethod
    def of(cls, templates: Iterable[tuple[str, NDArray[np.float32]]]) -> LayeredIndex:
        """The index of these (person_id, embedding) pairs, ready to be changed."""
        rows = Rows.of(templates)
        return LayeredIndex(cls.built(rows) if len(rows.owners) else ExactIndex.of(()))

    @classmethod
    def built(cls, rows: Rows, keep_on: KeepOn = lambda: True) -> "SignsIndex":
        """The index of some templates; raises Stopped where it is not to go on."""
        vectors = _in_16_bits(rows.embeddings)
        return cls(Parts(vectors, rows.owners, *_looks(vectors, rows.owners, keep_on), rows.people))

    def __len__(self) -> int:
        """How many templates it has."""
        return len(self.parts.owners)

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
        rows, starts, counts = self._rows_of_all(np.array(positions))
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
        """All templates, as exact as 16 bits are; see TemplateIndex."""
        return Rows(_as_floats(self.parts.vectors), self.parts.owners, self._people)

    def extended(self, layers: LayeredIndex, keep_on: KeepOn) -> "SignsIndex":
        """This index with what lies over it worked in; raises Stopped where it is not to go on."""
        people, added = tuple(layers.people), layers.added.rows()
        theirs, stayed = layers.added_in(people), layers.placed(self._people, people)
        owners, whose = stayed[self.parts.owners], stayed[self.parts.whose]
        kept = np.flatnonzero(owners != GONE)
        vectors = np.empty((len(kept) + len(theirs), self.parts.vectors.shape[1]), np.int16)
        # Each into its place: joined afterwards they would be in memory a second time, and so with another `mode`.
        np.take(self.parts.vectors, kept, axis=0, out=vectors[: len(kept)], mode="clip")
        if len(theirs):
            vectors[len(kept) :] = _in_16_bits(added.embeddings)
        owners = np.concatenate((owners[kept], theirs))
        # Who has new templates has another mean.
        anew, as_before = np.isin(owners, theirs), (whose != GONE) & ~np.isin(whose, theirs)
        looks, of_whom = _looks(vectors[anew], owners[anew], keep_on)
        looks = np.concatenate((self.parts.looks[as_before], looks))
        return SignsIndex(Parts(vectors, owners, looks, np.concatenate((whose[as_before], of_whom)), people))

    def _near(self, embedding: NDArray[np.float32], limit: int) -> NDArray[np.int32]:
        """The positions of at least `limit` people with looks near the embedding, or of all that there are."""
        whose, wanted = self.parts.whose, limit + BEYOND
        while True:
            near = np.unique(whose[self._nearest(embedding, wanted)])
            if len(near) >= limit or wanted >= len(whose):
                return near
            wanted *= _STEPS

    def _nearest(self, embedding: NDArray[np.float32], wanted: int) -> NDArray[np.intp]:
        """The places of the `wanted` most alike among the likely looks."""
        likely = self._likely(embedding, max(wanted, LEAST_LIKELY, len(self.parts.whose) // LIKELY_SHARE))
        if len(likely) <= wanted:
            return likely
        # `take` copies rows in half the time that an index in brackets does.
        likeness = products(self.parts.looks.take(likely, axis=0).astype(np.float32), embedding)
        return likely[np.argpartition(-likeness, wanted)[:wanted]]

    def _likely(self, embedding: NDArray[np.float32], count: int) -> NDArray[np.intp]:
        """The places of about `count` looks that differ least from the embedding in sign, or of all that there are."""
        if count >= len(self.parts.whose):
            return np.arange(len(self.parts.whose))
        differing = self._differing(embedding)
        last = count // _EVERY
        return np.flatnonzero(differing <= np.partition(differing[::_EVERY], last)[last])

    def _differing(self, embedding: NDArray[np.float32]) -> NDArray[np.unsignedinteger]:
        """For each look how many signs differ from the embedding's, of those that count: of its larger numbers."""
        sizes, middle = np.abs(embedding), len(embedding) // 2
        # The smaller half of the numbers have signs that are nearly chance.
        (own,), (counting,) = _words(embedding[None] > 0), _words(sizes[None] >= np.partition(sizes, middle)[middle])
        differing = np.zeros(len(self.parts.whose), np.min_scalar_type(len(embedding)))
        # The same little memory for each portion: for much, each search would ask the system and give it back.
        different, counts = np.empty(_LOOKS_AT_ONCE, np.uint64), np.empty(_LOOKS_AT_ONCE, np.uint8)
        for first in range(0, len(differing), _LOOKS_AT_ONCE):
            portion = differing[first : first + _LOOKS_AT_ONCE]
            those, theirs = different[: len(portion)], counts[: len(portion)]
            for signs, own_word, counting_word in zip(self._signs, own, counting, strict=True):
                np.bitwise_xor(signs[first : first + _LOOKS_AT_ONCE], own_word, out=those)
                np.bitwise_and(those, counting_word, out=those)
                portion += np.bitwise_count(those, out=theirs)
        return differing

    def _judged(
        self, embedding: NDArray[np.float32], positions: Sequence[int] | NDArray[np.int32], limit: int
    ) -> list[Candidate]:
        if not len(positions):
            return []
        rows, starts, _ = self._rows_of_all(np.asarray(positions))
        best = np.maximum.reduceat(np.clip(products(self._vectors(rows), embedding), -1.0, 1.0), starts)
        # Positions ascend, so that equal galleries answer equally.
        leading = np.argsort(-best, kind="stable")[:limit]
        return [Candidate(self._people[positions[place]], float(best[place])) for place in leading]

    def _rows_of(self, position: int) -> NDArray[np.int32]:
        return self._order[self._starts[position] : self._starts[position + 1]]

    def _rows_of_all(
        self, positions: NDArray[np.integer]
    ) -> tuple[NDArray[np.int32], NDArray[np.intp], NDArray[np.intp]]:
        """The rows of some people, at least one, one after the other; where each one's begin, and how many they are."""
        first = self._starts[positions]
        counts = self._starts[positions + 1] - first
        ends = np.cumsum(counts)
        starts = ends - counts
        return self._order[np.repeat(first - starts, counts) + np.arange(ends[-1])], starts, counts

    def _vectors(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        return _as_floats(self.parts.vectors.take(rows, axis=0))


def _words(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Rows of bits as rows of 64-bit words; what is missing to the last word is 0."""
    packed = np.packbits(bits, axis=1)
    padded = np.zeros((len(bits), -(-bits.shape[1] // _WORD) * _WORD // 8), np.uint8)
    padded[:, : packed.shape[1]] = packed
    return padded.view(np.uint64)


def _in_16_bits(embeddings: NDArray[np.float32]) -> NDArray[np.int16]:
    """Embeddings of length 1 in parts of IN_16_BITS: no similarity changes by a ten-thousandth."""
    vectors = np.empty(embeddings.shape, np.int16)
    # Portion by portion: all at once they would be in memory a second time.
    for first in range(0, len(embeddings), _AT_ONCE):
        portion = slice(first, first + _AT_ONCE)
        vectors[portion] = np.rint(embeddings[portion] * IN_16_BITS)
    return vectors


def _as_floats(vectors: NDArray[np.int16]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.float32(IN_16_BITS), np.float32)


def _looks(
    vectors: NDArray[np.int16], owners: NDArray[np.int32], keep_on: KeepOn
) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    """The looks of the owners of these templates, and whose they are."""
    order = np.argsort(owners, kind="stable")
    begins = np.flatnonzero(np.diff(owners[order], prepend=GONE))
    looks, whose = [np.empty((0, vectors.shape[1]), np.int8)], [np.empty(0, np.int32)]
    for first, last in pairwise([*begins[::_AT_ONCE], len(order)]):
        if not keep_on():
            raise Stopped
        portion = order[first:last]
        theirs, of_whom = _looks_of(_as_floats(vectors[portion]), owners[portion])
        looks.append(np.rint(theirs * IN_8_BITS).astype(np.int8))
        whose.append(of_whom)
    return np.concatenate(looks), np.concatenate(whose)


def _looks_of(
    embeddings: NDArray[np.float32], owners: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """The mean of each person's templates, of length 1, and each template unlike it; with whose they are."""
    people, starts, place = np.unique(owners, return_index=True, return_inverse=True)
    means = np.add.reduceat(embeddings, starts)
    # Templates that cancel each other out have no mean; each is unlike it and is a look of its own.
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-6)
    unlike = (embeddings * means[place]).sum(axis=1) < ALIKE
    return np.concatenate((means, embeddings[unlike])), np.concatenate((people, owners[unlike]))
