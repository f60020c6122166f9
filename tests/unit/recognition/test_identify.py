"""Who is in a photo, if anyone: real faces, real models."""

from collections.abc import Sequence

import numpy as np
import pytest

from backend.domain.errors import ModelMismatch
from backend.domain.face import Detection, Face
from backend.domain.identity import Decision, Verdict
from backend.domain.meter import NoMeter
from backend.gallery.gallery import Gallery
from backend.recognition.decision import DecisionRule
from backend.recognition.enrol import Enroller, Photo
from backend.recognition.identify import Identifier, Search, most_telling
from backend.vision.loading import Pipelines
from backend.vision.pipeline import FacePipeline
from tests.rig.photos import Image, astronaut, group_photo, jpeg, other_photos, person_crop
from tests.unit.notifications.situations import a_look

ALICE, BOB = 2, 5


def _enrol(enroller: Enroller, person_id: str, *photos: Image) -> None:
    enroller.enrol(person_id, [Photo("photo.jpg", jpeg(photo)) for photo in photos])


def test_a_person_is_named_and_a_stranger_is_not(enroller: Enroller, identifier: Identifier) -> None:
    _enrol(enroller, "alice", person_crop(ALICE))
    (known,) = identifier.identify_image(other_photos(person_crop(ALICE))[3])
    (stranger,) = identifier.identify_image(astronaut())
    assert (known.decision.verdict, known.decision.person_id) == (Verdict.MATCH, "alice")
    assert (stranger.decision.verdict, stranger.decision.person_id) == (Verdict.UNKNOWN, None)
    assert stranger.decision.candidates[0].person_id == "alice"


def test_one_face_enrolled_as_two_people_is_ambiguous(enroller: Enroller, identifier: Identifier) -> None:
    for person_id in ("alice", "bob"):
        _enrol(enroller, person_id, person_crop(ALICE))
    (face,) = identifier.identify_image(person_crop(ALICE))
    assert (face.decision.verdict, face.decision.person_id) == (Verdict.AMBIGUOUS, None)


def test_everybody_is_unknown_to_an_empty_gallery(identifier: Identifier) -> None:
    (face,) = identifier.identify_image(astronaut())
    assert (face.decision.verdict, face.decision.candidates) == (Verdict.UNKNOWN, ())


def test_faces_come_largest_first(identifier: Identifier) -> None:
    areas = [face.face.detection.box.area for face in identifier.identify_image(group_photo())]
    assert len(areas) == 6
    assert areas == sorted(areas, reverse=True)


def test_an_image_without_faces_is_answered_without_faces(identifier: Identifier) -> None:
    assert identifier.identify_image(np.zeros((200, 200, 3), np.uint8)) == []
    assert most_telling([]) is None


def test_the_surest_match_answers_for_the_whole_picture(enroller: Enroller, identifier: Identifier) -> None:
    _enrol(enroller, "bob", person_crop(BOB))
    faces = identifier.identify_image(group_photo())
    telling = most_telling(faces)
    assert telling is not None
    assert telling.decision.person_id == "bob"
    assert telling is not faces[0]


def test_without_a_match_the_largest_face_answers(identifier: Identifier) -> None:
    faces = identifier.identify_image(group_photo())
    assert most_telling(faces) is faces[0]


def test_a_template_of_another_model_is_refused(identifier: Identifier, gallery: Gallery) -> None:
    with pytest.raises(ModelMismatch):
        identifier.identify(a_look(model="another"), None)
    assert gallery.people() == []


class Watched(FacePipeline):
    """A pipeline that remembers how many faces it described."""

    def __init__(self, inner: FacePipeline) -> None:
        self.inner, self.described = inner, 0

    def detect(self, image: Image) -> list[Detection]:
        return self.inner.detect(image)

    def describe(self, image: Image, detections: Sequence[Detection]) -> list[Face]:
        self.described += len(detections)
        return self.inner.describe(image, detections)


def test_only_faces_whose_decision_is_close_have_a_full_look(
    enroller: Enroller, gallery: Gallery, pipelines: Pipelines, identifier: Identifier
) -> None:
    _enrol(enroller, "alice", person_crop(ALICE))
    _enrol(enroller, "bob", person_crop(BOB))
    careful, glance = Watched(pipelines.photos), Watched(pipelines.plain)
    everybody = len(identifier.identify_image(group_photo()))

    clear = Identifier(careful, gallery, DecisionRule(0.5, 0.04), glance=glance).identify_image(group_photo())
    assert {face.decision.person_id for face in clear} == {"alice", "bob", None}
    assert (careful.described, glance.described) == (0, everybody)

    # At a threshold that strangers nearly reach, they are looked at again; the two who are known still need not be.
    stranger = max(face.decision.similarity or 0 for face in clear if face.decision.person_id is None)
    edge = Search(threshold=stranger)
    twice = Identifier(careful, gallery, DecisionRule(0.5, 0.04), glance=glance).identify_image(group_photo(), edge)
    assert 0 < careful.described < everybody - 1
    assert {"alice", "bob"} <= {face.decision.person_id for face in twice}


class Counting(NoMeter):
    """Counts decisions."""

    def __init__(self) -> None:
        self.decisions = 0

    def decided(self, decision: Decision) -> None:
        self.decisions += 1


def test_each_face_is_counted_once_however_often_it_was_looked_at(
    enroller: Enroller, gallery: Gallery, pipelines: Pipelines
) -> None:
    _enrol(enroller, "alice", person_crop(ALICE))
    careful, counting = Watched(pipelines.photos), Counting()
    identifier = Identifier(careful, gallery, DecisionRule(1.0, 0.04), counting, glance=pipelines.plain)
    identifier.identify_image(person_crop(ALICE))
    assert (careful.described, counting.decisions) == (1, 1)
