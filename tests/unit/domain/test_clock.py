"""When a day began, also on the two days of the year that are not 24 hours long."""

import time
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from backend.domain.clock import start_of_day

BERLIN = "Europe/Berlin"
DAYS = {
    "an ordinary day": ("2026-11-25T12:00:00Z", "2026-11-24T23:00:00Z"),
    "the day on which summer time ends": ("2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z"),
    "the day on which it begins": ("2027-03-28T12:00:00Z", "2027-03-27T23:00:00Z"),
    "the hour after that midnight": ("2027-03-27T23:30:00Z", "2027-03-27T23:00:00Z"),
}


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's own zone is Berlin's."""
    monkeypatch.setenv("TZ", BERLIN)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(("moment", "began"), DAYS.values(), ids=DAYS.keys())
@pytest.mark.parametrize("zone", [None, ZoneInfo(BERLIN)])
def test_a_day_begins_at_its_own_midnight(zone: ZoneInfo | None, moment: str, began: str) -> None:
    assert start_of_day(datetime.fromisoformat(moment), zone) == datetime.fromisoformat(began)
