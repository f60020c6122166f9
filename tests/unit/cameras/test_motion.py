"""Has anything moved? Drawn on planes of 160 × 90 cells: a textured wall, noise, light, and somebody who walks."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from backend.cameras.motion import LOOK_ANYWAY_SECONDS, MotionGate
from backend.domain.geometry import GreyImage, Point, Region

MOMENT = 0.2
WIDTH, HEIGHT = 160, 90
LEFT_HALF = Region((Point(0, 0), Point(0.5, 0), Point(0.5, 1), Point(0, 1)))

Plane = NDArray[np.float32]
Change = Callable[[Plane, int], Plane]
"""What becomes of the scene in the n-th picture."""


def _wall() -> Plane:
    rng = np.random.default_rng(0)
    light = cv2.resize(rng.uniform(60, 180, (5, 8)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.asarray(light + rng.normal(0, 8, (HEIGHT, WIDTH)), np.float32)


def _as_it_is(scene: Plane, number: int) -> Plane:
    return scene


def _noise(sigma: float) -> Change:
    return lambda scene, number: scene + np.random.default_rng(number).normal(0, sigma, scene.shape).astype(np.float32)


def _gain(per_picture: float) -> Change:
    return lambda scene, number: scene * np.float32(1 + per_picture * number)


def _offset(per_picture: float) -> Change:
    return lambda scene, number: scene + np.float32(per_picture * number)


def _mains_flicker(scene: Plane, number: int) -> Plane:
    return scene * np.float32(1 + 0.05 * np.sin(7 * number))


def _keyframe_flicker(scene: Plane, number: int) -> Plane:
    """Every fifth picture each block of the encoder (4 × 4 cells at 640 × 480) comes out a few levels off."""
    blocks = np.random.default_rng(number // 5).normal(0, 1.5, (HEIGHT // 4 + 1, WIDTH // 4 + 1))
    return scene + np.kron(blocks, np.ones((4, 4)))[:HEIGHT, :WIDTH].astype(np.float32)


def _walker(cells: float, contrast: float = 40, height: int = 30) -> Change:
    """Somebody 10 cells wide, darker than the wall, who moves so many cells in a picture."""

    def walk(scene: Plane, number: int) -> Plane:
        left = int(20 + cells * number)
        scene = scene.copy()
        scene[40 : 40 + height, left : left + 10] -= contrast
        return scene

    return walk


def _looks(*changes: Change, pictures: int = 50, region: Region | None = None) -> list[int]:
    """The numbers of the pictures that are found worth a look; one is taken every 0.2 s."""
    gate, wall = MotionGate(region), _wall()
    return [
        number for number in range(pictures) if gate.is_worth_a_look(_picture(wall, changes, number), number * MOMENT)
    ]


def _picture(wall: Plane, changes: tuple[Change, ...], number: int) -> GreyImage:
    scene = wall
    for change in changes:
        scene = change(scene, number)
    return np.clip(scene, 0, 255).astype(np.uint8)


NOW_AND_THEN = list(range(0, 50, round(LOOK_ANYWAY_SECONDS / MOMENT)))


@pytest.mark.parametrize(
    "change",
    [
        _as_it_is,
        _noise(1),
        _noise(4),
        _gain(0.007),
        _gain(-0.01),
        _offset(1.5),
        _mains_flicker,
        _keyframe_flicker,
    ],
    ids=["still", "noise", "much noise", "brighter", "darker", "exposure", "mains flicker", "keyframe flicker"],
)
def test_a_still_scene_is_looked_at_every_two_seconds_and_no_more(change: Change) -> None:
    assert _looks(change) == NOW_AND_THEN


def test_a_still_scene_stays_still_when_its_light_drifts_through_noise() -> None:
    assert _looks(_gain(0.007), _keyframe_flicker, _noise(2)) == NOW_AND_THEN


@pytest.mark.parametrize("cells", [0.5, 1, 3])
def test_somebody_who_walks_is_looked_at_however_slowly(cells: float) -> None:
    looks = _looks(_walker(cells), _noise(2), pictures=40)
    assert max(np.diff(looks)) <= max(2, 4 / cells)


def test_slow_movement_adds_up_until_it_is_looked_at() -> None:
    assert _looks(_walker(0.25), _noise(1), pictures=10) == [0, 4, 8]


def test_a_face_as_small_as_can_be_found_is_noticed_with_its_shoulders() -> None:
    assert len(_looks(_walker(2, height=8), _noise(1), pictures=5)) >= 3


def test_light_that_is_switched_on_is_no_movement_by_itself_but_somebody_in_it_is() -> None:
    assert _looks(_gain(0.007), _walker(1), _noise(2)) != NOW_AND_THEN


def test_a_picture_of_another_size_is_looked_at() -> None:
    gate, wall = MotionGate(), _wall().astype(np.uint8)
    assert gate.is_worth_a_look(wall, 0.0)
    assert not gate.is_worth_a_look(wall, 0.2)
    assert gate.is_worth_a_look(wall[:80], 0.4)


def test_a_scene_that_changes_wholly_is_looked_at() -> None:
    assert 3 in _looks(lambda scene, number: scene if number < 3 else scene[::-1, ::-1].copy(), pictures=5)


def test_movement_outside_the_region_is_no_reason_to_look() -> None:
    def there(scene: Plane, number: int) -> Plane:
        return _walker(1)(scene[:, ::-1], number)[:, ::-1]

    assert _looks(there, _noise(1), pictures=40, region=LEFT_HALF) == NOW_AND_THEN[:4]
    assert len(_looks(_walker(1), _noise(1), pictures=40, region=LEFT_HALF)) > 10
