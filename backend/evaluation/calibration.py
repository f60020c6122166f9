"""Thresholds for one's own gallery: from its photos, each left out in turn, and the strangers that cameras saw."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.domain.face import Template
from backend.evaluation import metrics
from backend.evaluation.metrics import Floats
from backend.gallery.index import MakeIndex, TemplateIndex

WANTED_FPIR: Final = 0.01
"""The share of strangers that may be taken for somebody in a photo."""
ENOUGH_SEARCHES: Final = 300
"""With fewer searches by strangers their own rate is not trusted alone: one in a hundred of them is hard to count."""
CAMERA_MARGIN: Final = 0.02
"""A camera looks all day, so its threshold lies at least this much above that for photos."""
LOWEST, HIGHEST = 0.30, 0.70
"""No threshold beyond these is recommended, whatever a small gallery seems to say."""
FEW_PHOTOS: Final = 3
POOR_QUALITY: Final = 0.5
"""The quality below which half of a face's similarity is lost (see `vision.quality`)."""
LOOK_ALIKE: Final = 0.9
"""Two people are named as look-alike from this part of the recommended threshold on."""
_WEEK = 7 * 24 * 3600.0
_DAY = 24 * 3600.0


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """One template of the gallery."""

    person_id: str
    template: Template
    quality: float


@dataclass(frozen=True, slots=True, eq=False)
class Stranger:
    """A sighting of somebody unknown."""

    template: Template
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class LookAlike:
    """Two people of the gallery, and how alike their most alike photos are."""

    person_id: str
    other_id: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Weakness:
    """A person whose photos should be better, and why."""

    person_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a search with a template finds when that template is not in the gallery."""

    person_id: str
    own: float
    """The similarity to the person's other templates; minus infinity where there are none."""
    other_id: str | None
    other: float
    """The similarity to the most alike other person; minus infinity where there is nobody else."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What one's own gallery and cameras say of thresholds."""

    people: int
    templates: int
    left_out: Sequence[LeftOut]
    stranger_scores: Floats
    """Of each stranger's sighting, the similarity to the most alike person."""
    strangers_a_week: float

    @property
    def own_scores(self) -> Floats:
        """Of each photo whose person has another: what they are found with; -inf where somebody else comes first."""
        return np.array(
            [found.own if found.own > found.other else -np.inf for found in self.left_out if np.isfinite(found.own)]
        )

    @property
    def unknown_scores(self) -> Floats:
        """The best scores of whoever is not in the gallery: strangers, and people while they are left out of it."""
        others = np.array([found.other for found in self.left_out if np.isfinite(found.other)])
        return np.concatenate((others, self.stranger_scores))

    def missed(self, threshold: float) -> float:
        """The share of one's own photos whose person is missed at a threshold; NaN where nobody has two photos."""
        return metrics.fnmr(self.own_scores, threshold)

    def mistaken(self, threshold: float) -> float:
        """The share of unknown people taken for somebody at a threshold; NaN where there is nothing to say it from.

        Where it happened to none of n, it is at most 3 / n (the rule of three, ISO/IEC 19795-1, with 95 % confidence),
        and that is answered.
        """
        scores = self.unknown_scores
        return max(metrics.fmr(scores, threshold), min(3 / len(scores), 1.0)) if len(scores) else float("nan")

    def alerts_a_week(self, threshold: float) -> float:
        """How many strangers a week the cameras would take for somebody at a threshold, at most where none did yet."""
        return self.strangers_a_week * self.mistaken(threshold) if self.strangers_a_week else 0.0

    def identify_threshold(self) -> float:
        """The threshold to take for photos."""
        measured = metrics.threshold_at(self.unknown_scores, WANTED_FPIR)
        usual = usual_threshold(self.people)
        if math.isnan(measured):
            return _rounded(usual)
        return _rounded(measured if len(self.unknown_scores) >= ENOUGH_SEARCHES else max(measured, usual))

    def camera_threshold(self, alerts_a_week: float) -> float:
        """The threshold to take for cameras: the lowest with no more false alerts than that, as far as can be told."""
        lowest = round(self.identify_threshold() + CAMERA_MARGIN, 2)
        allowed = alerts_a_week / self.strangers_a_week if self.strangers_a_week else 1.0
        measured = metrics.threshold_at(self.unknown_scores, min(allowed, 1.0))
        return lowest if math.isnan(measured) else max(lowest, _rounded(measured))

    def look_alike(self) -> list[LookAlike]:
        """People who are nearly as alike as two photos of one person, the most alike first, each two once."""
        least = LOOK_ALIKE * self.identify_threshold()
        closest: dict[frozenset[str], float] = defaultdict(lambda: -np.inf)
        for found in self.left_out:
            if found.other_id is not None and found.other >= least:
                both = frozenset((found.person_id, found.other_id))
                closest[both] = max(closest[both], found.other)
        ordered = sorted(closest.items(), key=lambda entry: -entry[1])
        return [LookAlike(min(both), max(both), similarity) for both, similarity in ordered]


