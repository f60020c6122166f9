"""What a message says and shows."""

from datetime import timedelta, timezone

import cv2
import numpy as np
import pytest

from backend.domain.errors import ImageRejected
from backend.domain.geometry import Box, RgbImage
from backend.notifications.message import boxed, compose
from backend.vision.image import decode
from tests.rig.photos import jpeg, person_crop
from tests.unit.notifications.situations import FACE, a_sighting

ZONE = timezone(timedelta(hours=2), "EET")
PICTURE = jpeg(person_crop(2))


def grey(width: int, height: int) -> RgbImage:
    return np.full((height, width, 3), 128, np.uint8)


def changed(before: RgbImage, after: RgbImage) -> RgbImage:
    """Where two pictures differ by more than compression makes them, as height × width of 0 and 1."""
    return np.asarray(np.abs(before.astype(int) - after.astype(int)).max(axis=2) > 60, np.uint8)


def test_it_says_who_where_when_in_the_given_zone_and_how_alike() -> None:
    lines = compose(a_sighting("alice"), PICTURE, ZONE).text.splitlines()
    assert lines == ["alice at Front door", "Sunday 22 November 2026, 14:00:05 EET", "similarity 0.71"]


def test_without_a_zone_it_tells_the_servers_own_time() -> None:
    local = a_sighting().started_at.astimezone()
    assert f"{local:%H:%M:%S}" in compose(a_sighting(), PICTURE, None).text


def test_a_stranger_is_never_given_the_nearest_name() -> None:
    text = compose(a_sighting(None, similarity=0.31), PICTURE, ZONE).text
    assert text.startswith("Somebody unknown at Front door\n")
    assert text.endswith("nearest person: similarity 0.31")


def test_with_nobody_enrolled_there_is_no_similarity_to_tell() -> None:
    assert "similarity" not in compose(a_sighting(None, similarity=None), PICTURE, ZONE).text


@pytest.mark.parametrize("picture", [None, b"", b"\xff\xd8\xff cut off"], ids=["gone", "empty", "broken"])
def test_a_picture_that_cannot_be_shown_keeps_no_news_back(picture: bytes | None) -> None:
    message = compose(a_sighting("alice"), picture, ZONE)
    assert message.picture is None
    assert message.text.startswith("alice at Front door\n")
    assert message.text.endswith("There is no picture of it.")


def test_the_picture_shows_the_face_with_a_frame_and_is_otherwise_as_it_was() -> None:
    message = compose(a_sighting(), PICTURE, ZONE)
    assert message.picture is not None
    drawn = changed(decode(PICTURE), decode(message.picture))
    rows, columns = np.nonzero(drawn)
    around = (columns.min(), rows.min(), columns.max(), rows.max())
    assert np.allclose(around, (FACE.x, FACE.y, FACE.right, FACE.bottom), atol=4)
    assert not drawn[70:160, 80:150].any()


@pytest.mark.parametrize(
    ("size", "shown"), [((3840, 2160), (1280, 720)), ((1080, 1920), (720, 1280)), ((64, 64), (64, 64))]
)
def test_large_pictures_shrink_to_what_a_phone_shows(size: tuple[int, int], shown: tuple[int, int]) -> None:
    picture = decode(boxed(jpeg(grey(*size)), Box(1, 1, 20, 20)))
    assert picture.shape[1::-1] == shown


def test_the_frame_shrinks_with_the_picture() -> None:
    picture = decode(boxed(jpeg(grey(2560, 1440)), Box(1000, 400, 300, 400)))
    rows, columns = np.nonzero(changed(grey(1280, 720), picture))
    assert np.allclose((columns.min(), rows.min(), columns.max(), rows.max()), (500, 200, 650, 400), atol=5)


@pytest.mark.parametrize("box", [Box(-50, -50, 120, 120), Box(150, 200, 500, 500), Box(900, 900, 10, 10)])
def test_a_face_at_or_beyond_the_edge_breaks_nothing(box: Box) -> None:
    assert decode(boxed(PICTURE, box)).shape == person_crop(2).shape


def test_the_worst_picture_stays_far_below_ten_megabytes() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2160, 3840, 3), dtype=np.uint8)
    written, encoded = cv2.imencode(".png", noise)
    assert written
    assert len(boxed(encoded.tobytes(), FACE)) < 3_000_000


def test_bytes_that_are_no_picture_cannot_be_boxed() -> None:
    with pytest.raises(ImageRejected):
        boxed(b"no picture", FACE)
