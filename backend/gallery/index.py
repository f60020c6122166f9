"""Vector search over templates: the protocol, and the exact index."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.domain.identity import Candidate


class TemplateIndex(Protocol):
    """Templates that can be searched; an index never changes, a change makes a new one.

    A search that runs beside a change therefore sees the gallery wholly before or wholly after it.
    """

    @property
    def people(self) -> Sequence[str]:
        """Everybody who has templates, in the order of enrolment."""
        ...

    def __contains__(self, person_id: object) -> bool:
        """Whether a person has templates."""
        ...

    def templates_of(self, person_id: str) -> NDArray[np.float32]:
        """The embeddings of a person, n × d; of no rows where there are none."""
        ...

    def averages(self, people: Sequence[str]) -> NDArray[np.float32]:
        """The mean embedding of each of some people, p × d; zero for those without templates."""
        ...

    def rows(self) -> "Rows":
        """All templates."""
        ...

    def search(
        self, embedding: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[Candidate]:
        """The `limit` most alike people, best first, each once, with their best template's cosine.

        Where `among` is given, only of those people, and none of them is overlooked.
        """
        ...

    def with_added(self, person_id: str, embeddings: Iterable[NDArray[np.float32]]) -> "TemplateIndex":
        """An index that has these templates of a person too."""
        ...

    def without(self, person_id: str) -> "TemplateIndex":
        """An index that has none of that person's templates."""
        ...


MakeIndex: TypeAlias = Callable[[Iterable[tuple[str, NDArray[np.float32]]]], TemplateIndex]
"""Makes the index of some (person_id, embedding) pairs."""


_PORTION = 10_000


def averages(index: TemplateIndex, people: Sequence[str]) -> NDArray[np.float32]:
    """The mean embedding of each of some people, one after the other."""
    own = [index.templates_of(person_id) for person_id in people]
    zero = np.zeros(own[0].shape[1] if own else 0, np.float32)
    means = [templates.mean(axis=0) if len(templates) else zero for templates in own]
    return np.array(means, np.float32).reshape(len(people), len(zero))


def products(vectors: NDArray[np.float32], embedding: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each vector, n × d, the scalar product with the embedding.

    Not `@`: from 3,600 rows on it wakes BLAS's other threads, as many as there are cores, which spin for 2 ms after.
    """
    return np.asarray(np.vecdot(vectors, embedding), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Templates without a Python object for each."""

    embeddings: NDArray[np.float32]
    """Rows × dimensions, of length 1."""
    owners: NDArray[np.int32]
    """For each row whose it is, as a position in `people`."""
    people: tuple[str, ...]
    """In the order of enrolment."""

    @classmethod
    def of(cls, templates: Iterable[tuple[str, NDArray[np.float32]]]) -> "Rows":
        """Take (person_id, embedding) pairs together."""
        positions: dict[str, int] = {}
        owners: list[NDArray[np.int32]] = []
        blocks: list[NDArray[np.float32]] = []
        source = iter(templates)
        while portion := list(islice(source, _PORTION)):
            places = [positions.setdefault(person_id, len(positions)) for person_id, _ in portion]
            owners.append(np.array(places, np.int32))
            blocks.append(np.stack([embedding for _, embedding in portion]))
        if not blocks:
            return cls(np.empty((0, 0), np.float32), np.empty(0, np.int32), ())
        return cls(np.concatenate(blocks), np.concatenate(owners), tuple(positions))

    def __iter__(self) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """The (person_id, embedding) pairs again."""
        return zip((self.people[owner] for owner in self.owners), self.embeddings, strict=True)


class ExactIndex:
    """Compares with every template: exact, and fast up to some ten thousand people."""

    def __init__(self, embeddings: NDArray[np.float32], owners: NDArray[np.int32], people: tuple[str, ...]) -> None:
        """Take n × d embeddings of length 1, whose i-th belongs to `people[owners[i]]`."""
        self._embeddings = embeddings
        self._owners = owners
        self._people = people
        self._positions = {person_id: position for position, person_id in enumerate(people)}
        self._averages: dict[str, NDArray[np.float32]] = {}
        """Of those who were asked for so far: a search asks for fifteen, in most homes always the same."""

    @classmethod
    def of(cls, templates: Iterable[tuple[str, NDArray[np.float32]]]) -> "ExactIndex":
        """The index of these (person_id, embedding) pairs."""
        rows = Rows.of(templates)
        return cls(rows.embeddings, rows.owners, rows.people)

    def rows(self) -> Rows:
        """All templates."""
        return Rows(self._embeddings, self._owners, self._people)

    @property
    def people(self) -> Sequence[str]:
        """Everybody, in the order of enrolment."""
        return self._people

    def __contains__(self, person_id: object) -> bool:
        """Whether a person has templates."""
        return person_id in self._positions

    def templates_of(self, person_id: str) -> NDArray[np.float32]:
        """A person's embeddings; see TemplateIndex."""
        own: NDArray[np.float32] = self._embeddings[self._owners == self._positions.get(person_id, -1)]
        return own

    def averages(self, people: Sequence[str]) -> NDArray[np.float32]:
        """The mean embedding of each of some people; see TemplateIndex."""
        missing = [person_id for person_id in people if person_id not in self._averages]
        self._averages.update(zip(missing, averages(self, missing), strict=True))
        known = [self._averages[person_id] for person_id in people]
        return np.array(known, np.float32).reshape(len(people), self._embeddings.shape[1])

    def search(
        self, embedding: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[Candidate]:
        """The `limit` most alike people; see TemplateIndex."""
        if not self._people:
            return []
        best = np.full(len(self._people), -np.inf, np.float32)
        np.maximum.at(best, self._owners, np.clip(products(self._embeddings, embedding), -1.0, 1.0))
        if among is not None:
            best[[person_id not in among for person_id in self._people]] = -np.inf
        count = min(limit, int(np.isfinite(best).sum()))
        if not count:
            return []
        leading = np.argpartition(-best, count - 1)[:count]
        # The person's position breaks ties, so that equal galleries answer equally.
        ordered = leading[np.lexsort((leading, -best[leading]))]
        return [Candidate(self._people[position], float(best[position])) for position in ordered]

    def with_added(self, person_id: str, embeddings: Iterable[NDArray[np.float32]]) -> "ExactIndex":
        """An index that has these templates too; see TemplateIndex."""
        added = np.stack(list(embeddings))
        people = self._people if person_id in self._positions else (*self._people, person_id)
        owners = np.full(len(added), self._positions.get(person_id, len(self._people)), np.int32)
        if not len(self._owners):
            return ExactIndex(added, owners, people)
        return ExactIndex(np.vstack((self._embeddings, added)), np.concatenate((self._owners, owners)), people)

    def without(self, person_id: str) -> "ExactIndex":
        """An index that has none of that person's templates; see TemplateIndex."""
        if person_id not in self._positions:
            return self
        gone = self._positions[person_id]
        kept = self._owners != gone
        owners = self._owners[kept]
        # Everybody behind the gap moves up by one.
        owners = owners - (owners > gone).astype(np.int32)
        people = self._people[:gone] + self._people[gone + 1 :]
        return ExactIndex(self._embeddings[kept], owners, people)
