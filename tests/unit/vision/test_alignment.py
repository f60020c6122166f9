"""A face ends upright, in its place, at its size, however it lay in the photo."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from backend.domain.geometry import Landmarks, Point
from backend.vision.alignment import REFERENCE, SIZE, align, similarity_transform
from backend.vision.sface import SFace
from backend.vision.yunet import YuNet
from tests.rig.photos import astronaut

Pixels = NDArray[np.uint8]


def moved(landmarks: Landmarks, matrix: NDArray[np.float64]) -> Landmarks:
    points = np.column_stack((landmarks.as_array().astype(np.float64), np.ones(5))) @ matrix.T
    return Landmarks(*(Point(float(x), float(y)) for x, y in points))


def difference(one: Pixels, other: Pixels) -> float:
    """Mean difference in levels, away from the border."""
    inner = (slice(8, -8), slice(8, -8))
    return float(np.abs(one[inner].astype(int) - other[inner]).mean())


def test_a_face_in_its_place_stays_as_it_is() -> None:
    face = np.random.default_rng(1).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    np.testing.assert_array_equal(align(face, REFERENCE), face)


@pytest.mark.parametrize(("degrees", "scale"), [(0, 1.0), (20, 1.0), (-35, 1.3), (90, 0.9), (170, 2.0)])
def test_a_turned_and_scaled_photo_gives_the_same_face(yunet: YuNet, degrees: float, scale: float) -> None:
    photo = astronaut()
    landmarks = yunet.detect(photo)[0].landmarks
    matrix = np.asarray(cv2.getRotationMatrix2D((224, 120), degrees, scale), dtype=np.float64)
    matrix[:, 2] += 300
    turned = np.asarray(cv2.warpAffine(photo, matrix, (1100, 1100), flags=cv2.INTER_CUBIC), dtype=np.uint8)
    assert difference(align(turned, moved(landmarks, matrix)), align(photo, landmarks)) < 4


def test_the_transform_is_the_best_in_least_squares() -> None:
    numbers = np.random.default_rng(4)
    source, target = (numbers.uniform(0, 100, (5, 2)).astype(np.float32) for _ in range(2))
    # The same as a linear problem: x' = ax - by + c, y' = bx + ay + d.
    equations = np.vstack(
        [((x, -y, 1, 0), (y, x, 0, 1)) for x, y in source.astype(np.float64)],
    )
    a, b, c, d = np.linalg.lstsq(equations, target.astype(np.float64).ravel(), rcond=None)[0]
    np.testing.assert_allclose(similarity_transform(source, target), [(a, -b, c), (b, a, d)], rtol=1e-6)


def test_landmarks_in_one_point_do_no_harm() -> None:
    point = Point(5, 5)
    assert align(np.zeros((10, 10, 3), np.uint8), Landmarks(point, point, point, point, point)).shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize("scale", [1, 8])
def test_a_face_cut_off_at_the_border_is_black_there(yunet: YuNet, scale: int) -> None:
    landmarks = yunet.detect(astronaut())[0].landmarks
    cut = astronaut()[:, int(landmarks.nose.x) :].repeat(scale, axis=0).repeat(scale, axis=1)
    left = np.array([(1, 0, -int(landmarks.nose.x)), (0, 1, 0)], np.float64)
    face = align(cut, moved(landmarks, left * scale))
    assert (face[:, :40] == 0).all()
    assert face[56, 70:].mean() > 60


@pytest.mark.parametrize("corner", [(-5000, -5000), (5000, 5000)])
def test_a_face_outside_the_image_is_black(corner: tuple[int, int]) -> None:
    away = moved(REFERENCE, np.array([(9, 0, corner[0]), (0, 9, corner[1])], np.float64))
    assert not align(np.full((50, 50, 3), 255, np.uint8), away).any()


def test_a_face_in_a_very_long_panorama_is_the_same_face(yunet: YuNet) -> None:
    landmarks = yunet.detect(astronaut())[0].landmarks
    panorama = np.zeros((512, 40_000, 3), np.uint8)
    panorama[:, 39_000:39_512] = astronaut()
    right = moved(landmarks, np.array([(1, 0, 39_000), (0, 1, 0)], np.float64))
    assert difference(align(panorama, right), align(astronaut(), landmarks)) < 0.5


def test_a_large_noisy_face_is_averaged_not_sampled(yunet: YuNet, sface: SFace) -> None:
    small = astronaut()[:240, 96:352]
    landmarks = yunet.detect(small)[0].landmarks
    large = cv2.resize(small, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(2).normal(0, 40, large.shape)
    noisy = np.clip(large + noise, 0, 255).astype(np.uint8)
    # Pixels are counted by their centres, so that enlarging moves a point's place by half of what is added.
    enlarged = moved(landmarks, np.array([(8, 0, 3.5), (0, 8, 3.5)], np.float64))
    expected, found = sface.embed([align(small, landmarks), align(noisy, enlarged)])
    assert expected.similarity(found) > 0.97
