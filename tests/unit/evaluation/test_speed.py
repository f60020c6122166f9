"""Rivals take turns, and turns are compared in pairs."""

import math

import pytest

from backend.evaluation.speed import Span, cpu_ratio, in_turns, noted, peak_mb, percentile, ratio


def test_every_rival_has_its_turn_and_each_begins_once() -> None:
    order: list[str] = []

    def work(name: str) -> Span:
        order.append(name)
        return Span(1.0, 1.0)

    rivals = {name: lambda name=name: work(name) for name in "abc"}
    turns = [in_turns(rivals, turn) for turn in range(3)]
    assert "".join(order) == "abcbcacab"
    assert [set(turn) for turn in turns] == [{"a", "b", "c"}] * 3


def test_a_busy_moment_that_meets_both_does_not_change_the_ratio() -> None:
    turns = [{"slow": Span(2.0 * busy, 2.0), "fast": Span(1.0 * busy, 1.0)} for busy in (1, 1, 50, 7, 1)]
    assert ratio(turns, "slow", "fast") == 2.0
    assert cpu_ratio(turns, "slow", "fast") == 2.0


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 3), (95, 5), (100, 5)])
def test_percentiles(percent: float, value: float) -> None:
    assert percentile([5, 1, 4, 2, 3], percent) == value


def test_what_a_step_took_is_noted() -> None:
    spans: dict[str, Span] = {}
    with noted(spans, "sum"):
        math.fsum(range(200_000))
    assert spans["sum"].seconds > 0
    assert spans["sum"].cpu_seconds > 0


def test_the_peak_of_memory_is_that_of_a_python_with_numpy_or_unknown() -> None:
    peak = peak_mb()
    assert peak is None or 10 < peak < 100_000
