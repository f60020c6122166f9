"""Cameras that send and yet show nothing."""

from contextlib import suppress

import pytest

from backend.cameras.patience import Patience
from backend.cameras.watchdog import Watchdog
from backend.domain.errors import StreamTimeout, StreamUnreadable

PATIENCE = Patience(frozen_after=60, longest_frozen=200, undecodable_after=20)


def seconds_until_frozen(watchdog: Watchdog, fingerprint: int, start: float) -> int:
    watchdog.begin()
    second = 0
    with suppress(StreamTimeout):
        while second < 10_000:
            watchdog.see_picture(fingerprint, start + second)
            second += 1
    return second


def test_a_picture_that_stays_the_same_in_every_pixel_for_a_minute_is_frozen() -> None:
    watchdog = Watchdog(PATIENCE)
    assert seconds_until_frozen(watchdog, 1, start=5.0) == 61
    with pytest.raises(StreamTimeout, match="repeats one picture"):
        watchdog.see_picture(1, 500.0)


def test_a_picture_that_changes_once_in_a_while_is_not() -> None:
    watchdog = Watchdog(PATIENCE)
    watchdog.begin()
    for second in range(600):
        watchdog.see_picture(second // 50, second)


def test_a_scene_that_is_the_same_after_reconnecting_is_given_longer_each_time_up_to_a_limit() -> None:
    watchdog = Watchdog(PATIENCE)
    waits = [seconds_until_frozen(watchdog, 1, start) for start in (0, 1000, 2000, 3000)]
    assert waits == [61, 121, 201, 201]


def test_a_scene_that_moves_again_is_watched_as_closely_as_before() -> None:
    watchdog = Watchdog(PATIENCE)
    seconds_until_frozen(watchdog, 1, start=0)
    watchdog.begin()
    watchdog.see_picture(2, 1000)
    watchdog.see_picture(3, 1001)
    assert seconds_until_frozen(watchdog, 4, start=2000) == 61


def test_data_that_are_no_pictures_for_twenty_seconds_are_unreadable() -> None:
    watchdog = Watchdog(PATIENCE)
    watchdog.begin()
    watchdog.see_data(0)
    watchdog.see_data(20)
    with pytest.raises(StreamUnreadable, match="cannot be decoded"):
        watchdog.see_data(21)


def test_a_picture_now_and_then_is_enough() -> None:
    watchdog = Watchdog(PATIENCE)
    watchdog.begin()
    for second in range(200):
        watchdog.see_data(second)
        if second % 15 == 0:
            watchdog.see_decoded(second)
