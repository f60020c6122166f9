"""Boxes and landmarks: what holds for every one of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.geometry import Box, Landmarks, Point

PLACES = st.floats(-2000, 2000)
LENGTHS = st.just(0.0) | st.floats(0.001, 2000)
SIZES = st.integers(1, 4000)
BOXES = st.builds(Box, PLACES, PLACES, LENGTHS, LENGTHS)
SOLID_BOXES = st.builds(Box, PLACES, PLACES, st.floats(1, 2000), st.floats(1, 2000))
POINTS = st.builds(Point, PLACES, PLACES)


def _close(one: Box, other: Box) -> bool:
    pairs = zip((one.x, one.y, one.width, one.height), (other.x, other.y, other.width, other.height), strict=True)
    return all(first == pytest.approx(second, abs=1e-6) for first, second in pairs)


@given(SOLID_BOXES)
def test_a_box_coincides_with_itself(box: Box) -> None:
    assert box.intersection_over_union(box) == pytest.approx(1, abs=1e-6)


@given(BOXES, BOXES)
def test_how_much_two_boxes_coincide_is_a_share_and_the_same_from_both_sides(one: Box, other: Box) -> None:
    shared = one.intersection_over_union(other)
    assert 0 <= shared <= 1 + 1e-9
    assert shared == pytest.approx(other.intersection_over_union(one))


def test_half_of_a_box_coincides_by_half() -> None:
    assert Box(0, 0, 10, 10).intersection_over_union(Box(0, 0, 10, 5)) == 0.5


@pytest.mark.parametrize("other", [Box(10, 0, 10, 10), Box(0, 10, 10, 10), Box(50, 50, 1, 1), Box(5, 5, 0, 0)])
def test_boxes_that_touch_at_most_coincide_not_at_all(other: Box) -> None:
    assert Box(0, 0, 10, 10).intersection_over_union(other) == 0


@given(BOXES, SIZES, SIZES)
def test_what_is_clipped_lies_in_the_image_and_in_the_box(box: Box, width: int, height: int) -> None:
    clipped = box.clipped(width, height)
    assert 0 <= clipped.x <= width
    assert 0 <= clipped.y <= height
    assert 0 <= clipped.width <= box.width + 1e-6
    assert 0 <= clipped.height <= box.height + 1e-6
    assert clipped.right <= width + 1e-6
    assert clipped.bottom <= height + 1e-6


@given(BOXES, SIZES, SIZES)
def test_clipping_twice_changes_nothing_more(box: Box, width: int, height: int) -> None:
    once = box.clipped(width, height)
    assert _close(once.clipped(width, height), once)


def test_a_box_outside_the_image_is_clipped_to_nothing() -> None:
    assert Box(-50, 10, 40, 40).clipped(100, 100).area == 0
    assert Box(100, 100, 5, 5).clipped(100, 100).area == 0


@given(BOXES, st.floats(0.1, 10))
def test_a_box_that_is_scaled_and_scaled_back_is_the_same(box: Box, factor: float) -> None:
    assert _close(box.scaled(factor).scaled(1 / factor), box)


@given(SOLID_BOXES, SOLID_BOXES, st.floats(0.1, 10))
def test_scaling_an_image_leaves_its_boxes_coinciding_as_they_did(one: Box, other: Box, factor: float) -> None:
    scaled = one.scaled(factor).intersection_over_union(other.scaled(factor))
    assert scaled == pytest.approx(one.intersection_over_union(other), abs=1e-6)


@given(BOXES, PLACES, PLACES)
def test_a_translated_box_keeps_its_size_and_moves_its_centre(box: Box, dx: float, dy: float) -> None:
    moved = box.translated(dx, dy)
    assert (moved.width, moved.height) == (box.width, box.height)
    assert moved.centre.x - box.centre.x == pytest.approx(dx, abs=1e-6)
    assert moved.centre.y - box.centre.y == pytest.approx(dy, abs=1e-6)


@given(BOXES, st.floats(0, 2))
def test_an_expanded_box_keeps_its_centre(box: Box, share: float) -> None:
    expanded = box.expanded(share)
    assert expanded.centre.x == pytest.approx(box.centre.x, abs=1e-6)
    assert expanded.width == pytest.approx(box.width * (1 + 2 * share))


def test_the_size_of_a_box_is_its_shorter_side() -> None:
    assert (Box(0, 0, 30, 40).size, Box(0, 0, 40, 30).size) == (30, 30)


@given(st.lists(POINTS, min_size=5, max_size=5))
def test_landmarks_become_an_array_in_the_order_of_the_fields(points: list[Point]) -> None:
    landmarks = Landmarks(*points)
    assert landmarks.points() == tuple(points)
    array = landmarks.as_array()
    assert array.shape == (5, 2)
    assert array.tolist() == [[pytest.approx(point.x), pytest.approx(point.y)] for point in points]


@given(st.lists(POINTS, min_size=5, max_size=5), st.floats(0.1, 10))
def test_landmarks_scale_with_the_image(points: list[Point], factor: float) -> None:
    scaled = Landmarks(*points).scaled(factor).points()
    assert [(point.x, point.y) for point in scaled] == [(point.x * factor, point.y * factor) for point in points]
