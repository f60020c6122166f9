"""What is to be silent until a time."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select

from backend.domain.face import Template
from backend.domain.rule import Mute
from backend.storage.database import Transaction
from backend.storage.embeddings import from_bytes, to_bytes
from backend.storage.tables import mutes


def add(tx: Transaction, mute: Mute) -> None:
    """Keep a new mute."""
    look = mute.look
    tx.execute(
        insert(mutes).values(
            mute_id=mute.mute_id,
            until=mute.until,
            rule_id=mute.rule_id,
            camera_id=mute.camera_id,
            person_id=mute.person_id,
            model=None if look is None else look.model,
            embedding=None if look is None else to_bytes(look.embedding),
        )
    )


def remove(tx: Transaction, mute_id: str) -> bool:
    """End a mute early; False where there is none of that id."""
    return tx.execute(delete(mutes).where(mutes.c.mute_id == mute_id)).rowcount > 0


def lasting(tx: Transaction, moment: datetime) -> tuple[Mute, ...]:
    """The mutes that last beyond a moment, the oldest first."""
    query = select(mutes).where(mutes.c.until > moment).order_by(mutes.c.mute_id)
    return tuple(_mute(row) for row in tx.execute(query))


def remove_past(tx: Transaction, moment: datetime) -> None:
    """Forget the mutes that ended before a moment."""
    tx.execute(delete(mutes).where(mutes.c.until <= moment))


def _mute(row: Row[Any]) -> Mute:
    look = None if row.embedding is None else Template(from_bytes(row.embedding), row.model)
    return Mute(row.mute_id, row.until, row.rule_id, row.camera_id, row.person_id, look)
