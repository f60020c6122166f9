"""On photographs by others: labelled group photos, and pairs of Labeled Faces in the Wild."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.domain.face import Detection, Face
from backend.domain.geometry import Box
from backend.vision.image import decode
from backend.vision.pipeline import FacePipeline
from backend.vision.yunet import YuNet
from tests.rig.photos import SHARED_DATA, needs_shared_data

LABELLED = SHARED_DATA / "dlib_faces"
LFW = SHARED_DATA / "lfw_pairs"
EVERY = 40
"""One in so many of the 6,000 pairs is taken."""

Pair = tuple[Path, Path, bool]


def labelled_photos() -> dict[str, list[Box]]:
    """The photos of dlib's two sets, and where their faces are."""
    photos = {}
    for name in ("testing.xml", "training.xml"):
        for photo in ElementTree.parse(LABELLED / name).iter("image"):  # noqa: S314 - a file of our own
            photos[photo.attrib["file"]] = [
                Box(*(float(box.attrib[side]) for side in ("left", "top", "width", "height")))
                for box in photo.iter("box")
            ]
    return photos


def unlabelled(detections: Sequence[Detection], labels: Sequence[Box]) -> list[Detection]:
    return [face for face in detections if max(face.box.intersection_over_union(box) for box in labels) < 0.3]


@needs_shared_data("dlib_faces")
def test_all_labelled_faces_are_found_and_little_else(yunet: YuNet) -> None:
    photos = labelled_photos()
    assert sum(map(len, photos.values())) == 43
    more = 0
    for name, labels in photos.items():
        detections = yunet.detect(decode((LABELLED / name).read_bytes()))
        for box in labels:
            assert any(face.box.intersection_over_union(box) > 0.3 for face in detections), f"{box} in {name}"
        more += len(unlabelled(detections, labels))
    assert more <= 1


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    """A sample of LFW's pairs: two photos, and whether they show one person."""
    lines = [line.split("\t") for line in (LFW / "pairs.txt").read_text().splitlines()[1::EVERY]]
    return [
        (lfw_photo(fields[0], fields[1]), lfw_photo(fields[-2] if len(fields) == 4 else fields[0], fields[-1]), same)
        for fields in lines
        for same in [len(fields) == 3]
    ]


def lfw_photo(name: str, number: str) -> Path:
    return LFW / name / f"{name}_{int(number):04d}.jpg"


@pytest.fixture(scope="module")
def subjects(pairs: list[Pair], pipeline: FacePipeline) -> dict[Path, Face]:
    """The face in the middle of each photo of the pairs, which is the one named; photos without a face are missing."""
    found = {}
    for path in {path for *photos, _ in pairs for path in photos}:
        image = decode(path.read_bytes())
        detections = pipeline.detect(image)
        if detections:
            (found[path],) = pipeline.describe(image, [min(detections, key=lambda face: off_centre(face, image))])
    return found


def off_centre(detection: Detection, image: NDArray[np.uint8]) -> float:
    centre = detection.box.centre
    return float((centre.x - image.shape[1] / 2) ** 2 + (centre.y - image.shape[0] / 2) ** 2)


@needs_shared_data("lfw_pairs")
def test_no_photo_of_lfw_is_without_a_face(pairs: list[Pair], subjects: dict[Path, Face]) -> None:
    photos = {path for *both, _ in pairs for path in both}
    assert len(photos) > 200
    assert subjects.keys() == photos


@needs_shared_data("lfw_pairs")
def test_photos_of_lfw_practically_never_grade_low(subjects: dict[Path, Face]) -> None:
    scores = np.array([face.quality.score for face in subjects.values()])
    assert len(scores) > 200
    assert np.median(scores) > 0.95
    assert (scores < 0.6).mean() < 0.01


@needs_shared_data("lfw_pairs")
def test_people_are_told_apart(pairs: list[Pair], subjects: dict[Path, Face]) -> None:
    similarities = np.array([subjects[one].template.similarity(subjects[other].template) for one, other, _ in pairs])
    same = np.array([same for *_, same in pairs])
    assert min(same.sum(), (~same).sum()) > 60
    assert ((similarities > 0.34) == same).mean() > 0.98
