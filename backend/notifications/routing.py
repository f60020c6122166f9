"""Which channels are told of a sighting, asked inside the transaction that writes it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from backend.domain.camera import Camera
from backend.domain.face import Template
from backend.domain.sighting import Sighting
from backend.notifications.rules import should_tell
from backend.storage import outbox
from backend.storage.database import Transaction


def channels_to_tell(tx: Transaction, sighting: Sighting, template: Template, camera: Camera) -> Sequence[str]:
    """The ids of the channels to tell: the camera's own, at most once per person and cooldown."""
    if camera.channel_id is None:
        return ()
    told = outbox.told_since(tx, camera.camera_id, datetime.now(UTC) - timedelta(seconds=camera.cooldown_seconds))
    wanted = should_tell(sighting.person_id, template, told, notify_unknown=camera.notify_unknown)
    return (camera.channel_id,) if wanted else ()
