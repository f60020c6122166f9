"""The places between a camera's reader and its processor."""

import threading

from backend.cameras.latest_frame import LatestFrames


def test_what_was_put_is_taken_once() -> None:
    slot: LatestFrames[str] = LatestFrames()
    assert slot.put("one")
    assert slot.take(1.0) == "one"
    assert slot.take(0.0) is None


def test_what_waits_is_taken_in_its_order() -> None:
    slot: LatestFrames[str] = LatestFrames()
    assert [slot.put(name) for name in ("one", "two", "three", "four")] == [True] * 4
    assert [slot.take(1.0) for _ in range(4)] == ["one", "two", "three", "four"]


def test_the_newest_win_and_overtaking_is_told() -> None:
    slot: LatestFrames[str] = LatestFrames()
    told = [slot.put(name) for name in ("one", "two", "three", "four", "five", "six")]
    assert told == [True, True, True, True, False, False]
    assert [slot.take(1.0) for _ in range(4)] == ["three", "four", "five", "six"]
    assert slot.take(0.0) is None
    assert slot.put("seven")


def test_a_waiting_processor_is_woken_by_a_frame() -> None:
    slot: LatestFrames[str] = LatestFrames()
    threading.Timer(0.05, slot.put, ["late"]).start()
    assert slot.take(10.0) == "late"


def test_a_waiting_processor_is_woken_by_the_end() -> None:
    slot: LatestFrames[str] = LatestFrames()
    threading.Timer(0.05, slot.close).start()
    assert slot.take(10.0) is None
