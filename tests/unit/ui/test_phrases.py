"""Words for numbers and times, and other people's text made harmless."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backend.ui.phrases import ago, clock, count, duration, plain, zone

NOON = datetime(2026, 5, 3, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=2), "just now"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=23), "23 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=12), "12 days ago"),
    ],
)
def test_what_has_passed_is_told_in_the_largest_fitting_unit(passed: timedelta, words: str) -> None:
    assert ago(NOON - passed, NOON) == words


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (NOON, "today 14:00:00"),
        (NOON - timedelta(hours=15), "yesterday 23:00:00"),
        (NOON - timedelta(days=2), "1 May 2026, 14:00:00"),
    ],
)
def test_a_moment_is_told_in_the_clock_of_the_person_who_looks(moment: datetime, words: str) -> None:
    assert clock(moment, ZoneInfo("Europe/Berlin"), NOON) == words


@pytest.mark.parametrize("name", [None, "", "No/Where", "../../etc/passwd"])
def test_an_unknown_zone_is_utc(name: str | None) -> None:
    assert NOON.astimezone(zone(name)).utcoffset() == timedelta()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (4.4, "4 s"), (60, "1 min"), (125, "2 min 5 s"), (3600, "1 h"), (4200, "1 h 10 min")],
)
def test_a_length_of_time_is_told_in_at_most_two_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_number_agrees_with_its_noun() -> None:
    assert [count(number, "photo") for number in (0, 1, 2000)] == ["0 photos", "1 photo", "2,000 photos"]
    assert count(2, "person", "people") == "2 people"


@pytest.mark.parametrize("text", ["**a**", "![a](b)", "<b>", "[a](b)", "$a$", "`a`", ":red[a]", "# a", "a_b_c"])
def test_every_sign_that_markdown_reads_is_escaped(text: str) -> None:
    signs = [place for place, character in enumerate(text) if not character.isalnum() and character != " "]
    assert len(signs) > 0
    escaped = plain(text).replace(":small[]", "")
    assert escaped == "".join(f"\\{c}" if place in signs else c for place, c in enumerate(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a@b.example", "a\\@:small[]b\\.example"),
        ("http://b", "http\\::small[]\\/\\/b"),
        ("www.b.example", "www:small[]\\.b\\.example"),
    ],
)
def test_what_would_become_a_link_is_read_as_two_words(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_lines_are_joined_so_that_no_text_opens_a_paragraph() -> None:
    assert plain(" a\n\n  b\t") == "a b"
