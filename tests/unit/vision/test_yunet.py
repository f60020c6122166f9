"""Faces are found at every size, where they are."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from backend.domain.face import Detection
from backend.domain.geometry import Box
from backend.vision.runtime import InferenceSession
from backend.vision.yunet import YuNet
from tests.rig.photos import PEOPLE_IN_GROUP_PHOTO, astronaut, group_photo

Pixels = NDArray[np.uint8]

ASTRONAUT_FACE = Box(178, 62, 91, 114)


def resized(image: Pixels, factor: float) -> Pixels:
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=interpolation), dtype=np.uint8)


def only(detections: list[Detection]) -> Detection:
    (detection,) = detections
    return detection


def test_the_six_people_of_a_group_are_found(yunet: YuNet) -> None:
    detections = yunet.detect(group_photo())
    assert len(detections) == PEOPLE_IN_GROUP_PHOTO
    assert all(0.8 < detection.score <= 1 for detection in detections)


def test_the_most_certain_comes_first(yunet: YuNet) -> None:
    scores = [detection.score for detection in yunet.detect(group_photo())]
    assert len(scores) == PEOPLE_IN_GROUP_PHOTO
    assert scores == sorted(scores, reverse=True)


def test_the_box_is_in_pixels_of_the_image(yunet: YuNet) -> None:
    assert only(yunet.detect(astronaut())).box.intersection_over_union(ASTRONAUT_FACE) > 0.9


def test_landmarks_name_the_person_s_own_sides(yunet: YuNet) -> None:
    found = only(yunet.detect(astronaut()))
    right_eye, left_eye, nose, right_mouth, left_mouth = found.landmarks.points()
    assert found.box.x < right_eye.x < nose.x < left_eye.x < found.box.right
    assert right_mouth.x < left_mouth.x
    assert right_eye.y < nose.y < right_mouth.y < found.box.bottom


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.7, 4.0])
def test_a_face_is_found_at_any_scale_of_the_photo(yunet: YuNet, factor: float) -> None:
    found = only(yunet.detect(resized(astronaut(), factor)))
    assert found.box.intersection_over_union(ASTRONAUT_FACE.scaled(factor)) > 0.7


def test_landmarks_of_an_enlarged_photo_are_the_enlarged_landmarks(detector_session: InferenceSession) -> None:
    # The detector sees the same pixels both times, and pixels are counted by their centres.
    detector = YuNet(detector_session, max_side=512)
    enlarged = astronaut().repeat(5, axis=0).repeat(5, axis=1)
    small, large = (only(detector.detect(photo)).landmarks.as_array() for photo in (astronaut(), enlarged))
    np.testing.assert_allclose(large, small * 5 + 2, atol=0.01)


def test_faces_of_twenty_pixels_are_found(yunet: YuNet) -> None:
    detections = yunet.detect(resized(group_photo(), 0.2))
    assert len(detections) == PEOPLE_IN_GROUP_PHOTO
    assert max(detection.box.size for detection in detections) < 24


@pytest.mark.parametrize("side", [600, 1000, 1500, 4000])
def test_a_face_that_fills_the_photo_is_found_once(yunet: YuNet, side: int) -> None:
    face = astronaut()[50:190, 160:290]
    factor = side / 140
    found = only(yunet.detect(resized(face, factor)))
    assert found.box.intersection_over_union(ASTRONAUT_FACE.translated(-160, -50).scaled(factor)) > 0.7


def test_small_faces_beside_one_that_fills_half_the_photo_are_found(yunet: YuNet) -> None:
    photo = np.zeros((1400, 2580, 3), np.uint8)
    photo[:, :1300] = resized(astronaut()[50:190, 160:290], 10)
    photo[:886, 1300:] = group_photo()
    detections = yunet.detect(photo)
    assert len(detections) == 1 + PEOPLE_IN_GROUP_PHOTO
    assert sorted(detection.box.size for detection in detections)[-1] > 800


def test_two_faces_side_by_side_are_both_found(yunet: YuNet) -> None:
    face = astronaut()[:256, 96:352]
    assert len(yunet.detect(np.hstack((face, face[:, ::-1])))) == 2


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 2), (31, 33), (480, 640), (1300, 1281)])
def test_a_picture_without_faces_of_any_shape_shows_none(yunet: YuNet, size: tuple[int, int]) -> None:
    assert yunet.detect(np.full((*size, 3), 90, np.uint8)) == []


def test_noise_shows_no_face(yunet: YuNet) -> None:
    assert yunet.detect(np.random.default_rng(1).integers(0, 256, (700, 900, 3), np.uint8)) == []


def test_a_smaller_side_finds_the_larger_faces_still(detector_session: InferenceSession) -> None:
    assert len(YuNet(detector_session, max_side=640).detect(group_photo())) == PEOPLE_IN_GROUP_PHOTO
    tiny = YuNet(detector_session, max_side=96).detect(group_photo())
    assert len(tiny) < PEOPLE_IN_GROUP_PHOTO


def test_a_higher_threshold_keeps_only_the_certain(detector_session: InferenceSession) -> None:
    certain = YuNet(detector_session, score_threshold=0.925).detect(group_photo())
    assert 0 < len(certain) < PEOPLE_IN_GROUP_PHOTO
    assert all(detection.score >= 0.925 for detection in certain)
