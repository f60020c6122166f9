"""The one deadline of a shutdown."""

from types import SimpleNamespace
from unittest.mock import Mock, patch

from backend.container.ending import Ending

AN_HOUR = 3600.0


def test_what_ends_later_has_less_time_left() -> None:
    clock = SimpleNamespace(monotonic=Mock(side_effect=[AN_HOUR, AN_HOUR + 3.0, AN_HOUR + 5.0]))
    # For that module alone: other threads of this process ask the time, too.
    with patch("backend.container.ending.time", clock):
        ending = Ending(4.0)
        # The server ran for an hour; the first that ends begins to count.
        assert [ending.left(), ending.left(), ending.left()] == [4.0, 1.0, 0.0]


def test_work_is_waited_for_less_long_than_connections() -> None:
    ending = Ending(AN_HOUR)
    assert 0 < ending.left_for_work() < ending.left()


def test_what_is_kept_back_is_never_less_than_nothing() -> None:
    assert Ending(1.0).left(kept_back=2.0) == 0.0
