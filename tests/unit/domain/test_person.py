"""Which ids people may have."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.errors import InvalidField
from backend.domain.person import checked_person_id, composed


@pytest.mark.parametrize(
    "person_id",
    [
        "alice",
        "Alice B. 2",
        "a",
        "7",
        "a_b-c.d@example",
        "Ærøskøbing",
        "Ελένη",
        "Олена",
        "אבא",
        "جدة",
        "दादी",  # a vowel sign is a mark, not a letter
        "คุณแม่",
        "妈妈",
        "おばあさん",
        "엄마",
        "๔๒",
        "x" * 128,
        "ü" * 128,
    ],
)
def test_letters_and_digits_of_any_script_may_stand_in_an_id(person_id: str) -> None:
    assert checked_person_id(person_id) == unicodedata.normalize("NFC", person_id)


@pytest.mark.parametrize(
    "person_id",
    [
        "",
        " ",
        "   ",
        "x" * 129,
        "../etc",
        "a/b",
        "a\\b",
        "a\nb",
        "a\tb",
        "a\x00b",
        "a\x7fb",
        "a\u200bb",  # zero-width space
        "a\u202eb",  # turns what follows around
        "a\u00a0b",  # a space, but not the one
        "a,b",
        "a:b",
        "<b>",
        "a'b",
        "²",
        "🙂",
        "\ud800",
    ],
)
def test_nothing_else_may(person_id: str) -> None:
    with pytest.raises(InvalidField) as refused:
        checked_person_id(person_id)
    assert refused.value.details["field"] == "person_id"


def test_an_id_is_kept_in_composed_form_however_it_was_typed() -> None:
    assert checked_person_id("Rene\u0301") == checked_person_id("Ren\u00e9") == "Ren\u00e9"


def test_the_length_is_counted_in_the_form_that_is_kept() -> None:
    assert len(checked_person_id("e\u0301" * 128)) == 128


@given(st.text(max_size=140))
def test_an_id_is_refused_or_kept_in_a_form_that_is_kept_again(text: str) -> None:
    try:
        kept = checked_person_id(text)
    except InvalidField:
        return
    assert checked_person_id(kept) == composed(text) == kept