def calibrate(
    enrolled: Iterable[LeftOut], people: int, strangers: Sequence[Stranger], index: TemplateIndex
) -> Calibration:
    """The calibration of a gallery of that many people, whose templates have been left out in turn; see `left_out`."""
    found = list(enrolled)
    searched = (index.search(stranger.template.embedding, 1) for stranger in strangers)
    scores = np.array([candidates[0].similarity for candidates in searched if candidates], np.float64)
    return Calibration(people, len(found), found, scores, _a_week(strangers))


def left_out(enrolled: Sequence[Enrolled], make_index: MakeIndex) -> Iterator[LeftOut]:
    """For each template, in turn, what it finds in the gallery without it; yields as many as there are templates."""
    by_person: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
    for entry in enrolled:
        by_person[entry.person_id].append(entry.template.embedding)
    whole = make_index((entry.person_id, entry.template.embedding) for entry in enrolled)
    for person_id, embeddings in by_person.items():
        without = whole.without(person_id)
        for position, embedding in enumerate(embeddings):
            others = [other for place, other in enumerate(embeddings) if place != position]
            yield _left_out(person_id, embedding, others, without)


def weaknesses(enrolled: Sequence[Enrolled], calibration: Calibration) -> list[Weakness]:
    """People with too few or poor photos, or with one that is unlike their others, sorted by id."""
    threshold = calibration.identify_threshold()
    own: dict[str, list[float]] = defaultdict(list)
    for found in calibration.left_out:
        if np.isfinite(found.own):
            own[found.person_id].append(found.own)
    qualities: dict[str, list[float]] = defaultdict(list)
    for entry in enrolled:
        qualities[entry.person_id].append(entry.quality)
    return [
        Weakness(person_id, reason)
        for person_id in sorted(qualities)
        for reason in _reasons(qualities[person_id], own[person_id], threshold)
    ]


def usual_threshold(people: int) -> float:
    """The threshold at which one in a hundred strangers is taken for somebody in a gallery of that size.

    Measured on LFW with galleries of 5 to 1,559 people (docs/evaluation.md): it rises with the logarithm of the size.
    """
    return 0.302 + 0.0233 * math.log(max(people, 1))


def _left_out(
    person_id: str, embedding: NDArray[np.float32], others: Sequence[NDArray[np.float32]], without: TemplateIndex
) -> LeftOut:
    best = without.search(embedding, 1)
    own = without.with_added(person_id, others).search(embedding, 1, among=(person_id,)) if others else []
    return LeftOut(
        person_id,
        own[0].similarity if own else -np.inf,
        best[0].person_id if best else None,
        best[0].similarity if best else -np.inf,
    )


def _reasons(qualities: Sequence[float], own: Sequence[float], threshold: float) -> Iterator[str]:
    if len(qualities) < FEW_PHOTOS:
        yield f"{len(qualities)} of at least {FEW_PHOTOS} photos"
    if np.mean(qualities) < POOR_QUALITY:
        yield f"poor photos: quality {np.mean(qualities):.2f} on average"
    unlike = sum(similarity < threshold for similarity in own)
    if unlike:
        yield f"{unlike} of {len(qualities)} photos unlike the others: similarity {min(own):.2f}"


def _a_week(strangers: Sequence[Stranger]) -> float:
    """How many sightings of strangers there are in a week, judged from at least a day."""
    if not strangers:
        return 0.0
    moments = [stranger.seen_at for stranger in strangers]
    seconds = max((max(moments) - min(moments)).total_seconds(), _DAY)
    return len(strangers) * _WEEK / seconds


def _rounded(threshold: float) -> float:
    """Two decimals, rounded up, within what is ever recommended."""
    return math.ceil(min(max(threshold, LOWEST), HIGHEST) * 100) / 100
