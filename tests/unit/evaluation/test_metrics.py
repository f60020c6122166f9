"""Error rates, held against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.evaluation import metrics

# On a coarse grid, so that equal scores are common.
SCORES = st.lists(st.integers(-20, 20).map(lambda twentieth: twentieth / 20), min_size=1, max_size=60)
RATES = st.floats(0, 1)


def test_a_score_at_the_threshold_is_accepted() -> None:
    assert metrics.fmr([0.3, 0.5, 0.7], 0.5) == pytest.approx(2 / 3)
    assert metrics.fnmr([0.3, 0.5, 0.7], 0.5) == pytest.approx(1 / 3)


def test_what_could_not_be_scored_is_never_accepted() -> None:
    assert metrics.fnmr([0.9, -math.inf], 0.0) == 0.5
    assert metrics.fmr([0.9, -math.inf], 0.0) == 0.5


def test_rates_of_nothing_are_not_numbers() -> None:
    assert math.isnan(metrics.fmr([], 0.5))
    assert math.isnan(metrics.fnmr([], 0.5))
    assert math.isnan(metrics.threshold_at([], 0.01))


@given(scores=SCORES, rate=RATES)
def test_the_threshold_for_a_rate_keeps_it_and_no_lower_one_does(scores: list[float], rate: float) -> None:
    threshold = metrics.threshold_at(scores, rate)
    assert metrics.fmr(scores, threshold) <= rate + 1e-6
    lower = [score for score in scores if score < threshold]
    if lower:
        assert metrics.fmr(scores, max(lower)) > rate


def test_a_rate_of_one_in_a_hundred_allows_one_of_a_hundred() -> None:
    strangers = [hundredth / 100 for hundredth in range(100)]
    assert metrics.fmr(strangers, metrics.threshold_at(strangers, 0.01)) == 0.01
    # In floating point 0.07 × 100 is a little more than 7, and 0.29 × 100 a little less than 29.
    assert metrics.fmr(strangers, metrics.threshold_at(strangers, 0.29)) == 0.29


def test_the_tar_is_taken_at_the_threshold_for_the_far() -> None:
    assert metrics.tar_at([0.2, 0.6, 0.8, 0.9], [0.1, 0.2, 0.3, 0.7], far=0.25) == 0.75
    assert metrics.tar_at([0.2, 0.6, 0.8, 0.9], [0.1, 0.2, 0.3, 0.7], far=0) == 0.5


@given(mated=SCORES, non_mated=SCORES)
def test_the_tradeoff_has_both_rates_at_each_of_its_thresholds(mated: list[float], non_mated: list[float]) -> None:
    curve = metrics.tradeoff(mated, non_mated)
    assert len(curve.thresholds) == len({*mated, *non_mated}) + 1
    assert curve.false_positives == pytest.approx([metrics.fmr(non_mated, at) for at in curve.thresholds])
    assert curve.false_negatives == pytest.approx([metrics.fnmr(mated, at) for at in curve.thresholds])
    assert curve.false_positives[-1] == 0
    assert curve.false_negatives[-1] == 1
    assert 0 <= curve.equal_error_rate <= 1


def test_a_tradeoff_of_nothing_has_no_points() -> None:
    curve = metrics.tradeoff([], [0.1])
    assert not len(curve.thresholds)
    assert math.isnan(curve.equal_error_rate)


def test_without_the_comparisons_of_the_poorest_quality_fewer_are_missed() -> None:
    mated, qualities = [0.9, 0.2, 0.8, 0.3, 0.7], [1.0, 0.1, 0.9, 0.95, 0.5]
    rates = [metrics.fnmr_of_best(mated, qualities, 0.5, discarded) for discarded in (0.0, 0.2, 0.4, 0.6, 0.8)]
    assert rates == pytest.approx([2 / 5, 1 / 4, 1 / 3, 1 / 2, 0.0])


def test_the_equal_error_rate_is_where_both_errors_are_as_frequent() -> None:
    assert metrics.tradeoff([0.2, 0.6, 0.7, 0.8], [0.1, 0.3, 0.4, 0.65]).equal_error_rate == 0.25
    assert metrics.tradeoff([0.6, 0.7], [0.1, 0.2]).equal_error_rate == 0


LABELLED = st.lists(st.tuples(st.integers(-20, 20).map(lambda at: at / 20), st.booleans()), min_size=1, max_size=40)


@given(labelled=LABELLED)
def test_no_threshold_judges_more_pairs_rightly_than_the_best(labelled: list[tuple[float, bool]]) -> None:
    scores, same = np.array([score for score, _ in labelled]), np.array([label for _, label in labelled])
    best = metrics.best_threshold(scores, same)
    right = ((scores >= best) == same).sum()
    assert all(right >= ((scores >= other) == same).sum() for other in np.linspace(-1.1, 1.1, 89))


def test_the_best_threshold_lies_between_what_it_parts() -> None:
    assert metrics.best_threshold([0.1, 0.2, 0.6, 0.8], [False, False, True, True]) == pytest.approx(0.4)


def test_each_fold_is_judged_at_the_threshold_of_the_others() -> None:
    # Alone, the second fold would choose 0.85 and be right throughout.
    scores = [0.1, 0.7, 0.8, 0.9]
    same = [False, True, False, True]
    folds = metrics.fold_accuracies(scores, same, [0, 0, 1, 1])
    assert [fold.accuracy for fold in folds] == [0.5, 0.5]
    assert folds[1].threshold == pytest.approx(0.4)


def test_a_single_fold_is_judged_at_its_own_threshold() -> None:
    (fold,) = metrics.fold_accuracies([0.1, 0.9], [False, True], [0, 0])
    assert fold.accuracy == 1


@pytest.mark.parametrize("same", [True, False])
def test_a_pair_that_could_not_be_compared_is_a_mistake_whichever_it_is(same: bool) -> None:
    scores = [0.1, 0.9, -math.inf, 0.1, 0.9]
    folds = metrics.fold_accuracies(scores, [False, True, same, False, True], [0, 0, 0, 1, 1])
    assert [fold.accuracy for fold in folds] == pytest.approx([2 / 3, 1])
