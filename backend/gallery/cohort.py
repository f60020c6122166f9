"""Similarities made comparable: how much a face resembles people in general no longer counts for or against it.

Some faces are nearer than others to everybody, and some pictures (blurred, dark, small) make any face so. Their chance
similarities are what a threshold must stay above. So from each similarity half of what the two faces have beyond the
usual with the *cohort*, a sample of the gallery, is taken away:

    adjusted = similarity - w · (probe's mean similarity to the cohort - usual)
                          - w · (person's mean similarity to the cohort - usual)

where `usual` is the mean similarity of two people of the cohort, so that on average nothing changes and a threshold
keeps its meaning. No person counts twice in it (`ALIKE`), and little is ever added (`LEAST_EXCESS`). It is the
symmetric form of cohort normalisation (Auckenthaler et al., "Score normalization for text-independent speaker
verification systems", 2000) without its division, measured in docs/evaluation.md.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.domain.identity import Candidate
from backend.gallery.index import ExactIndex, Rows, TemplateIndex

WEIGHT = 0.5
"""The part that is taken away in a large gallery; from 0.4 to 0.7 it makes no difference."""
MEANINGLESS = 10
"""Up to so many people are no cohort, and nothing is taken away; the part grows to `WEIGHT` as the gallery does."""
SIZE = 500
"""How many people the cohort has at most, those enrolled first: more make no difference."""
ALIKE = 0.45
"""People whose averages are so alike are one person for the cohort, enrolled more than once: counted twice, they would
make it seem usual to be alike. Of different people in LFW, two pairs in 100,000 are."""
LEAST_EXCESS = -0.05
"""An excess below this counts as this: what is added to a similarity stays small whatever the gallery is like. One in a
hundred faces of LFW is below it, and none below -0.09."""
_OVERTAKING = 10
"""Candidates beyond those wanted that are looked at, because the adjustment may put them before others."""


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """A sample of the gallery's people, one average template each."""

    positions: Mapping[str, int]
    """Which row of `averages` is whose, or stands for whom."""
    averages: NDArray[np.float32]
    """People of whom no two are alike × dimensions."""
    total: NDArray[np.float32]
    """The sum of the averages: its product with a face is the sum of the face's similarities."""
    usual: float
    """The mean similarity of two different people; 0 where there are fewer than two."""

    @classmethod
    def of(cls, index: TemplateIndex) -> "Cohort":
        """The cohort of a gallery: its first people, in the order of enrolment."""
        people = index.people[:SIZE]
        averages = index.averages(people)
        members, rows = _different(averages)
        averages = averages[members]
        total, pairs = averages.sum(axis=0), len(members) * (len(members) - 1)
        # All products of two, less everybody's with themselves.
        usual = float(np.vdot(total, total) - np.vdot(averages, averages)) / pairs if pairs else 0.0
        return cls(dict(zip(people, rows, strict=True)), averages, total, usual)

    @property
    def weight(self) -> float:
        """The part that is taken away: 0 where the cohort is too small to say anything, near `WEIGHT` where large."""
        return WEIGHT * max(0.0, 1 - MEANINGLESS / max(len(self.averages), 1))

    def is_changed_by(self, person_id: str) -> bool:
        """Whether a change of that person's templates, or that person's coming, changes the cohort."""
        return person_id in self.positions or len(self.positions) < SIZE

    def excesses(
        self, probe: NDArray[np.float32], averages: NDArray[np.float32], people: Sequence[str]
    ) -> NDArray[np.float32]:
        """By how much a probe's and each person's mean similarity to the cohort exceed the usual, added up.

        `averages` are those of the people, n × d; for each the cohort is without that person.
        """
        faces = np.stack((np.broadcast_to(probe, averages.shape), averages))
        sums, counts = faces @ self.total, np.full(len(people), len(self.averages), np.float32)
        rows = np.array([self.positions.get(person_id, -1) for person_id in people])
        members = np.flatnonzero(rows >= 0)
        if len(members):
            sums[:, members] -= np.vecdot(faces[:, members], self.averages[rows[members]])
            counts[members] -= 1
        return np.asarray(np.maximum(sums / counts - self.usual, LEAST_EXCESS).sum(axis=0), np.float32)


