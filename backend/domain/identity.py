"""The answer to "who is this?": candidates first, then one decision."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person of the gallery and the probe's similarity to their best template (cosine, higher is more alike)."""

    person_id: str
    similarity: float


class Verdict(StrEnum):
    """What was decided about one face."""

    MATCH = "match"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    """Two people of the gallery are too alike to this face to tell which it is."""
    LOW_QUALITY = "low_quality"
    """The face is too small, blurred or turned away to say anything of it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on one face, and the figures it rests on."""

    verdict: Verdict
    threshold: float
    """The similarity from which a candidate was accepted."""
    candidates: tuple[Candidate, ...] = ()
    """The most alike people, best first, each once."""

    @property
    def person_id(self) -> str | None:
        """The person it is, or None for anything but a match."""
        return self.candidates[0].person_id if self.verdict is Verdict.MATCH else None

    @property
    def similarity(self) -> float | None:
        """The best candidate's similarity, whatever the verdict; None where the gallery is empty."""
        return self.candidates[0].similarity if self.candidates else None

    @property
    def margin(self) -> float | None:
        """How much more alike the best candidate is than the second; None with fewer than two people."""
        if len(self.candidates) < 2:
            return None
        return self.candidates[0].similarity - self.candidates[1].similarity
