"""A region of the picture as people type it."""

import pytest

from backend.ui.regions import parsed_region

UPPER_LEFT = [(0.0, 0.0), (0.5, 0.0), (0.0, 0.505)]


@pytest.mark.parametrize("text", ["0,0 50,0 0,50.5", " 0 , 0;50,0 ;0,50.5 ", "0,0  50,0\t0,50.5"])
def test_corners_in_percent_become_shares(text: str) -> None:
    assert parsed_region(text) == UPPER_LEFT


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_typed_is_no_region(text: str) -> None:
    assert parsed_region(text) is None


@pytest.mark.parametrize("text", ["0,0 50,0", "left half", "0,0 50,0 0,50 x", "0 0 50 0 0 50", "-1,0 50,0 0,50"])
def test_what_is_no_area_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 0,30"):
        parsed_region(text)


def test_a_corner_outside_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="0 to 100"):
        parsed_region("0,0 150,0 0,50")
