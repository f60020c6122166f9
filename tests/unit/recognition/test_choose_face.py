"""Which face of a photo is meant."""

import numpy as np
import pytest

from backend.domain.errors import FaceNotFound, FaceTooSmall, ImageRejected, LowQuality, MultipleFaces
from backend.domain.face import Detection, Face, Quality
from backend.domain.geometry import Box, Landmarks, Point
from backend.recognition.enrol import DOMINANCE, EnrolmentRule, choose_face
from tests.unit.notifications.situations import a_look

RULE = EnrolmentRule(min_face_size=40, min_quality=0.3)


def face(area: float = 10_000, quality: float = 1.0) -> Face:
    """A square face of that many pixels."""
    side = float(np.sqrt(area))
    landmarks = Landmarks(*(Point(0, 0) for _ in range(5)))
    return Face(Detection(Box(0, 0, side, side), landmarks, 0.9), Quality(quality, side, 1, 1, 1), a_look())


def test_the_only_face_is_meant() -> None:
    only = face()
    assert choose_face([only], RULE) is only


def test_a_face_that_is_large_enough_beside_the_next_is_meant_in_any_order() -> None:
    large, small = face(DOMINANCE * 10_000), face(10_000)
    assert choose_face([large, small], RULE) is choose_face([small, large], RULE) is large


def test_a_face_a_little_less_dominant_is_not() -> None:
    with pytest.raises(MultipleFaces) as refused:
        choose_face([face(DOMINANCE * 10_000 - 1), face(10_000), face(5_000)], RULE)
    assert refused.value.details["faces"] == 3


@pytest.mark.parametrize(
    "useless", [face(39**2), face(9_000, quality=0.29), face(1_000_000, quality=0.0)], ids=["small", "poor", "large"]
)
def test_the_one_usable_face_is_meant_among_others_that_are_of_no_use(useless: Face) -> None:
    usable = face()
    assert choose_face([useless, usable, useless], RULE) is usable


def test_faces_at_the_very_limits_are_usable() -> None:
    edge = face(40**2, quality=0.3)
    assert choose_face([edge], RULE) is edge


@pytest.mark.parametrize(
    ("faces", "reason"),
    [
        ([], FaceNotFound),
        ([face(39**2)], FaceTooSmall),
        ([face(quality=0.29)], LowQuality),
        ([face(39**2, quality=0.1)], FaceTooSmall),
        ([face(39**2), face(10_000, quality=0.1)], LowQuality),
        ([face(20**2), face(30**2)], FaceTooSmall),
    ],
)
def test_where_no_face_is_usable_the_largest_says_why(faces: list[Face], reason: type[ImageRejected]) -> None:
    with pytest.raises(reason):
        choose_face(faces, RULE)
