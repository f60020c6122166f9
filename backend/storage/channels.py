"""The configured destinations of messages; what reaches them is encrypted."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select, update

from backend.domain.notification import Channel, ChannelKind, DeliveryState
from backend.storage.database import Transaction
from backend.storage.ids import new_id
from backend.storage.tables import cameras, channels, deliveries


def add(tx: Transaction, kind: ChannelKind, settings: Mapping[str, str]) -> str:
    """Keep a new channel; answers its id."""
    channel_id = new_id()
    tx.execute(
        insert(channels).values(
            channel_id=channel_id,
            kind=kind,
            encrypted_settings=_encrypted(tx, settings),
            created_at=datetime.now(UTC),
        )
    )
    return channel_id


def change(tx: Transaction, channel_id: str, settings: Mapping[str, str]) -> None:
    """Give a channel new settings; its waiting messages go there from now on."""
    tx.execute(
        update(channels).where(channels.c.channel_id == channel_id).values(encrypted_settings=_encrypted(tx, settings))
    )


def find(tx: Transaction, channel_id: str) -> Channel | None:
    """A channel, or None where it is gone."""
    row = tx.execute(select(channels).where(channels.c.channel_id == channel_id)).first()
    if row is None:
        return None
    settings = json.loads(tx.secrets.decrypt(row.encrypted_settings))
    return Channel(row.channel_id, ChannelKind(row.kind), settings)


def remove_unused(tx: Transaction) -> None:
    """Forget the channels, with their secrets, that no camera and no waiting message needs."""
    used = select(cameras.c.channel_id).where(cameras.c.channel_id.is_not(None))
    awaited = select(deliveries.c.channel_id).where(deliveries.c.state == DeliveryState.PENDING)
    tx.execute(delete(channels).where(channels.c.channel_id.not_in(used), channels.c.channel_id.not_in(awaited)))


def _encrypted(tx: Transaction, settings: Mapping[str, str]) -> str:
    return tx.secrets.encrypt(json.dumps(dict(settings)))
