"""The configured destinations of messages; what reaches them is encrypted."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from backend.domain.notification import Channel, ChannelKind, DeliveryState
from backend.storage.database import Transaction
from backend.storage.ids import new_id
from backend.storage.tables import cameras, channels, deliveries, rule_channels


def add(tx: Transaction, kind: ChannelKind, settings: Mapping[str, str], name: str | None = None) -> str:
    """Keep a new channel; answers its id. Without a name it is a camera's own, and goes with it."""
    channel_id = new_id()
    tx.execute(
        insert(channels).values(
            channel_id=channel_id,
            kind=kind,
            name=name,
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


def follow_chat(tx: Transaction, api_token: str, chat_id: str, moved_to: str) -> None:
    """Have every channel to a Telegram chat lead to its new id: a group gets one when it becomes a supergroup."""
    for channel in all_by_age(tx):
        settings = dict(channel.settings)
        if channel.kind is ChannelKind.TELEGRAM and (settings["api_token"], settings["chat_id"]) == (
            api_token,
            chat_id,
        ):
            change(tx, channel.channel_id, settings | {"chat_id": moved_to})


def rename(tx: Transaction, channel_id: str, name: str) -> None:
    """Give a channel another name."""
    tx.execute(update(channels).where(channels.c.channel_id == channel_id).values(name=name))


def remove(tx: Transaction, channel_id: str) -> None:
    """Forget a channel, with its secrets; no rule names it any more."""
    tx.execute(delete(channels).where(channels.c.channel_id == channel_id))


def find(tx: Transaction, channel_id: str) -> Channel | None:
    """A channel, or None where it is gone."""
    row = tx.execute(select(channels).where(channels.c.channel_id == channel_id)).first()
    return None if row is None else _channel(tx, row)


def all_by_age(tx: Transaction) -> list[Channel]:
    """All channels, the oldest first."""
    return [_channel(tx, row) for row in tx.execute(select(channels).order_by(channels.c.channel_id))]


def remove_unused(tx: Transaction) -> None:
    """Forget the cameras' own channels, with their secrets, that no camera, rule or waiting message needs."""
    used = select(cameras.c.channel_id).where(cameras.c.channel_id.is_not(None))
    awaited = select(deliveries.c.channel_id).where(deliveries.c.state == DeliveryState.PENDING)
    ruled = select(rule_channels.c.channel_id)
    needless = [channels.c.channel_id.not_in(needed) for needed in (used, awaited, ruled)]
    tx.execute(delete(channels).where(channels.c.name.is_(None), *needless))


def _channel(tx: Transaction, row: Row[Any]) -> Channel:
    settings = json.loads(tx.secrets.decrypt(row.encrypted_settings))
    return Channel(row.channel_id, ChannelKind(row.kind), settings, row.name)


def _encrypted(tx: Transaction, settings: Mapping[str, str]) -> str:
    return tx.secrets.encrypt(json.dumps(dict(settings)))
