"""Photos are described by the very pipelines that the service uses, and none is dropped in silence."""

from pathlib import Path

import numpy as np
import pytest

from backend.domain.face import Detection
from backend.domain.geometry import Box, Landmarks, Point
from backend.evaluation.describing import Album, Description, Failure, describe_all, nearest_to_middle
from backend.vision.image import ImageLimits, decode
from backend.vision.loading import Pipelines
from tests.rig.photos import PEOPLE_IN_GROUP_PHOTO, group_photo, jpeg
from tests.unit.evaluation.situations import family_album, spoil

_ANYWHERE = Landmarks(*(Point(0.0, 0.0) for _ in range(5)))


def found_at(x: float, y: float, size: float) -> Detection:
    return Detection(Box(x - size / 2, y - size / 2, size, size), _ANYWHERE, 0.9)


def test_the_face_meant_is_the_one_in_the_middle_however_small() -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    middle, corner = found_at(160, 100, 20), found_at(60, 60, 90)
    assert nearest_to_middle([corner, middle], image) is middle


def test_each_photo_is_described_by_the_pipelines_it_is_wanted_from(tmp_path: Path, pipelines: Pipelines) -> None:
    photo = family_album(tmp_path) / "carol" / "carol_0001.jpg"
    ways = {"plain": pipelines.plain, "enrolment": pipelines.enrolment}
    (description,) = describe_all({photo: ("enrolment",)}, ways, ImageLimits())
    assert isinstance(description, Description)
    assert set(description.described) == {"enrolment"}
    (enrolled,) = pipelines.enrolment.analyse(decode(photo.read_bytes()))
    assert description.described["enrolment"].template.similarity(enrolled.template) == pytest.approx(1, abs=1e-5)


def test_all_faces_of_a_photo_are_counted(tmp_path: Path, pipelines: Pipelines) -> None:
    photo = tmp_path / "group.jpg"
    photo.write_bytes(jpeg(group_photo()))
    (description,) = describe_all({photo: ("plain",)}, {"plain": pipelines.plain}, ImageLimits())
    assert isinstance(description, Description)
    assert description.faces == PEOPLE_IN_GROUP_PHOTO


def test_what_cannot_be_described_says_why_and_the_rest_goes_on(tmp_path: Path, pipelines: Pipelines) -> None:
    family_album(tmp_path)
    spoilt = spoil(tmp_path, "carol", 1)
    blank = tmp_path / "dave" / "dave_0001.jpg"
    blank.write_bytes(jpeg(np.zeros((100, 100, 3), np.uint8)))
    absent, good = tmp_path / "nobody.jpg", tmp_path / "frank" / "frank_0001.jpg"
    wanted = dict.fromkeys((spoilt, blank, absent, good), ("plain",))
    album = Album.of(describe_all(wanted, {"plain": pipelines.plain}, ImageLimits()))
    assert list(album.descriptions) == [good]
    assert [failure.photo for failure in album.failures] == [spoilt, blank, absent]
    assert [failure.reason.split(":")[0] for failure in album.failures] == [
        "The file is no JPEG, PNG, WebP, HEIC, BMP or TIFF picture.",
        "No face was found.",
        "The file cannot be read",
    ]
    assert album.face(spoilt, "plain") is None


def test_an_album_tells_failures_from_descriptions() -> None:
    album = Album.of([Description(Path("a"), 1, {}), Failure(Path("b"), "no face")])
    assert list(album.descriptions) == [Path("a")]
    assert album.failures == [Failure(Path("b"), "no face")]
