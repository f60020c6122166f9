"""The faces that the other tests rely on are there."""

import cv2
import numpy as np
import pytest

from tests.rig.photos import (
    CROP_SIZE,
    PEOPLE_IN_GROUP_PHOTO,
    astronaut,
    group_photo,
    jpeg,
    other_photos,
    person_crop,
)


def test_the_group_photo_and_the_portrait_have_their_known_sizes() -> None:
    assert group_photo().shape == (886, 1280, 3)
    assert astronaut().shape == (512, 512, 3)


def test_pictures_are_in_rgb_order() -> None:
    orange_suit = astronaut()[350, 150].astype(int)

    assert orange_suit[0] > orange_suit[2]


@pytest.mark.parametrize("index", range(PEOPLE_IN_GROUP_PHOTO))
def test_every_crop_lies_wholly_in_the_group_photo(index: int) -> None:
    width, height = CROP_SIZE

    assert person_crop(index).shape == (height, width, 3)


def test_other_photos_of_a_person_all_differ() -> None:
    photos = [person_crop(2), *other_photos(person_crop(2))]

    assert len({jpeg(photo) for photo in photos}) == 7


def test_a_jpeg_shows_the_picture_again() -> None:
    decoded = cv2.imdecode(np.frombuffer(jpeg(astronaut()), np.uint8), cv2.IMREAD_COLOR_RGB)

    assert decoded is not None
    assert np.abs(decoded.astype(int) - astronaut()).mean() < 5
