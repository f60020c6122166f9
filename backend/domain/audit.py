"""What the audit log keeps: who changed what, when, from where."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from backend.domain.access import Actor

Fact: TypeAlias = str | int | bool | None


class Deed(StrEnum):
    """What can be done that the audit log tells of."""

    PERSON_CREATED = "person.created"
    PERSON_ENROLLED = "person.enrolled"
    PERSON_CHANGED = "person.changed"
    PERSON_RENAMED = "person.renamed"
    PERSON_MERGED = "person.merged"
    PERSON_REMOVED = "person.removed"
    PERSON_DENIED = "person.denied"
    FACE_REMOVED = "face.removed"
    GALLERY_EXPORTED = "gallery.exported"
    GALLERY_IMPORTED = "gallery.imported"
    SIGHTING_NAMED = "sighting.named"
    CAMERA_SCHEDULED = "camera.scheduled"
    CAMERA_CHANGED = "camera.changed"
    CAMERA_REMOVED = "camera.removed"
    RULE_ADDED = "rule.added"
    RULE_CHANGED = "rule.changed"
    RULE_REMOVED = "rule.removed"
    MUTE_ADDED = "mute.added"
    MUTE_REMOVED = "mute.removed"
    ARMING_CHANGED = "arming.changed"
    CHANNEL_ADDED = "channel.added"
    CHANNEL_CHANGED = "channel.changed"
    CHANNEL_REMOVED = "channel.removed"
    DELIVERY_RETRIED = "delivery.retried"
    MODEL_CHANGED = "model.changed"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done."""

    audit_id: str
    done_at: datetime
    actor: Actor
    deed: Deed
    subject: str
    """The id of what it was done to."""
    facts: Mapping[str, Fact]
    """What else is worth knowing; never a secret."""
