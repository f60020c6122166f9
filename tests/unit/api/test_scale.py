"""Similarities on other servers' scales."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.api.compat.scale import Scale

shares = st.floats(0, 1)
inner = st.floats(0.01, 0.99)


@given(inner, inner)
def test_what_is_enough_here_is_enough_there(ours: float, theirs: float) -> None:
    scale = Scale(ours, theirs)
    assert scale.outward(ours) == pytest.approx(theirs)
    assert scale.outward(0) == 0
    assert scale.outward(1) == pytest.approx(1)


@given(inner, inner, shares)
def test_there_and_back_leaves_a_value_as_it_was(ours: float, theirs: float, value: float) -> None:
    scale = Scale(ours, theirs)
    assert scale.inward(scale.outward(value)) == pytest.approx(value, abs=1e-6)


@given(inner, inner, st.lists(shares, min_size=2, max_size=2))
def test_more_alike_here_is_more_alike_there(ours: float, theirs: float, values: list[float]) -> None:
    low, high = sorted(values)
    assert Scale(ours, theirs).outward(low) <= Scale(ours, theirs).outward(high)


@pytest.mark.parametrize("ours", [0.0, 1.0])
def test_a_threshold_at_either_end_divides_by_nothing(ours: float) -> None:
    assert 0 <= Scale(ours, 0.5).outward(0.3) <= 1
    assert Scale(ours, 0.5).outward(1) == pytest.approx(1)


def test_less_than_nothing_is_nothing() -> None:
    assert Scale(0.48, 0.5).outward(-0.2) == 0
