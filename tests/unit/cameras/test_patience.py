"""How long a camera is left alone after a failure."""

import pytest

from backend.cameras.patience import Backoff, Patience
from backend.domain.errors import StreamTimeout, StreamUnauthorised

GONE = StreamTimeout("The camera does not send anything.")
REFUSED = StreamUnauthorised("The camera refuses the user name or password.")


def test_each_failure_doubles_the_wait_up_to_the_longest() -> None:
    backoff = Backoff(Patience())
    waits = [backoff.delay(GONE, 0) for _ in range(8)]
    for wait, most in zip(waits, [1, 2, 4, 8, 16, 30, 30, 30], strict=True):
        assert most / 2 <= wait <= most


def test_waits_differ_so_that_cameras_do_not_all_come_back_at_once() -> None:
    assert len({Backoff(Patience()).delay(GONE, 0) for _ in range(20)}) > 10


def test_a_minute_of_pictures_makes_earlier_failures_forgotten_and_less_does_not() -> None:
    backoff = Backoff(Patience())
    for _ in range(5):
        backoff.delay(GONE, 0)
    assert backoff.delay(GONE, 59) > 10
    assert backoff.delay(GONE, 60) <= 1


def test_wrong_credentials_are_tried_again_in_five_minutes() -> None:
    assert Backoff(Patience()).delay(REFUSED, 0) == 300


@pytest.mark.parametrize("failures", [100, 5000])
def test_a_camera_that_is_gone_for_years_is_still_tried(failures: int) -> None:
    backoff = Backoff(Patience())
    assert all(backoff.delay(GONE, 0) <= 30 for _ in range(failures))
