"""A large index that changes at little cost: what it was made of stays as it is, and changes lie over it."""

from collections.abc import Collection, Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from backend.domain.identity import Candidate
from backend.gallery.index import ExactIndex, Rows, TemplateIndex, averages

GONE = -1
"""Whose a row is that is nobody's any more."""


class LayeredIndex:
    """An index without those who are gone from it, and beside it a small exact one of what was added since.

    A change copies only the small parts, so it takes as long in a large gallery as in a small one. A person may have
    templates in both: the better of the two similarities counts.
    """

    def __init__(
        self, base: TemplateIndex, gone: frozenset[str] = frozenset(), added: ExactIndex | None = None
    ) -> None:
        """Lay over `base` that these people's templates are `gone` from it, and that others were `added`."""
        self.base = base
        self.gone = gone
        self.added = ExactIndex.of(()) if added is None else added

    @property
    def people(self) -> Sequence[str]:
        """Everybody, in the order of enrolment; see TemplateIndex."""
        stayed = [person_id for person_id in self.base.people if person_id not in self.gone]
        return (*stayed, *(person_id for person_id in self.added.people if not self._is_in_base(person_id)))

    def __contains__(self, person_id: object) -> bool:
        """Whether a person has templates."""
        return person_id in self.added or self._is_in_base(person_id)

    def templates_of(self, person_id: str) -> NDArray[np.float32]:
        """A person's embeddings; see TemplateIndex."""
        parts = [self.base.templates_of(person_id)] if self._is_in_base(person_id) else []
        if person_id in self.added:
            parts.append(self.added.templates_of(person_id))
        return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)

    def averages(self, people: Sequence[str]) -> NDArray[np.float32]:
        """The mean embedding of each of some people; see TemplateIndex."""
        # One question for many is what makes a large base fast, and most people are as they were.
        as_they_were = self.gone.isdisjoint(people) and not any(person_id in self.added for person_id in people)
        return self.base.averages(people) if as_they_were else averages(self, people)

    def rows(self) -> Rows:
        """All templates; see TemplateIndex."""
        base, added = self.base.rows(), self.added.rows()
        if not len(base.owners):
            return added
        people = tuple(self.people)
        stayed = self.placed(base.people, people)[base.owners]
        joined = self.added_in(people)
        embeddings = (base.embeddings[stayed != GONE], added.embeddings)[: 2 if len(joined) else 1]
        return Rows(np.concatenate(embeddings), np.concatenate((stayed[stayed != GONE], joined)), people)

    def placed(self, before: Sequence[str], people: Sequence[str]) -> NDArray[np.int32]:
        """For each of those in the base its place among `people`, or GONE."""
        positions = {person_id: position for position, person_id in enumerate(people)}
        return np.array([GONE if person_id in self.gone else positions[person_id] for person_id in before], np.int32)

    def added_in(self, people: Sequence[str]) -> NDArray[np.int32]:
        """For each template that was added the place of whose it is among `people`."""
        positions = {person_id: position for position, person_id in enumerate(people)}
        added = self.added.rows()
        return np.array([positions[person_id] for person_id in added.people], np.int32)[added.owners]

    def search(
        self, embedding: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[Candidate]:
        """The `limit` most alike people; see TemplateIndex."""
        best = {candidate.person_id: candidate for candidate in self._of_base(embedding, limit, among)}
        for candidate in self.added.search(embedding, limit, among):
            known = best.get(candidate.person_id)
            if known is None or known.similarity < candidate.similarity:
                best[candidate.person_id] = candidate
        return sorted(best.values(), key=lambda candidate: -candidate.similarity)[:limit]

    def with_added(self, person_id: str, embeddings: Iterable[NDArray[np.float32]]) -> "LayeredIndex":
        """An index that has these templates too; see TemplateIndex."""
        return LayeredIndex(self.base, self.gone, self.added.with_added(person_id, embeddings))

    def without(self, person_id: str) -> "LayeredIndex":
        """An index that has none of that person's templates; see TemplateIndex."""
        gone = self.gone | {person_id} if person_id in self.base else self.gone
        return LayeredIndex(self.base, gone, self.added.without(person_id))

    def with_replaced(
        self, changed: Collection[str], rows: Iterable[tuple[str, NDArray[np.float32]]]
    ) -> "LayeredIndex":
        """An index whose only templates of the `changed` people are these (person_id, embedding) pairs."""
        gone = self.gone.union(person_id for person_id in changed if person_id in self.base)
        kept = (row for row in self.added.rows() if row[0] not in changed)
        return LayeredIndex(self.base, gone, ExactIndex.of(chain(kept, rows)))

    def _is_in_base(self, person_id: object) -> bool:
        return person_id not in self.gone and person_id in self.base

    def _of_base(self, embedding: NDArray[np.float32], limit: int, among: Collection[str] | None) -> list[Candidate]:
        if among is not None:
            return self.base.search(embedding, limit, frozenset(among) - self.gone)
        wanted = limit
        while True:
            found = self.base.search(embedding, wanted)
            stayed = [candidate for candidate in found if candidate.person_id not in self.gone]
            if len(stayed) >= limit or len(found) < wanted:
                return stayed[:limit]
            wanted *= 4
