"""Vector search over templates: the protocol, and the exact index."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol, Self, TypeAlias

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

    def templates_of(self, person_id: str) -> NDArray[np.float32]:
        """The embeddings of a person, n × d; of no rows where there are none."""
        ...

    def search(
        self, embedding: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[Candidate]:
        """The `limit` most alike people, best first, each once, with their best template's cosine.

        Where `among` is given, only of those people.
        """
        ...

    def with_added(self, person_id: str, embeddings: Iterable[NDArray[np.float32]]) -> Self:
        """An index that has these templates of a person too."""
        ...

    def without(self, person_id: str) -> Self:
        """An index that has none of that person's templates."""
        ...


MakeIndex: TypeAlias = Callable[[Iterable[tuple[str, NDArray[np.float32]]]], TemplateIndex]
"""Makes the index of some (person_id, embedding) pairs."""


class ExactIndex:
    """Compares with every template: exact, and fast up to some ten thousand people."""

    def __init__(self, embeddings: NDArray[np.float32], owners: NDArray[np.intp], people: tuple[str, ...]) -> None:
        """Take n × d embeddings of length 1, whose i-th belongs to `people[owners[i]]`."""
        self._embeddings = embeddings
        self._owners = owners
        self._people = people
        self._positions = {person_id: position for position, person_id in enumerate(people)}

    @classmethod
    def of(cls, templates: Iterable[tuple[str, NDArray[np.float32]]]) -> "ExactIndex":
        """The index of these (person_id, embedding) pairs."""
        positions: dict[str, int] = {}
        owners: list[int] = []
        rows: list[NDArray[np.float32]] = []
        for person_id, embedding in templates:
            owners.append(positions.setdefault(person_id, len(positions)))
            rows.append(embedding)
        stacked = np.stack(rows) if rows else np.empty((0, 0), np.float32)
        return cls(stacked, np.array(owners, np.intp), tuple(positions))

    @property
    def people(self) -> Sequence[str]:
        """Everybody, in the order of enrolment."""
        return self._people

    def templates_of(self, person_id: str) -> NDArray[np.float32]:
        """A person's embeddings; see TemplateIndex."""
        own: NDArray[np.float32] = self._embeddings[self._owners == self._positions.get(person_id, -1)]
        return own

    def search(
        self, embedding: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[Candidate]:
        """The `limit` most alike people; see TemplateIndex."""
        if not self._people:
            return []
        best = np.full(len(self._people), -np.inf, np.float32)
        np.maximum.at(best, self._owners, np.clip(self._embeddings @ embedding, -1.0, 1.0))
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
        owners = np.full(len(added), self._positions.get(person_id, len(self._people)), np.intp)
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
        owners = owners - (owners > gone)
        people = self._people[:gone] + self._people[gone + 1 :]
        return ExactIndex(self._embeddings[kept], owners, people)
