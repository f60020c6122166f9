"""Whether a sighting is worth a message; pure, so that every case can be drawn in a test."""

from collections.abc import Iterable

from backend.domain.face import Template

SAME_STRANGER = 0.45
"""The similarity from which two strangers are held to be one person, for whom one message is enough.

Between SFace's usual threshold for one pair of photos (0.363) and the one at which 1 % of strangers are taken for
somebody in a gallery of 1,680 people (0.482): a cooldown sees few strangers, but missing one is worse than telling
of one twice.
"""


def should_tell(
    person_id: str | None, template: Template, told: Iterable[tuple[str | None, Template]], *, notify_unknown: bool
) -> bool:
    """Whether to send a message about somebody, where `told` are those told about within the camera's cooldown.

    A known person is told unless already told. A stranger (`person_id` None) is told only where the camera asks for
    strangers, and unless a stranger who looks the same is already told.
    """
    if person_id is not None:
        return all(person_id != other for other, _ in told)
    return notify_unknown and not any(other is None and _same_stranger(template, look) for other, look in told)


def _same_stranger(one: Template, other: Template) -> bool:
    # After a change of the model nothing is known of who was told before: better one message too many.
    return one.model == other.model and one.similarity(other) >= SAME_STRANGER
