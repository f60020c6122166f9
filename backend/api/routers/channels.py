"""Channels: where messages go, and a message to try each."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Response
from pydantic import SecretStr, ValidationError

from backend.api.deps import ChannelListDep
from backend.api.edits import CHANGED_RESPONSE, EditLockDep, IfMatch, tagged
from backend.api.errors import COMMON_RESPONSES
from backend.api.idempotency import UNDERWAY_RESPONSE, IdempotentRoute
from backend.api.paging import PagingDep
from backend.domain.errors import InvalidField
from backend.domain.notification import Channel, ChannelKind
from backend.schemas.channels import (
    SETTINGS,
    ChannelChange,
    ChannelEntries,
    ChannelRemoved,
    ChannelReply,
    ChannelRequest,
    TestReply,
)

router = APIRouter(
    prefix="/channels", tags=["channels"], route_class=IdempotentRoute, responses=COMMON_RESPONSES | UNDERWAY_RESPONSE
)

MASKED = "***"


@router.get("")
def list_channels(channels: ChannelListDep, paging: PagingDep) -> ChannelEntries:
    """List the channels, without their secrets."""
    known = channels.channels()
    page, cursor = paging.page(known, lambda channel: (channel.channel_id,))
    return ChannelEntries(channels=[_reply(channel) for channel in page], total=len(known), next_cursor=cursor)


@router.get("/{channel_id}")
def show_channel(channels: ChannelListDep, response: Response, channel_id: str) -> ChannelReply:
    """Answer a channel, without its secrets."""
    reply = _reply(channels.channel(channel_id))
    tagged(response, reply)
    return reply


@router.post("")
def add_channel(channels: ChannelListDep, channel: ChannelRequest) -> ChannelReply:
    """Add a channel that rules can name."""
    values = channel.settings.model_dump(exclude_none=True)
    return _reply(channels.add(channel.kind, channel.name, _kept(values)))


@router.patch("/{channel_id}", responses=CHANGED_RESPONSE)
def change_channel(
    channels: ChannelListDep,
    edits: EditLockDep,
    response: Response,
    channel_id: str,
    change: ChannelChange,
    if_match: IfMatch = None,
) -> ChannelReply:
    """Change a channel; what is left out stays, its secrets too."""
    with edits.held(if_match, lambda: _reply(channels.channel(channel_id))):
        before = channels.channel(channel_id)
        settings = _changed(before, change.settings)
        reply = _reply(channels.change(channel_id, change.name or before.name or before.kind, settings))
    tagged(response, reply)
    return reply


@router.delete("/{channel_id}")
def remove_channel(channels: ChannelListDep, channel_id: str) -> ChannelRemoved:
    """Remove a channel; rules name it no more, and what waits for it fails."""
    channels.remove(channel_id)
    return ChannelRemoved(channel_id=channel_id)


@router.post("/{channel_id}/test")
def test_channel(channels: ChannelListDep, channel_id: str) -> TestReply:
    """Send a real test message and answer what the channel said; 503 says why it was not taken."""
    return TestReply(answer=channels.try_out(channel_id).answer)


def _changed(before: Channel, change: Mapping[str, Any]) -> dict[str, str]:
    model = SETTINGS[before.kind]
    try:
        # All is kept as text; what comes in must be what it is written as.
        kept = dict(model.model_validate(before.settings, strict=False))
        settings = model.model_validate({**kept, **change})
    except ValidationError as error:
        fault = error.errors()[0]
        # Never what was sent, which may be a secret.
        raise InvalidField(".".join(map(str, fault["loc"])) or "settings", fault["msg"]) from None
    return _kept(settings.model_dump(exclude_none=True))


def _kept(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in values.items()}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _reply(channel: Channel) -> ChannelReply:
    secrets = _secret_fields(channel.kind)
    settings = {
        name: _masked(name, value) if name in secrets else _written(channel.kind, name, value)
        for name, value in channel.settings.items()
    }
    return ChannelReply(channel_id=channel.channel_id, kind=channel.kind, name=channel.name, settings=settings)


def _written(kind: ChannelKind, name: str, value: str) -> str | int | bool:
    """A setting as it is sent, so that what was read can be sent back."""
    annotation = SETTINGS[kind].model_fields[name].annotation
    if annotation is bool:
        return value == "true"
    return int(value) if annotation is int else value


def _secret_fields(kind: ChannelKind) -> frozenset[str]:
    fields = SETTINGS[kind].model_fields
    return frozenset(name for name, field in fields.items() if "SecretStr" in str(field.annotation))


def _masked(name: str, value: str) -> str:
    """What may be shown of a secret: nothing, or of an address its scheme and host."""
    if name != "url":
        return MASKED
    parts = urlsplit(value)
    host = parts.hostname if parts.scheme in ("http", "https") else None
    return f"{parts.scheme}://{host}/{MASKED}" if host else f"{parts.scheme}://{MASKED}"
