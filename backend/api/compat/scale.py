"""Our similarities on the scales that other servers' clients judge by."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Two straight lines, from 0 to the threshold and from there to 1: what is enough here is enough there."""

    ours: float
    """The similarity from which this server says "the same", 0–1."""
    theirs: float
    """What a client of the other server takes for "the same" where nobody told it otherwise, 0–1."""

    def outward(self, similarity: float) -> float:
        """One of our similarities as the client understands it, 0–1."""
        return _along(similarity, self.ours, self.theirs)

    def inward(self, confidence: float) -> float:
        """What a client asks for as one of our similarities, 0–1."""
        return _along(confidence, self.theirs, self.ours)


def _along(value: float, knee: float, height: float) -> float:
    if value < knee:
        return max(0.0, value) * height / knee
    # A threshold of 1 leaves no second line.
    return 1.0 if knee >= 1 else min(1.0, height + (value - knee) * (1 - height) / (1 - knee))
