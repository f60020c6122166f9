"""What others say about a message is told without its secrets."""

import pytest

from backend.notifications.masking import masked

HOOK = "https://user:pass%20word@example.org/services/T0AB/s3cr%2Fet?key=abcdef&on=1"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Cannot POST /services/T0AB/s3cr%2Fet", "Cannot POST ***"),
        ("no such service: s3cr/et", "no such service: ***"),
        ("key abcdef is unknown", "key *** is unknown"),
        ("pass word is wrong", "*** is wrong"),
        (f"moved from {HOOK}", "moved from ***"),
        ("example.org says no 1", "example.org says no 1"),
    ],
)
def test_no_part_of_an_address_is_repeated_but_its_host(said: str, told: str) -> None:
    assert masked(said, [HOOK]) == told


def test_a_secret_that_is_no_address_is_masked_wherever_it_stands() -> None:
    assert masked("by abc: abc", ["abc", None, ""]) == "by ***: ***"
