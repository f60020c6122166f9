"""Error rates of comparisons and of searches, as ISO/IEC 19795-1 defines them; nothing here but numbers.

A score is a similarity, higher is more alike. It is *mated* where both sides are one person, *non-mated* where they are
two. A score at the threshold is accepted, as everywhere in Face Server. What could not be scored, because no face was
found, stands as minus infinity: it is never accepted. All rates are shares, 0–1; a rate of no scores at all is NaN.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]


def fmr(non_mated: ArrayLike, threshold: float) -> float:
    """False match rate: the share of non-mated comparisons that are accepted.

    Of searches it is the false positive identification rate (FPIR), where `non_mated` holds each search's best score.
    """
    return _share(_scores(non_mated) >= threshold)


def fnmr(mated: ArrayLike, threshold: float) -> float:
    """False non-match rate: the share of mated comparisons that are rejected.

    Of searches it is the false negative identification rate (FNIR) at rank 1, where `mated` holds what each person is
    found with, and minus infinity where somebody else comes first.
    """
    return _share(_scores(mated) < threshold)


def threshold_at(non_mated: ArrayLike, rate: float) -> float:
    """The lowest threshold at which no more than that share of the non-mated scores are accepted.

    It lies just above the highest score that must be rejected, so what equals that score is rejected too; minus
    infinity where all may be accepted, NaN where there are no scores.
    """
    scores = np.sort(_scores(non_mated))[::-1]
    if not len(scores):
        return float("nan")
    # A millionth part for the rounding of products such as 0.07 × 100.
    allowed = int(rate * len(scores) + 1e-6)
    if allowed >= len(scores):
        return float("-inf")
    return float(np.nextafter(scores[allowed], np.inf))


def tar_at(mated: ArrayLike, non_mated: ArrayLike, far: float) -> float:
    """The share of mated comparisons that is accepted where at most a share `far` of the non-mated is."""
    return 1.0 - fnmr(mated, threshold_at(non_mated, far))


def fnmr_of_best(mated: ArrayLike, qualities: ArrayLike, threshold: float, discarded: float) -> float:
    """The FNMR of what is left when the share `discarded` of the mated comparisons with the lowest quality is not made.

    One point of the error versus discard curve of Grother and Tabassi, "Performance of biometric quality measures"
    (2007): a quality that tells which faces are useful lowers the rate. Of equal qualities the earlier ones go.
    """
    order = np.argsort(_scores(qualities), kind="stable")
    return fnmr(_scores(mated)[order[int(discarded * len(order) + 1e-6) :]], threshold)


@dataclass(frozen=True, slots=True, eq=False)
class Tradeoff:
    """What each threshold costs: the points of a DET or ROC curve, by ascending threshold."""

    thresholds: Floats
    false_positives: Floats
    """FMR or FPIR at each threshold, falling."""
    false_negatives: Floats
    """FNMR or FNIR at each threshold, rising."""

    @property
    def equal_error_rate(self) -> float:
        """The rate where both errors are as frequent, or the mean of both where they are nearest to that."""
        if not len(self.thresholds):
            return float("nan")
        nearest = int(np.argmin(np.abs(self.false_positives - self.false_negatives)))
        return float(self.false_positives[nearest] + self.false_negatives[nearest]) / 2


def tradeoff(mated: ArrayLike, non_mated: ArrayLike) -> Tradeoff:
    """Both error rates at every score that occurs, and above the highest."""
    own, others = np.sort(_scores(mated)), np.sort(_scores(non_mated))
    if not len(own) or not len(others):
        return Tradeoff(np.empty(0), np.empty(0), np.empty(0))
    occurring = np.unique(np.concatenate((own, others)))
    occurring = occurring[np.isfinite(occurring)]
    highest = occurring[-1] if len(occurring) else 0.0
    thresholds = np.append(occurring, np.nextafter(highest, np.inf))
    return Tradeoff(
        thresholds,
        1.0 - np.searchsorted(others, thresholds, side="left") / len(others),
        np.searchsorted(own, thresholds, side="left") / len(own),
    )


@dataclass(frozen=True, slots=True)
class Fold:
    """One part of the comparisons, judged at a threshold that was chosen on all the other parts."""

    threshold: float
    accuracy: float


def fold_accuracies(scores: ArrayLike, same: ArrayLike, folds: ArrayLike) -> list[Fold]:
    """The accuracy of each fold at the threshold that is best for the others, in the order of the folds' numbers.

    This is the protocol of Huang et al., "Labeled Faces in the Wild" (2007): the mean over the folds is the accuracy.
    A comparison that could not be scored is a mistake whichever it is. A single fold is judged at its own threshold.
    """
    scores, same, folds = _scores(scores), np.asarray(same, bool), np.asarray(folds)
    return [_fold(scores, same, folds == number) for number in np.unique(folds)]


def best_threshold(scores: ArrayLike, same: ArrayLike) -> float:
    """The threshold at which most comparisons are judged rightly; the middle one of several that are equally good.

    It lies half way between two scores, or at an end of them all; NaN where there are no scores. They must be finite.
    """
    scores, same = _scores(scores), np.asarray(same, bool)
    if not len(scores):
        return float("nan")
    occurring = np.unique(scores)
    between = (occurring[:-1] + occurring[1:]) / 2
    thresholds = np.concatenate((occurring[:1], between, np.nextafter(occurring[-1:], np.inf)))
    own, others = np.sort(scores[same]), np.sort(scores[~same])
    right = len(own) - np.searchsorted(own, thresholds) + np.searchsorted(others, thresholds)
    (best,) = np.nonzero(right == right.max())
    return float(thresholds[best[len(best) // 2]])


def _fold(scores: Floats, same: NDArray[np.bool_], inside: NDArray[np.bool_]) -> Fold:
    learnt = inside if inside.all() else ~inside
    learnt = learnt & np.isfinite(scores)
    threshold = best_threshold(scores[learnt], same[learnt])
    right = ((scores >= threshold) == same) & np.isfinite(scores)
    return Fold(threshold, _share(right[inside]))


def _scores(scores: ArrayLike) -> Floats:
    return np.asarray(scores, dtype=np.float64)


def _share(holds: NDArray[np.bool_]) -> float:
    return float(holds.mean()) if len(holds) else float("nan")
