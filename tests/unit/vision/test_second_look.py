"""Landmarks are steadied by a second look, and left alone where it shows another face or none."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from backend.domain.face import Detection
from backend.domain.geometry import Box, Landmarks, Point, RgbImage
from backend.vision.pipeline import FacePipeline
from backend.vision.second_look import LOOK_SIDE, SecondLook
from backend.vision.sface import SFace
from backend.vision.yunet import YuNet
from tests.rig.photos import PEOPLE_IN_GROUP_PHOTO, group_photo

IMAGE = np.zeros((400, 600, 3), np.uint8)
POINTS = ((40, 40), (60, 40), (52, 50), (42, 62), (58, 62))


def shifted(dx: float, dy: float = 0.0, points: Sequence[tuple[float, float]] = POINTS) -> Landmarks:
    return Landmarks(*(Point(x + dx, y + dy) for x, y in points))


FOUND = Detection(Box(10, 10, 80, 80), shifted(0), 0.9)


class Seeing:
    """A detector that finds what it is told to, and keeps what it was shown."""

    def __init__(self, *landmarks: Landmarks) -> None:
        self._landmarks = landmarks
        self.shown: list[RgbImage] = []

    def detect(self, image: RgbImage) -> list[Detection]:
        self.shown.append(image)
        return [Detection(Box(0, 0, 1, 1), landmarks, 0.9) for landmarks in self._landmarks]


def in_mirror(landmarks: Landmarks) -> Landmarks:
    """Landmarks of the image as the second look at `FOUND` shows them: from (-30, -30) on, mirrored."""
    right_eye, left_eye, nose, right_mouth, left_mouth = (
        Point(LOOK_SIDE - (point.x + 30), point.y + 30) for point in landmarks.points()
    )
    return Landmarks(left_eye, right_eye, nose, left_mouth, right_mouth)


def test_the_mean_of_both_looks_is_taken() -> None:
    steadied = SecondLook(Seeing(in_mirror(shifted(4, -2)))).steadied(IMAGE, FOUND)
    assert steadied.landmarks.as_array() == pytest.approx(shifted(2, -1).as_array(), abs=0.01)
    assert steadied.box == FOUND.box
    assert steadied.score == FOUND.score


def test_of_several_faces_the_one_that_was_found_before_is_taken() -> None:
    looks = Seeing(in_mirror(shifted(40)), in_mirror(shifted(2)), in_mirror(shifted(-30)))
    steadied = SecondLook(looks).steadied(IMAGE, FOUND)
    assert steadied.landmarks.as_array() == pytest.approx(shifted(1).as_array(), abs=0.01)


@pytest.mark.parametrize("seen", [(), (in_mirror(shifted(17)),)], ids=["none", "another face"])
def test_without_that_face_at_the_second_look_nothing_changes(seen: tuple[Landmarks, ...]) -> None:
    assert SecondLook(Seeing(*seen)).steadied(IMAGE, FOUND) is FOUND


@pytest.mark.parametrize(
    "box",
    [Box(-70, -70, 80, 80), Box(590, 390, 80, 60), Box(100, 100, 500, 380), Box(5, 5, 0, 0), Box(-500, 20, 50, 50)],
)
def test_every_look_has_the_same_size_wherever_the_face_is(box: Box) -> None:
    detector = Seeing()
    SecondLook(detector).steadied(IMAGE, replace(FOUND, box=box))
    assert [image.shape for image in detector.shown] == [(LOOK_SIDE, LOOK_SIDE, 3)]


def test_real_landmarks_move_little_and_the_pipeline_answers_with_the_steadied_ones(yunet: YuNet, sface: SFace) -> None:
    photo = group_photo()
    found = yunet.detect(photo)
    faces = FacePipeline(yunet, sface, SecondLook(yunet)).describe(photo, found)
    assert len(faces) == PEOPLE_IN_GROUP_PHOTO
    for first, face in zip(found, faces, strict=True):
        moved = np.abs(first.landmarks.as_array() - face.detection.landmarks.as_array())
        assert 0 < moved.max() < 0.1 * first.box.size
        assert face.detection.box == first.box


def test_a_mirrored_photo_gives_nearly_the_mirrored_landmarks(yunet: YuNet) -> None:
    photo = group_photo()
    mirrored = np.ascontiguousarray(photo[:, ::-1])
    look = SecondLook(yunet)

    def apart(steadied: bool) -> float:
        one, other = (
            [look.steadied(image, found) if steadied else found for found in yunet.detect(image)]
            for image in (photo, mirrored)
        )
        width = photo.shape[1]
        eyes = [sorted((width - face.landmarks.left_eye.x, face.landmarks.left_eye.y) for face in other)]
        here = [sorted((face.landmarks.right_eye.x, face.landmarks.right_eye.y) for face in one)]
        return float(np.abs(np.array(eyes) - np.array(here)).mean())

    assert apart(steadied=True) < apart(steadied=False)
