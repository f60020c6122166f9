"""What was measured, as plain values for JSON, tables and pages: rates in percent, thresholds as cosines."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from backend.evaluation.comparing import PairScores
from backend.evaluation.describing import Album
from backend.evaluation.searching import SearchResults
from backend.evaluation.trials import OpenSet

FARS: Final = (0.01, 0.001)
"""The false accept rates that pairs are reported at."""
FPIRS: Final = (0.1, 0.01)
"""The false positive identification rates that searches are reported at."""
DISCARDED: Final = 0.1
"""The share of poorest quality that is left out to see whether the quality tells which faces are useful."""


def pairs_summary(scores: PairScores) -> dict[str, Any]:
    """Accuracy by folds, error rates and thresholds of labelled pairs."""
    folds = scores.folds()
    accuracies = [fold.accuracy for fold in folds]
    return {
        "accuracy": percent(float(np.mean(accuracies))),
        "accuracy_deviation": percent(float(np.std(accuracies))),
        "tar": {f"{far:g}": percent(scores.tar_at(far)) for far in FARS},
        "tar_of_best": {f"{far:g}": percent(1 - scores.fnmr_of_best(far, DISCARDED)) for far in FARS},
        "equal_error_rate": percent(scores.tradeoff().equal_error_rate),
        "thresholds": {f"{far:g}": cosine(scores.threshold_at(far)) for far in FARS}
        | {"accuracy": cosine(float(np.mean([fold.threshold for fold in folds])))},
        "folds": [{"accuracy": percent(fold.accuracy), "threshold": cosine(fold.threshold)} for fold in folds],
        "not_compared": scores.not_compared,
    }


def search_summary(results: SearchResults, thresholds: Sequence[float]) -> dict[str, Any]:
    """Rank-1 rate, error rates and thresholds of searches, and what some thresholds would do."""
    return {
        "rank1": percent(results.rank1),
        "fnir": {f"{fpir:g}": percent(results.fnir_at(fpir)) for fpir in FPIRS},
        "fnir_of_best": {f"{fpir:g}": percent(results.fnir_of_best(fpir, DISCARDED)) for fpir in FPIRS},
        "thresholds": {f"{fpir:g}": cosine(results.threshold_at(fpir)) for fpir in FPIRS},
        "equal_error_rate": percent(results.tradeoff().equal_error_rate),
        "at_threshold": {
            f"{threshold:g}": {"fpir": percent(results.fpir(threshold)), "fnir": percent(results.fnir(threshold))}
            for threshold in thresholds
        },
    }


def trial_summary(trial: OpenSet, album: Album) -> dict[str, Any]:
    """How large an open-set trial was, and what of it failed."""
    described = album.descriptions
    enrolled = {entry.person_id for entry in trial.enrolled if entry.photo in described}
    return {
        "gallery": trial.people,
        "mated": len(trial.mated),
        "non_mated": len(trial.non_mated),
        "enrolled_photos": len(trial.enrolled),
        "failures": {
            "enrol": trial.people - len(enrolled),
            "mated": sum(entry.photo not in described for entry in trial.mated),
            "non_mated": sum(entry.photo not in described for entry in trial.non_mated),
        },
    }


def fewer_misses(summary: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, float | None]:
    """By how much of the reference's FNIR the FNIR is lower, in percent, for each FPIR."""
    pairs = ((fpir, rate, reference["fnir"][fpir]) for fpir, rate in summary["fnir"].items())
    return {
        fpir: round(100 * (1 - rate / plain), 2) if rate is not None and plain else None for fpir, rate, plain in pairs
    }


def percent(share: float) -> float | None:
    """A share as a percentage with three decimals; None where there is none."""
    return round(100 * share, 3) if math.isfinite(share) else None


def cosine(threshold: float) -> float | None:
    """A threshold with six decimals, rounded up so that it still rejects what it must; None where there is none."""
    return math.ceil(threshold * 1e6) / 1e6 if math.isfinite(threshold) else None
