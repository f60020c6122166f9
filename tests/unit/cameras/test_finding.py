"""Finding the faces of real videos: how often it is worth while, and which count."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from backend.cameras.finding import Finder, View
from backend.cameras.frame import Frame
from backend.cameras.source import open_recording
from backend.domain.face import Detection
from backend.domain.geometry import Box, Landmarks, Point, Region
from backend.vision.loading import Pipelines
from tests.rig.clips import Film, still_scene, walk_past
from tests.rig.photos import person_crop

NOISY = Film(noise=6)
LEFT_HALF = Region((Point(0, 0), Point(0.5, 0), Point(0.5, 1), Point(0, 1)))


def _frames(path: Path) -> list[Frame]:
    with open_recording(str(path)) as video:
        return list(video.frames())


def _detection(x: float, size: float) -> Detection:
    centre = Point(x + size / 2, size / 2)
    return Detection(Box(x, 0, size, size), Landmarks(centre, centre, centre, centre, centre), 0.9)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody crosses a picture of 1280 × 720."""
    path = tmp_path_factory.mktemp("walk") / "walk.mp4"
    return walk_past(path, [person_crop(2)], Film((1280, 720), fps=5), seconds=3.0, empty_seconds=0.4).path


def test_an_empty_scene_is_searched_every_two_seconds(tmp_path: Path, pipelines: Pipelines) -> None:
    clip = still_scene(tmp_path / "still.mp4", film=NOISY, seconds=5.0)
    finder = Finder(pipelines.cameras, View())
    assert [number for number, frame in enumerate(_frames(clip.path)) if finder.is_worth_searching(frame)] == [
        0,
        20,
        40,
    ]


def test_somebody_who_walks_through_is_searched_for(walk: Path, pipelines: Pipelines) -> None:
    finder = Finder(pipelines.cameras, View())
    searched = [frame for frame in _frames(walk) if finder.is_worth_searching(frame)]
    assert any(finder.find(frame) for frame in searched[:6])


def test_faces_are_told_in_pixels_of_the_whole_frame(walk: Path, pipelines: Pipelines) -> None:
    frame = _frames(walk)[9]
    (small,) = Finder(pipelines.cameras, View()).find(frame)
    (whole,) = pipelines.photos.detect(frame.rgb())
    assert small.box.intersection_over_union(whole.box) > 0.8
    assert small.box.size == pytest.approx(whole.box.size, rel=0.15)


def test_faces_are_described_from_the_full_resolution(walk: Path, pipelines: Pipelines) -> None:
    frame = _frames(walk)[9]
    finder = Finder(pipelines.cameras, View())
    (face,) = finder.describe(frame, finder.find(frame))
    (whole,) = pipelines.photos.analyse(frame.rgb())
    assert face.quality.face_size > 60
    assert face.template.similarity(whole.template) > 0.9


def test_nothing_is_described_where_nothing_is_asked_for(walk: Path, pipelines: Pipelines) -> None:
    assert Finder(pipelines.cameras, View()).describe(_frames(walk)[0], []) == []


@pytest.mark.parametrize(
    ("view", "shown"),
    [
        (View(), [0, 40, 80]),
        (View(min_face=30), [0, 40]),
        (View(LEFT_HALF), [0, 40]),
        (View(LEFT_HALF, min_face=36), [40]),
    ],
)
def test_only_faces_in_the_region_and_of_the_least_size_count(view: View, shown: Sequence[float]) -> None:
    faces = [_detection(0, 30), _detection(40, 40), _detection(80, 20)]
    assert [face.box.x for face in faces if view.shows(face, (150, 100))] == shown
