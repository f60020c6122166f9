"""Good portraits grade high; what spoils a comparison grades low."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from backend.domain.face import Detection, Quality
from backend.domain.geometry import Landmarks, Point
from backend.vision.alignment import SIZE, align
from backend.vision.quality import grade, visible
from backend.vision.yunet import YuNet
from tests.rig.photos import PEOPLE_IN_GROUP_PHOTO, astronaut, group_photo

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def portrait(yunet: YuNet) -> Detection:
    return yunet.detect(astronaut())[0]


@pytest.fixture(scope="module")
def face(portrait: Detection) -> Pixels:
    return align(astronaut(), portrait.landmarks)


def grade_portrait(face: Pixels, portrait: Detection) -> Quality:
    return grade(face, portrait, astronaut().shape)


def blurred(face: Pixels, sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(face, (0, 0), sigma), dtype=np.uint8)


def lit(face: Pixels, gain: float) -> Pixels:
    return np.asarray(np.clip(face * gain, 0, 255), dtype=np.uint8)


def with_nose_at(portrait: Detection, sideways: float) -> Detection:
    """The portrait with its nose moved by a share of the distance between the eyes."""
    right, left = portrait.landmarks.right_eye, portrait.landmarks.left_eye
    nose = Point((right.x + left.x) / 2 + sideways * (left.x - right.x), portrait.landmarks.nose.y)
    return replace(portrait, landmarks=replace(portrait.landmarks, nose=nose))


def cut_at(edge: str, share: float, portrait: Detection) -> Pixels:
    """The portrait's picture without what lies beyond that share of the face, from one edge."""
    box, photo = portrait.box, astronaut()
    x, y = round(box.x + share * box.width), round(box.y + share * box.height)
    right, bottom = round(box.right - share * box.width), round(box.bottom - share * box.height)
    kept = {"left": photo[:, x:], "right": photo[:, :right], "top": photo[y:], "bottom": photo[:bottom]}
    return kept[edge]


def test_a_good_portrait_grades_high_in_every_part(face: Pixels, portrait: Detection) -> None:
    quality = grade_portrait(face, portrait)
    assert quality.score > 0.9
    assert min(quality.sharpness, quality.brightness, quality.pose) > 0.9
    assert quality.face_size == portrait.box.size


def test_the_faces_of_a_group_grade_well(yunet: YuNet) -> None:
    photo = group_photo()
    detections = yunet.detect(photo)
    assert len(detections) == PEOPLE_IN_GROUP_PHOTO
    for detection in detections:
        assert grade(align(photo, detection.landmarks), detection, photo.shape).score > 0.7


def test_the_more_blurred_the_lower(face: Pixels, portrait: Detection) -> None:
    scores = [grade_portrait(blurred(face, sigma), portrait).score for sigma in (1, 2, 3, 4, 6, 9)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.9
    assert scores[-2] < 0.4


def test_noise_does_not_hide_a_blur(face: Pixels, portrait: Detection) -> None:
    noise = np.random.default_rng(1).normal(0, 5, face.shape)
    noisy = np.clip(blurred(face, 6) + noise, 0, 255).astype(np.uint8)
    assert grade_portrait(noisy, portrait).score < 0.7


@pytest.mark.parametrize("gain", [0.02, 8.0])
def test_a_face_too_dark_or_too_bright_grades_low(gain: float, face: Pixels, portrait: Detection) -> None:
    quality = grade_portrait(lit(face, gain), portrait)
    assert quality.brightness < 0.4
    assert quality.score < 0.4


@pytest.mark.parametrize("gain", [0.4, 1.3])
def test_ordinary_light_does_not_matter(gain: float, face: Pixels, portrait: Detection) -> None:
    assert grade_portrait(lit(face, gain), portrait).brightness > 0.9


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_of_nothing_grades_zero(level: int, portrait: Detection) -> None:
    assert grade_portrait(np.full((SIZE, SIZE, 3), level, np.uint8), portrait).score == 0


def test_the_more_turned_away_the_lower(face: Pixels, portrait: Detection) -> None:
    turned = [grade_portrait(face, with_nose_at(portrait, sideways)) for sideways in (0, 0.3, 0.6, 1, 3)]
    assert [quality.pose for quality in turned] == sorted((quality.pose for quality in turned), reverse=True)
    assert turned[0].score > 0.9
    assert turned[-1].score < 0.4


def test_turning_right_grades_as_turning_left(face: Pixels, portrait: Detection) -> None:
    right, left = (grade_portrait(face, with_nose_at(portrait, sideways)).pose for sideways in (-0.4, 0.4))
    assert right == pytest.approx(left, rel=0.03)


def test_a_tilted_head_is_not_turned_away(face: Pixels, portrait: Detection) -> None:
    turn = np.array([(0.5, -(3**0.5) / 2), (3**0.5 / 2, 0.5)])
    tilted = Landmarks(*(Point(float(x), float(y)) for x, y in portrait.landmarks.as_array() @ turn.T))
    quality = grade_portrait(face, replace(portrait, landmarks=tilted))
    assert quality.pose == pytest.approx(grade_portrait(face, portrait).pose, rel=1e-4)


def test_the_smaller_the_lower(face: Pixels, portrait: Detection) -> None:
    scores = [
        grade_portrait(face, replace(portrait, box=portrait.box.scaled(size / portrait.box.size))).score
        for size in (60, 30, 20, 12, 5)
    ]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] == 0


@pytest.mark.parametrize("edge", ["left", "right", "top", "bottom"])
@pytest.mark.parametrize("cut", [0.1, 0.2, 0.3, 0.4])
def test_a_face_cut_by_the_edge_counts_for_as_much_as_is_seen_of_it(
    cut: float, edge: str, yunet: YuNet, face: Pixels, portrait: Detection
) -> None:
    photo = cut_at(edge, cut, portrait)
    detection = yunet.detect(photo)[0]
    share = visible(detection, photo.shape)
    assert share == pytest.approx(1 - cut, abs=0.12)
    assert grade(face, detection, photo.shape).score <= share


@pytest.mark.parametrize("photo", [astronaut(), group_photo()], ids=["one", "six"])
def test_a_face_inside_the_picture_is_whole(photo: Pixels, yunet: YuNet) -> None:
    assert {visible(detection, photo.shape) for detection in yunet.detect(photo)} == {1.0}


def test_landmarks_in_one_point_do_no_harm(face: Pixels, portrait: Detection) -> None:
    point = Point(5, 5)
    quality = grade_portrait(face, replace(portrait, landmarks=Landmarks(point, point, point, point, point)))
    assert 0 <= quality.pose <= 1