def _different(averages: NDArray[np.float32]) -> tuple[list[int], list[int]]:
    """The rows that are alike to none before them, and for every row which of those it is, or is alike to."""
    units = averages / np.maximum(np.linalg.norm(averages, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    alike = units @ units.T >= ALIKE
    places: dict[int, int] = {}
    rows: list[int] = []
    for row, likes in enumerate(alike):
        # Hardly ever any before it, and nothing else is looked through one by one.
        before = (int(other) for other in np.flatnonzero(likes[:row]) if int(other) in places)
        rows.append(places.setdefault(next(before, row), len(places)))
    return list(places), rows


class CohortAdjustedIndex:
    """Another index whose similarities are adjusted by a cohort of its people; see the module."""

    @classmethod
    def of(cls, templates: Iterable[tuple[str, NDArray[np.float32]]]) -> "CohortAdjustedIndex":
        """The exact index of these (person_id, embedding) pairs, adjusted."""
        return cls(ExactIndex.of(templates))

    def __init__(self, index: TemplateIndex, cohort: Cohort | None = None) -> None:
        """Search `index`; the cohort is drawn from it where none is given."""
        self._index = index
        self._cohort = Cohort.of(index) if cohort is None else cohort

    @property
    def people(self) -> Sequence[str]:
        """Everybody, in the order of enrolment."""
        return self._index.people

    def __contains__(self, person_id: object) -> bool:
        """Whether a person has templates."""
        return person_id in self._index

    @property
    def plain(self) -> TemplateIndex:
        """The index whose similarities are adjusted."""
        return self._index

    def templates_of(self, person_id: str) -> NDArray[np.float32]:
        """A person's embeddings; see TemplateIndex."""
        return self._index.templates_of(person_id)

    def averages(self, people: Sequence[str]) -> NDArray[np.float32]:
        """The mean embedding of each of some people; see TemplateIndex."""
        return self._index.averages(people)

    def rows(self) -> Rows:
        """All templates; see TemplateIndex."""
        return self._index.rows()

    def search(
        self, embedding: NDArray[np.float32], limit: int, among: Collection[str] | None = None
    ) -> list[Candidate]:
        """The `limit` people whose adjusted similarity is the highest; see TemplateIndex."""
        if not self._cohort.weight:
            return self._index.search(embedding, limit, among)
        candidates = self._index.search(embedding, limit + _OVERTAKING, among)
        if not candidates:
            return []
        people = [candidate.person_id for candidate in candidates]
        similarities = self._adjusted(embedding, [candidate.similarity for candidate in candidates], people)
        leading = np.argsort(-similarities, kind="stable")[:limit].tolist()
        return [Candidate(people[place], float(similarities[place])) for place in leading]

    def with_added(self, person_id: str, embeddings: Iterable[NDArray[np.float32]]) -> "CohortAdjustedIndex":
        """An index that has these templates too; see TemplateIndex."""
        changed = self._index.with_added(person_id, embeddings)
        return CohortAdjustedIndex(changed, None if self._cohort.is_changed_by(person_id) else self._cohort)

    def without(self, person_id: str) -> "CohortAdjustedIndex":
        """An index that has none of that person's templates; see TemplateIndex."""
        changed = self._index.without(person_id)
        return CohortAdjustedIndex(changed, None if self._cohort.is_changed_by(person_id) else self._cohort)

    def _adjusted(
        self, embedding: NDArray[np.float32], similarities: Sequence[float], people: Sequence[str]
    ) -> NDArray[np.float64]:
        excesses = self._cohort.excesses(embedding, self._index.averages(people), people)
        return np.asarray(np.clip(np.array(similarities) - self._cohort.weight * excesses, -1.0, 1.0), np.float64)
