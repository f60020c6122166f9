"""Labelled pairs: how often two photos are rightly said to show one person, or two."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.evaluation import metrics
from backend.evaluation.describing import Album
from backend.evaluation.metrics import Floats, Fold, Tradeoff
from backend.evaluation.trials import Pair


@dataclass(frozen=True, slots=True, eq=False)
class PairScores:
    """The similarity of each pair; minus infinity where a photo of it could not be described."""

    pairs: Sequence[Pair]
    scores: Floats
    qualities: Floats
    """Of each pair the quality of its poorer face; minus infinity where a photo of it could not be described."""

    @property
    def mated(self) -> Floats:
        """The scores of the pairs of one person."""
        return self.scores[[pair.same for pair in self.pairs]]

    @property
    def non_mated(self) -> Floats:
        """The scores of the pairs of two people that could be compared.

        The others are left out: they could never be false matches, and so would make the false match rate look better.
        """
        scores = self.scores[[not pair.same for pair in self.pairs]]
        return scores[np.isfinite(scores)]

    @property
    def not_compared(self) -> int:
        """How many pairs could not be compared."""
        return int((~np.isfinite(self.scores)).sum())

    def folds(self) -> list[Fold]:
        """Each fold's accuracy; a pair that could not be compared counts as a mistake."""
        same, folds = [pair.same for pair in self.pairs], [pair.fold for pair in self.pairs]
        return metrics.fold_accuracies(self.scores, same, folds)

    def tradeoff(self) -> Tradeoff:
        """Both error rates at every threshold."""
        return metrics.tradeoff(self.mated, self.non_mated)

    def threshold_at(self, far: float) -> float:
        """The lowest threshold at which no more than that share of the pairs of two people is accepted."""
        return metrics.threshold_at(self.non_mated, far)

    def tar_at(self, far: float) -> float:
        """The share of the pairs of one person that is accepted at that threshold."""
        return metrics.tar_at(self.mated, self.non_mated, far)

    def fnmr_of_best(self, far: float, discarded: float) -> float:
        """The share of the pairs of one person rejected at that threshold, without those of the poorest quality."""
        qualities = self.qualities[[pair.same for pair in self.pairs]]
        return metrics.fnmr_of_best(self.mated, qualities, self.threshold_at(far), discarded)

    def worst(self, same: bool, count: int) -> list[tuple[Pair, float]]:
        """The pairs of one person that are least alike, or of two people that are most alike, the worst first."""
        judged = [
            (pair, float(score))
            for pair, score in zip(self.pairs, self.scores, strict=True)
            if pair.same is same and np.isfinite(score)
        ]
        return sorted(judged, key=lambda entry: entry[1], reverse=not same)[:count]


def compare(pairs: Sequence[Pair], album: Album, pipeline: str) -> PairScores:
    """Compare every pair as that pipeline described its photos."""
    compared = np.array([_compared(pair, album, pipeline) for pair in pairs], np.float64).reshape(-1, 2)
    return PairScores(pairs, compared[:, 0], compared[:, 1])


def _compared(pair: Pair, album: Album, pipeline: str) -> tuple[float, float]:
    left, right = (album.face(photo, pipeline) for photo in (pair.left, pair.right))
    if left is None or right is None:
        return -np.inf, -np.inf
    return left.template.similarity(right.template), min(left.quality.score, right.quality.score)
