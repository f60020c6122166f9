"""The dialog in which a channel is added or changed; what is secret is typed and never shown."""

from collections.abc import Mapping
from typing import Any

import streamlit as st
from pydantic import TypeAdapter, ValidationError

from backend.client import ClientError
from backend.domain.notification import ChannelKind
from backend.schemas.channels import ChannelChange, ChannelReply, ChannelRequest
from backend.ui.announcements import announce
from backend.ui.channel_fields import FIELDS, WHAT_IT_IS, Entry, Field
from backend.ui.connection import client
from backend.ui.explanations import faults, show
from backend.ui.form_dialog import NEW, FormDialog
from backend.ui.naming import KIND_ICONS, KINDS
from backend.ui.phrases import plain

_DIALOG = FormDialog("channel")
_REQUEST: TypeAdapter[ChannelRequest] = TypeAdapter(ChannelRequest)
_NO_MORE = "no-more"


def open_form(channel: ChannelReply | None = None) -> None:
    """Have this run and the next ones show the form, for a new channel or for this one."""
    _DIALOG.open(channel.channel_id if channel else NEW)


def show_form(channels: Mapping[str, ChannelReply]) -> None:
    """Show the form where it is open."""
    about = _DIALOG.about
    if about is None or (about != NEW and about not in channels):
        return
    channel = channels.get(about)
    title = "Change the channel" if channel else "New channel"
    st.dialog(title, width="medium", icon=":material/campaign:", on_dismiss=_DIALOG.close)(_form)(channel)


def _form(channel: ChannelReply | None) -> None:
    key = _DIALOG.key
    kind = channel.kind if channel else _ask_kind(key)
    st.caption(WHAT_IT_IS[kind])
    name = st.text_input(
        "Name",
        (channel.name or "") if channel else "",
        key=f"{key}-{kind}-name",
        placeholder="Family phone",
        max_chars=128,
    )
    settings = {field.name: _ask(f"{key}-{kind}", field, channel) for field in FIELDS[kind]}
    if kind is ChannelKind.TELEGRAM:
        st.page_link("views/telegram.py", label="Find the chat id for a bot token", icon=":material/search:")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key=f"{key}-cancel"):
            _DIALOG.close()
            st.rerun()
        if st.button("Save", type="primary", icon=":material/check:", key=f"{key}-save"):
            _save(channel, kind, name, settings)


def _ask_kind(key: str) -> ChannelKind:
    chosen = st.segmented_control(
        "Kind",
        list(KINDS),
        default=ChannelKind.TELEGRAM,
        required=True,
        key=f"{key}-kind",
        format_func=lambda kind: f"{KIND_ICONS[kind]} {KINDS[kind]}",
    )
    return ChannelKind(chosen or ChannelKind.TELEGRAM)


def _ask(key: str, field: Field, channel: ChannelReply | None) -> object:
    """What was chosen for a setting; "" for nothing, and for a secret that stays."""
    before = field.default if channel is None else channel.settings.get(field.name, field.default)
    label = f"{field.label} (optional)" if field.optional else field.label
    match field.entry:
        case Entry.SWITCH:
            return st.toggle(label, bool(before), key=f"{key}-{field.name}", help=field.explained)
        case Entry.NUMBER:
            return st.number_input(label, 1, 65_535, int(before), key=f"{key}-{field.name}")
        case Entry.MASKED:
            return _ask_secret(key, label, field, str(before))
        case Entry.TEXT:
            return st.text_input(
                label, str(before), key=f"{key}-{field.name}", placeholder=field.placeholder, help=field.explained
            ).strip()


def _ask_secret(key: str, label: str, field: Field, before: str) -> object:
    typed = st.text_input(
        label,
        type="password",
        key=f"{key}-{field.name}",
        placeholder=f"{before}, unchanged" if before else field.placeholder,
        help=field.explained,
        autocomplete="off",
    ).strip()
    removed = bool(before) and field.optional and st.checkbox("None any more", key=f"{key}-{field.name}-{_NO_MORE}")
    return None if removed else typed


def _save(channel: ChannelReply | None, kind: ChannelKind, name: str, settings: Mapping[str, object]) -> None:
    labels = {"name": "Name", **{field.name: field.label for field in FIELDS[kind]}}
    try:
        if channel is None:
            given = {key: value for key, value in settings.items() if value or value is False or _may_be_empty(key)}
            client().add_channel(_REQUEST.validate_python({"kind": kind, "name": name, "settings": given}))
        else:
            client().change_channel(channel.channel_id, _change(channel, name, settings))
    except ValidationError as error:
        st.error("  \n".join(map(plain, faults(error, labels))), icon=":material/edit:")
        return
    except ClientError as error:
        show(error)
        return
    _DIALOG.close()
    announce(f"{plain(name)} is saved. Send a test to see whether it works.", ":material/campaign:")
    st.rerun()


def _may_be_empty(name: str) -> bool:
    return name == "discovery"


def _change(channel: ChannelReply, name: str, settings: Mapping[str, object]) -> ChannelChange:
    """What is to be another; a secret that was not typed again stays."""
    changed: dict[str, Any] = {}
    for field in FIELDS[channel.kind]:
        value = settings[field.name]
        if field.entry is Entry.MASKED and value == "":
            continue
        changed[field.name] = None if value == "" and field.optional else value
    return ChannelChange(name=name, settings=changed)
