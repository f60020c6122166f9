"""An image goes in, described faces come out."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from backend.vision.loading import Pipelines
from backend.vision.pipeline import FacePipeline
from tests.rig.photos import PEOPLE_IN_GROUP_PHOTO, astronaut, group_photo


def test_every_face_is_detected_graded_and_embedded(pipeline: FacePipeline) -> None:
    faces = pipeline.analyse(group_photo())
    assert len(faces) == PEOPLE_IN_GROUP_PHOTO
    assert [face.detection for face in faces] == pipeline.detect(group_photo())
    for face in faces:
        assert face.quality.face_size == face.detection.box.size
        assert face.template.model == pipeline.model


def test_described_faces_keep_their_order(pipeline: FacePipeline) -> None:
    photo = group_photo()
    detections = pipeline.detect(photo)
    forwards, backwards = pipeline.describe(photo, detections), pipeline.describe(photo, detections[::-1])
    assert len(forwards) == PEOPLE_IN_GROUP_PHOTO
    for one, other in zip(forwards, reversed(backwards), strict=True):
        assert one.detection == other.detection
        assert one.template.similarity(other.template) > 0.9999


def test_grading_alone_says_what_describing_says(pipelines: Pipelines) -> None:
    photo = group_photo()
    detections = pipelines.photos.detect(photo)
    graded, described = pipelines.photos.graded(photo, detections), pipelines.photos.describe(photo, detections)
    assert len(graded) == PEOPLE_IN_GROUP_PHOTO
    assert [(face.detection, face.quality) for face in graded] == [(face.detection, face.quality) for face in described]


def test_no_detections_need_no_description(pipeline: FacePipeline) -> None:
    assert pipeline.describe(astronaut(), []) == []
    assert pipeline.analyse(np.zeros((40, 40, 3), np.uint8)) == []


def test_the_image_is_left_as_it_was(pipeline: FacePipeline) -> None:
    photo = astronaut()
    before = photo.copy()
    photo.setflags(write=False)
    pipeline.analyse(photo)
    np.testing.assert_array_equal(photo, before)


def test_a_view_of_a_larger_picture_is_as_good_as_a_copy(pipeline: FacePipeline) -> None:
    view = astronaut()[:300, 50:400]
    (face,), (expected,) = pipeline.analyse(view), pipeline.analyse(view.copy())
    assert face.detection == expected.detection


def test_threads_at_once_get_their_own_faces(pipeline: FacePipeline) -> None:
    photos = (group_photo(), astronaut()) * 3
    with ThreadPoolExecutor(len(photos)) as threads:
        found = list(threads.map(pipeline.analyse, photos))
    assert [len(faces) for faces in found] == [PEOPLE_IN_GROUP_PHOTO, 1] * 3
    (expected,) = pipeline.analyse(astronaut())
    for (face,) in found[1::2]:
        assert face.detection == expected.detection
        assert face.template.similarity(expected.template) > 0.9999
