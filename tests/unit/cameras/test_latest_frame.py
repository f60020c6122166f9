"""The one slot between a camera's reader and its processor."""

import threading

from backend.cameras.latest_frame import LatestFrame


def test_what_was_put_is_taken_once() -> None:
    slot: LatestFrame[str] = LatestFrame()
    assert slot.put("one")
    assert slot.take(1.0) == "one"
    assert slot.take(0.0) is None


def test_the_newest_wins_and_overtaking_is_told() -> None:
    slot: LatestFrame[str] = LatestFrame()
    slot.put("one")
    assert not slot.put("two")
    assert slot.take(1.0) == "two"
    assert slot.put("three")


def test_a_waiting_processor_is_woken_by_a_frame() -> None:
    slot: LatestFrame[str] = LatestFrame()
    threading.Timer(0.05, slot.put, ["late"]).start()
    assert slot.take(10.0) == "late"


def test_a_waiting_processor_is_woken_by_the_end() -> None:
    slot: LatestFrame[str] = LatestFrame()
    threading.Timer(0.05, slot.close).start()
    assert slot.take(10.0) is None
