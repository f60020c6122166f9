"""Why somebody was told of a sighting, or why not: what was known, and what the rules made of it."""

from dataclasses import dataclass
from datetime import datetime

from backend.domain.identity import Decision
from backend.domain.rule import Ruling


@dataclass(frozen=True, slots=True)
class RulingRecord:
    """One time when the rules were asked about a sighting: when it began, and when its name changed."""

    decided_at: datetime
    decision: Decision
    looks: int
    quality: float
    """Of the best look, 0–1."""
    ruling: Ruling
    qualities: tuple[float, ...] = ()
    """Of the looks that the decision rests on, 0–1, the best first; empty where that was not kept."""
