"""Who is in a photo, if anyone: real faces, real models."""

import numpy as np
import pytest

from backend.domain.errors import ModelMismatch
from backend.domain.identity import Verdict
from backend.gallery.gallery import Gallery
from backend.recognition.enrol import Enroller, Photo
from backend.recognition.identify import Identifier, most_telling
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
