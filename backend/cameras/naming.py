"""Who has a name that several faces claim: pure. Faces that were in the picture together are never one person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backend.domain.face import Template

HOLDER_BONUS = 0.1
"""How much more alike a second face must be to take a name from the face that has it."""
REFLECTED = 0.65
"""Two faces in one picture that are at least this alike (cosine) are somebody and their mirror image or portrait.

Of 119 good faces of the test videos 99 % are at least 0.64 alike to their own mirror image, 95 % 0.81. Of LFW's pairs
of strangers fewer than one in a million are. Of twins who come together only one is told of.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """A face that looks like a person."""

    track_id: int
    person_id: str
    similarity: float
    held: bool
    """Whether the face has the name already."""
    first_seen: float
    last_seen: float
    template: Template

    def reflects(self, other: "Claim") -> bool:
        """Whether this is, in a way, the other face once more."""
        return self.template.similarity(other.template) >= REFLECTED

    def yields_to(self, other: "Claim") -> bool:
        """Whether the other face has the better claim on the same name; of equals the one that came first."""
        beside = self.first_seen <= other.last_seen and other.first_seen <= self.last_seen
        if other is self or other.person_id != self.person_id or not beside:
            return False
        # It makes no difference which of the two has the name, so it stays where it is.
        bonus = 2.0 if self.reflects(other) else HOLDER_BONUS
        return other._rank(bonus) > self._rank(bonus)  # noqa: SLF001 - another of this class

    def _rank(self, bonus: float) -> tuple[float, float, int]:
        return self.similarity + bonus * self.held, -self.first_seen, -self.track_id


@dataclass(frozen=True, slots=True)
class Loss:
    """A face that does not get the name it claims."""

    track_id: int
    person_id: str
    is_reflection: bool
    """Whether it is the person after all, in a mirror: then it is nobody else either."""


def losses(claims: Sequence[Claim]) -> Iterator[Loss]:
    """The claims on names that another face, seen in the same span of time, has a better claim on."""
    for claim in claims:
        winners = [other for other in claims if claim.yields_to(other)]
        if winners:
            yield Loss(claim.track_id, claim.person_id, any(claim.reflects(winner) for winner in winners))
