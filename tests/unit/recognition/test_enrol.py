"""Enrolling from real photos: the good ones are kept, and each of the others says why not."""

from collections.abc import Callable, Iterator
from functools import cache

import cv2
import numpy as np
import pytest

from backend.domain.errors import ImageRejected, InvalidField, NothingEnrolled
from backend.gallery.gallery import Gallery
from backend.recognition.enrol import Enroller, Photo
from tests.rig.photos import Image, astronaut, group_photo, jpeg, other_photos, person_crop

ALICE, BOB = 2, 5


def _photo(data: bytes, name: str = "photo.jpg") -> Photo:
    return Photo(name, data)


@cache
def good(person: int = ALICE) -> Photo:
    return _photo(jpeg(person_crop(person)), f"good-{person}.jpg")


def _scaled(image: Image, factor: float) -> Image:
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def _cut_off() -> bytes:
    return jpeg(person_crop(ALICE))[:2000]


def _text() -> bytes:
    return b"This is not a picture at all."


def _too_many_pixels() -> bytes:
    return jpeg(np.zeros((1500, 1500, 3), np.uint8))


def _too_many_bytes() -> bytes:
    return jpeg(person_crop(ALICE)) + bytes(500_000)


def _wall() -> bytes:
    return jpeg(astronaut()[300:, 300:])


def _everybody() -> bytes:
    return jpeg(group_photo())


def _from_afar() -> bytes:
    return jpeg(_scaled(person_crop(ALICE), 0.3))


def _blurred() -> bytes:
    return jpeg(np.asarray(cv2.GaussianBlur(person_crop(ALICE), (0, 0), 9), np.uint8))


BAD: dict[str, tuple[str, Callable[[], bytes]]] = {
    "cut off": ("invalid_image", _cut_off),
    "empty": ("invalid_image", bytes),
    "text": ("unsupported_format", _text),
    "many pixels": ("image_too_large", _too_many_pixels),
    "many bytes": ("image_too_large", _too_many_bytes),
    "wall": ("face_not_found", _wall),
    "everybody": ("multiple_faces", _everybody),
    "from afar": ("face_too_small", _from_afar),
    "blurred": ("low_quality", _blurred),
}


@pytest.fixture(params=BAD, ids=list(BAD))
def bad(request: pytest.FixtureRequest) -> tuple[str, Photo]:
    """A photo that cannot be used, and the code that says why."""
    code, make = BAD[request.param]
    return code, _photo(make(), f"{request.param}.jpg")


def _people(gallery: Gallery) -> dict[str, int]:
    return {person.person_id: person.embeddings for person in gallery.people()}


def test_a_bad_photo_says_why_and_enrols_nobody(enroller: Enroller, gallery: Gallery, bad: tuple[str, Photo]) -> None:
    code, photo = bad
    with pytest.raises(NothingEnrolled) as refused:
        enroller.enrol("alice", [photo])
    rejected = refused.value.details["rejected"]
    assert isinstance(rejected, list)
    assert [(entry["filename"], entry["code"]) for entry in rejected] == [(photo.filename, code)]
    assert rejected[0]["message"].endswith(".")
    assert _people(gallery) == {}


def test_the_good_photos_of_a_call_are_kept_and_the_bad_ones_named(enroller: Enroller, gallery: Gallery) -> None:
    bad = [_photo(make(), name) for name, (_, make) in BAD.items()]
    second = _photo(jpeg(other_photos(person_crop(ALICE))[0]), "second.jpg")
    enrolment = enroller.enrol("alice", [bad[0], good(), *bad[1:], second])
    assert enrolment.embeddings == 2
    assert [(rejection.filename, rejection.reason.code) for rejection in enrolment.rejected] == [
        (name, code) for name, (code, _) in BAD.items()
    ]
    assert _people(gallery) == {"alice": 2}


def test_every_code_of_a_rejection_can_be_reached() -> None:
    codes = {kind.code for kind in ImageRejected.__subclasses__()}
    # What an upload can be refused for beyond its picture: the same photo again, and another person's face.
    assert {code for code, _ in BAD.values()} | {"duplicate", "identity_conflict"} >= codes


def test_a_photo_sent_twice_is_taken_once(enroller: Enroller, gallery: Gallery) -> None:
    enrolment = enroller.enrol("alice", [good(), _photo(good().data, "copy.jpg")])
    assert [(rejection.filename, rejection.reason.code) for rejection in enrolment.rejected] == [
        ("copy.jpg", "duplicate")
    ]
    assert _people(gallery) == {"alice": 1}


def test_a_photo_that_is_enrolled_already_is_a_duplicate(enroller: Enroller, gallery: Gallery) -> None:
    enroller.enrol("alice", [good()])
    with pytest.raises(NothingEnrolled) as refused:
        enroller.enrol("alice", [good()])
    assert "duplicate" in str(refused.value.details)
    assert _people(gallery) == {"alice": 1}


def test_without_an_id_a_new_person_is_made_each_time(enroller: Enroller, gallery: Gallery) -> None:
    made = {enroller.enrol(None, [good()]).person_id for _ in range(2)}
    assert _people(gallery) == dict.fromkeys(made, 1)
    assert len(made) == 2


@pytest.mark.parametrize("person_id", ["", " ", "a/b", "x" * 129])
def test_an_impossible_id_is_refused_before_any_photo_is_looked_at(
    enroller: Enroller, gallery: Gallery, person_id: str
) -> None:
    def photos() -> Iterator[Photo]:
        raise AssertionError("A photo was looked at.")
        yield

    with pytest.raises(InvalidField):
        enroller.enrol(person_id, photos())
    assert _people(gallery) == {}


def test_the_same_id_typed_differently_is_the_same_person(enroller: Enroller, gallery: Gallery) -> None:
    enroller.enrol("Ren\u00e9", [good()])
    enroller.enrol("Rene\u0301", [good(BOB)])
    assert _people(gallery) == {"Ren\u00e9": 2}
