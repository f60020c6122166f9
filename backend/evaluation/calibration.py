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
ENOUGH_STRANGERS: Final = 30
"""Nor with fewer different strangers, however many photos there are of each: the photos of one person score alike."""
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
    in_use: float
    """The threshold that photos have now."""

    @property
    def is_enough_for_photos(self) -> bool:
        """Whether enough unknown people were searched for to go below the threshold that photos have now.

        Each person counts as one, as a stranger to the others, and so does each sighting of a stranger.
        """
        strangers = len({found.person_id for found in self.left_out if np.isfinite(found.other)})
        return self._are_enough(strangers + len(self.stranger_scores))

    @property
    def is_enough_for_cameras(self) -> bool:
        """Whether cameras have seen enough strangers to go below the thresholds that they have now."""
        return self._are_enough(len(self.stranger_scores))

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
        """How many strangers a week the cameras would take for somebody at a threshold, at most where none did yet.

        NaN where they have seen no stranger: how many pass is unknown then.
        """
        return self.strangers_a_week * self.mistaken(threshold) if self.strangers_a_week else float("nan")

    def identify_threshold(self) -> float:
        """The threshold to take for photos; with too little to judge by, none below that in use."""
        return (
            self._measured_for_photos() if self.is_enough_for_photos else max(self._measured_for_photos(), self.in_use)
        )

    def camera_threshold(self, alerts_a_week: float, in_use: float) -> float:
        """The threshold to take for a camera: the lowest with no more false alerts than that, as far as can be told.

        They are those of all cameras together. With too little to judge by it is none below the one `in_use`.
        """
        lowest = round(self._measured_for_photos() + CAMERA_MARGIN, 2)
        allowed = alerts_a_week / self.strangers_a_week if self.strangers_a_week else 1.0
        measured = metrics.threshold_at(self.unknown_scores, min(allowed, 1.0))
        found = lowest if math.isnan(measured) else max(lowest, _rounded(measured))
        return found if self.is_enough_for_cameras else max(found, in_use)

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

    def _are_enough(self, strangers: int) -> bool:
        return strangers >= ENOUGH_STRANGERS and len(self.unknown_scores) >= ENOUGH_SEARCHES

    def _measured_for_photos(self) -> float:
        """What the scores say, and at least the usual where they are too few; whatever is in use."""
        measured = metrics.threshold_at(self.unknown_scores, WANTED_FPIR)
        if self.is_enough_for_photos:
            return _rounded(measured)
        usual = usual_threshold(self.people)
        return _rounded(usual if math.isnan(measured) else max(measured, usual))


def calibrate(
    enrolled: Iterable[LeftOut], people: int, strangers: Sequence[Stranger], index: TemplateIndex, in_use: float
) -> Calibration:
    """The calibration of a gallery of that many people, whose templates have been left out in turn; see `left_out`.

    `in_use` is the threshold that photos have now.
    """
    found = list(enrolled)
    searched = (index.search(stranger.template.embedding, 1) for stranger in strangers)
    scores = np.array([candidates[0].similarity for candidates in searched if candidates], np.float64)
    return Calibration(people, len(found), found, scores, _a_week(strangers), in_use)


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
