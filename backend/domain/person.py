"""People who are enrolled."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from backend.domain.errors import InvalidField

PERSON_ID_LENGTH = 128
_PUNCTUATION = frozenset(" ._-@")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody enrolled, and how many templates they have."""

    person_id: str
    embeddings: int
    created_at: datetime
    display_name: str | None = None
    """What messages call them; None where their id does."""
    note: str | None = None
    groups: tuple[str, ...] = ()
    """Sorted names of the groups that rules may be about."""


def composed(person_id: str) -> str:
    """The id in Unicode's composed form, which is how ids are kept: "é" may also come as "e" and an accent."""
    return unicodedata.normalize("NFC", person_id)


def checked_person_id(person_id: str) -> str:
    """The composed id, if it may be one: 1–128 letters of any script, digits, spaces and `._-@`.

    Raises InvalidField otherwise; an id of blanks alone is refused too.
    """
    kept = composed(person_id)
    if not kept.strip() or len(kept) > PERSON_ID_LENGTH or not all(map(_may_stand_in_id, kept)):
        raise InvalidField("person_id", "A person_id has 1–128 letters, digits, spaces or ._-@ and is not blank.")
    return kept


def _may_stand_in_id(character: str) -> bool:
    # Marks (M) belong to the letters of many scripts: vowel signs in Devanagari or Thai, for example.
    return character in _PUNCTUATION or unicodedata.category(character)[0] in "LM" or character.isdecimal()
