"""What a person can answer to a message by pressing a button; pure."""

from dataclasses import dataclass
from enum import StrEnum

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
    return tuple(Button(text, f"{wish}:{sighting.sighting_id}") for wish, text in wishes)


def wish_of(data: str) -> tuple[Wish, str] | None:
    """What a button's data asks for, and of which sighting; None for data that is none of ours."""
    wish, _, sighting_id = data.partition(":")
    return (Wish(wish), sighting_id) if wish in set(Wish) and sighting_id else None
