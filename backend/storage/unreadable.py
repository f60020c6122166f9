"""Cameras and channels whose secrets cannot be read, since their key is lost: found, and forgotten."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select, update

from backend.domain.audit import Deed
from backend.domain.errors import StorageError
from backend.storage import audit, channels
from backend.storage import cameras as camera_rows
from backend.storage.database import Transaction
from backend.storage.tables import cameras as camera_table
from backend.storage.tables import channels as channel_table


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What is encrypted with another key than the database's."""

    cameras: Mapping[str, str]
    """The nickname of each, by its id."""
    channels: Mapping[str, str | None]
    """The name of each, by its id; None for a camera's own."""


def find(tx: Transaction) -> Unreadable:
    """Which cameras and channels cannot be read."""
    cameras = tx.execute(select(camera_table).order_by(camera_table.c.nickname)).all()
    channels = tx.execute(select(channel_table).order_by(channel_table.c.channel_id)).all()
    return Unreadable(
        {
            row.camera_id: row.nickname
            for row in cameras
            if not (_opens(tx, row.encrypted_link) and _opens(tx, row.encrypted_detail_link))
        },
        {row.channel_id: row.name for row in channels if not _opens(tx, row.encrypted_settings)},
    )


def forget(tx: Transaction, lost: Unreadable) -> None:
    """Remove these cameras and channels, as somebody might one by one; sightings and rules stay."""
    for camera_id, nickname in lost.cameras.items():
        camera_rows.remove(tx, camera_id)
        audit.note(tx, Deed.CAMERA_REMOVED, camera_id, nickname=nickname)
    # A camera that can be read goes on without the channel that cannot.
    tx.execute(update(camera_table).where(camera_table.c.channel_id.in_(lost.channels)).values(channel_id=None))
    for channel_id, name in lost.channels.items():
        channels.remove(tx, channel_id)
        if name is not None:
            audit.note(tx, Deed.CHANNEL_REMOVED, channel_id, name=name)


def _opens(tx: Transaction, secret: str | None) -> bool:
    if secret is None:
        return True
    try:
        tx.secrets.decrypt(secret)
    except StorageError:
        return False
    return True
