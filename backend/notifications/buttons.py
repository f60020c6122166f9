"""What a person can answer to a message by pressing a button; pure."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from backend.domain.sighting import Sighting

_NAME_LENGTH = 40
"""Phones cut longer words on a button off."""


class Wish(StrEnum):
    """What a button stands for."""

    NAME = "name"
    IGNORE = "ignore"
    MUTE = "mute"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Button:
    """A button below a message: its words, and at most 64 bytes that come back when it is pressed."""

    text: str
    data: str


def buttons_of(sighting: Sighting, called: str | None = None) -> tuple[Button, ...]:
    """The buttons below the message about a sighting, of somebody who is `called` so."""
    wishes: tuple[tuple[Wish, str], ...]
    if sighting.person_id is None:
        wishes = ((Wish.NAME, "Who is it?"), (Wish.IGNORE, "Ignore this person"), (Wish.MUTE, "Mute 1 h"))
    else:
        name = called or sighting.person_id
        shown = name if len(name) <= _NAME_LENGTH else f"{name[:_NAME_LENGTH]}…"
        wishes = ((Wish.DENY, f"Not {shown}"), (Wish.MUTE, "Mute 1 h"))
    # The visit may get another name while somebody looks at the old one: the button says which it stood below.
    named = mark_of(sighting.person_id)
    return tuple(Button(text, f"{wish}:{sighting.sighting_id}:{named}") for wish, text in wishes)


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a pressed button asks for, of which sighting, and the mark of the person it had then."""

    wish: Wish
    sighting_id: str
    named: str


def pressed(data: str) -> Pressed | None:
    """What a button's data asks for; None for data that is none of ours."""
    wish, sighting_id, named = (*data.split(":"), "", "")[:3]
    return Pressed(Wish(wish), sighting_id, named) if wish in set(Wish) and sighting_id else None


def mark_of(person_id: str | None) -> str:
    """What stands for a person in the little room that a button's data have; nothing for nobody."""
    return "" if person_id is None else sha256(person_id.encode()).hexdigest()[:12]
