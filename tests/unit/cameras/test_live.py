"""The newest picture of a camera, drawn for people."""

from datetime import UTC, datetime

import numpy as np
import pytest

from backend.cameras.live import LIVE_WIDTH, LiveView, drawn, message_jpeg
from backend.cameras.scene import Presence
from backend.domain.geometry import Box
from backend.vision.image import decode
from tests.unit.cameras.scripted import ScriptedFrame

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
GREEN, AMBER, GREY = (46, 204, 113), (243, 156, 18), (149, 165, 166)
BLACK = np.zeros((480, 640, 3), np.uint8)


@pytest.mark.parametrize(
    ("presence", "colour"),
    [
        (Presence(Box(100, 100, 80, 90), "alice", decided=True), GREEN),
        (Presence(Box(100, 100, 80, 90), None, decided=True), AMBER),
        (Presence(Box(100, 100, 80, 90)), GREY),
    ],
    ids=["somebody known", "somebody unknown", "not decided"],
)
def test_a_box_tells_by_its_colour_what_is_known(presence: Presence, colour: tuple[int, int, int]) -> None:
    picture = drawn(BLACK, [presence])
    assert tuple(picture[145, 100]) == tuple(picture[190, 140]) == colour
    assert tuple(picture[145, 140]) == (0, 0, 0)
    assert picture[80:100, 100:160].max() > 100


def test_a_large_picture_is_made_smaller_and_its_boxes_with_it() -> None:
    picture = drawn(np.zeros((2 * 540, 2 * LIVE_WIDTH, 3), np.uint8), [Presence(Box(200, 200, 160, 180), "alice")])
    assert picture.shape == (540, LIVE_WIDTH, 3)
    assert tuple(picture[145, 100]) == GREEN


def test_the_frame_itself_is_not_drawn_into() -> None:
    drawn(BLACK, [Presence(Box(100, 100, 80, 90), "alice")])
    assert not BLACK.any()


@pytest.mark.parametrize(
    "box", [Box(-50, -50, 80, 90), Box(600, 440, 80, 90), Box(10, 10, 0, 0), Box(5, 3, 5000, 9000)]
)
def test_a_box_may_lie_at_the_edge_and_beyond(box: Box) -> None:
    assert drawn(BLACK, [Presence(box, "Łukasz 李")]).shape == (480, 640, 3)


def test_a_picture_is_encoded_once_however_many_watch() -> None:
    view = LiveView()
    view.show(ScriptedFrame(NOON, 0.0, 7), [])
    assert view.newest is not None
    assert view.jpeg(view.newest) is view.jpeg(view.newest)
    view.show(ScriptedFrame(NOON, 1.0, 200), [])
    assert decode(view.jpeg(view.newest)).mean() == pytest.approx(200, abs=3)


def test_a_sentence_stands_where_there_is_no_picture() -> None:
    picture = decode(message_jpeg("Nothing answers at the camera's address."))
    assert picture.shape == (360, 640, 3)
    assert picture.max() > 150
