"""Sightings: one person, or one unknown, at one camera, from–until."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from backend.domain.face import Template
from backend.domain.geometry import Box
from backend.domain.identity import Decision


@dataclass(frozen=True, slots=True)
class Sighting:
    """One pass of one person before one camera."""

    sighting_id: str
    camera_id: str
    camera_nickname: str
    """The camera's name at the time, kept for when the camera is gone."""
    person_id: str | None
    """None for somebody unknown."""
    similarity: float | None
    """Cosine to that person, or to the nearest one where unknown; None with an empty gallery."""
    threshold: float
    started_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    """None while the person is still in the picture."""
    looks: int
    """How many times the face was looked at."""
    picture: str | None
    """The key of the best picture in the snapshot folder; None where it could not be written."""
    face_box: Box
    """Where the face is in that picture."""


class EventKind(StrEnum):
    """What happened to a sighting."""

    BEGAN = "sighting_began"
    NAMED = "sighting_named"
    """It is another person than was thought, or somebody where it was nobody."""
    ENDED = "sighting_ended"


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a sighting rests on at the moment when its rules are asked."""

    decision: Decision
    template: Template
    """The average of the best looks."""
    looks: int
    quality: float
    """Of the best look, 0–1."""
    qualities: tuple[float, ...] = ()
    """Of the looks that the average is made of, 0–1, the best first."""


@dataclass(frozen=True, slots=True)
class SightingFilter:
    """Which sightings to list; what is left as it is does not narrow."""

    camera_id: str | None = None
    person_id: str | None = None
    unknown_only: bool = False
    since: datetime | None = None
    until: datetime | None = None
