"""What an embedder loses in a coarser precision, what it gains, and whether that is worth keeping."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.domain.face import Template
from backend.evaluation import metrics
from backend.evaluation.metrics import Floats
from backend.evaluation.speed import Span

FEWEST_PAIRS: Final = 20
"""Pairs of one person, below which an accuracy says nothing."""
MOST_PAIRS: Final = 3000
"""Of one person, and as many of two."""
WORTH: Final = 0.9
"""What takes more than this part of the time is not worth what it loses."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How alike the same faces' templates in two precisions are."""

    least: float
    one_percent: float
    """What ninety-nine in a hundred exceed."""
    median: float


@dataclass(frozen=True, slots=True, eq=False)
class FacePairs:
    """Pairs of faces of a list: half of them of one person, half of two, where there are enough."""

    left: NDArray[np.intp]
    right: NDArray[np.intp]
    same: NDArray[np.bool_]

    @property
    def are_enough(self) -> bool:
        """Whether an accuracy can be told by them."""
        return min(int(self.same.sum()), int((~self.same).sum())) >= FEWEST_PAIRS

    def scores(self, left: Sequence[Template], right: Sequence[Template]) -> Floats:
        """Each pair's similarity, its two sides taken from two lists of the same faces' templates."""
        one, other = _matrix(left)[self.left], _matrix(right)[self.right]
        return np.asarray((one * other).sum(axis=1), np.float64)

    def accuracy(self, scores: Floats, threshold: float) -> float:
        """The share that is judged rightly at a threshold."""
        return float(((scores >= threshold) == self.same).mean())


@dataclass(frozen=True, slots=True)
class Form:
    """A precision: what it is worth, and what it costs."""

    precision: str
    accuracy: float | None
    """The share of pairs that is judged rightly, at the threshold that is best in f32; None without enough pairs."""
    time: Span
    """Of one face."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may be lost."""

    loss: float
    """Of the accuracy: a share, 0–1."""
    similarity: float
    """What ninety-nine in a hundred templates must have to those in f32."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured of int8, beside what is used without it."""

    forms: Sequence[Form]
    """f32, bf16 where the processor has it, and int8."""
    agreement: Agreement
    mixed: float | None
    """The accuracy where one side is in f32 and the other in int8, as in a gallery that was enrolled before."""

    @property
    def usual(self) -> Form:
        """What `PRECISION=auto` takes here."""
        return self.forms[-2]

    @property
    def made(self) -> Form:
        """int8."""
        return self.forms[-1]

    @property
    def loss(self) -> float | None:
        """By how much the accuracy is lower than in f32, the mixed one if that loses more; a share."""
        before = self.forms[0].accuracy
        if before is None or self.made.accuracy is None or self.mixed is None:
            return None
        return before - min(self.made.accuracy, self.mixed)

    @property
    def part_of_time(self) -> float:
        """What part of the usual form's processor time it takes."""
        return self.made.time.cpu_seconds / max(self.usual.time.cpu_seconds, 1e-9)

    def faults(self, bounds: Bounds) -> list[str]:
        """Why it is not to be kept, each in a clause; none where it is."""
        faults = []
        if not self.agreement.one_percent >= bounds.similarity:
            faults.append(
                f"one template in a hundred has a similarity below {self.agreement.one_percent:.3f} to itself in f32, "
                f"and {bounds.similarity:g} is the least"
            )
        if self.loss is not None and self.loss > bounds.loss + 1e-9:
            faults.append(f"the accuracy is {100 * self.loss:.2f} points lower, and {100 * bounds.loss:g} may be lost")
        if self.part_of_time > WORTH:
            faults.append(f"it takes {100 * self.part_of_time:.0f} % of the time of {self.usual.precision}: no gain")
        return faults


def agreement(templates: Sequence[Template], reference: Sequence[Template]) -> Agreement:
    """How alike two lists of the same faces' templates are."""
    similarities = (_matrix(templates) * _matrix(reference)).sum(axis=1)
    least, one_percent, median = np.percentile(similarities, (0, 1, 50))
    return Agreement(float(least), float(one_percent), float(median))


def face_pairs(people: Sequence[str]) -> FacePairs:
    """Pairs of the faces of these people, in their order; drawn by chance, always the same, where there are many."""
    left, right = np.triu_indices(len(people), k=1)
    same = np.array(people)[left] == np.array(people)[right]
    chance = np.random.default_rng(0)
    mated = _some(np.flatnonzero(same), MOST_PAIRS, chance)
    non_mated = _some(np.flatnonzero(~same), max(len(mated), FEWEST_PAIRS), chance)
    chosen = np.concatenate((mated, non_mated))
    return FacePairs(left[chosen], right[chosen], same[chosen])


def outcome(templates: Mapping[str, Sequence[Template]], times: Mapping[str, Span], pairs: FacePairs | None) -> Outcome:
    """What templates of the same faces in several precisions say: f32 the first of them, int8 the last.

    `pairs` are None where nobody knows who is on the photos.
    """
    full, made = templates["f32"], templates["int8"]
    alike = agreement(made, full)
    if pairs is None or not pairs.are_enough:
        return Outcome([Form(name, None, times[name]) for name in templates], alike, None)
    threshold = metrics.best_threshold(pairs.scores(full, full), pairs.same)
    forms = [
        Form(name, pairs.accuracy(pairs.scores(found, found), threshold), times[name])
        for name, found in templates.items()
    ]
    return Outcome(forms, alike, pairs.accuracy(pairs.scores(full, made), threshold))


def _some(of: NDArray[np.intp], most: int, chance: np.random.Generator) -> NDArray[np.intp]:
    return of if len(of) <= most else np.sort(chance.choice(of, most, replace=False))


def _matrix(templates: Sequence[Template]) -> NDArray[np.float32]:
    return np.stack([template.embedding for template in templates])
