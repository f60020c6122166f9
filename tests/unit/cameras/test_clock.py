"""The time of a camera's pictures."""

from datetime import UTC, datetime, timedelta

from backend.cameras.clock import SteadyClock

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Clocks:
    """A wall clock that somebody may set, beside seconds that only go forward."""

    def __init__(self) -> None:
        self.wall, self.steady = NOON, 1000.0

    def pass_by(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.steady += seconds

    def clock(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall, lambda: self.steady)


def test_it_tells_the_time_of_day_of_any_moment() -> None:
    assert Clocks().clock().at(1010.5) == NOON + timedelta(seconds=10.5)


def test_a_clock_set_back_an_hour_does_not_change_what_is_going_on() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    clocks.pass_by(10)
    clocks.wall -= timedelta(hours=1)
    clocks.pass_by(10)
    assert clock.at(clocks.steady) == NOON + timedelta(seconds=20)


def test_once_nobody_is_watched_it_follows_the_new_time() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    clocks.wall -= timedelta(hours=1)
    clock.follow()
    assert clock.at(clocks.steady) == NOON - timedelta(hours=1)
