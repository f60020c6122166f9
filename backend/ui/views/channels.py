"""Channels: where messages go, whether they arrive, and what may be changed of each."""

from collections.abc import Mapping

import streamlit as st

from backend.client import ClientError, ServerFailed
from backend.domain.notification import ChannelKind
from backend.schemas.channels import ChannelReply
from backend.schemas.rules import RuleReply
from backend.ui.announcements import announce
from backend.ui.channel_fields import FIELDS, WHAT_IT_IS, Entry
from backend.ui.channel_form import open_form, show_form
from backend.ui.connection import client
from backend.ui.explanations import explained, show
from backend.ui.naming import KIND_ICONS, KINDS, channel_names
from backend.ui.phrases import count, plain

_TESTS_KEY = "channel_tests"
_CARD_WIDTH = 340


def show_page() -> None:
    """A card for each channel, and the way to a new one."""
    st.title("Channels")
    with explained():
        channels = client().channels().channels
        rules = client().rules().rules
        cameras = {camera.camera_id: camera.camera_nickname for camera in client().cameras().cameras}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Where messages go", width="content", anchor=False)
        st.space("stretch")
        if st.button("New channel", type="primary", icon=":material/add:", key="new_channel"):
            open_form()
    if not channels:
        _show_nothing()
    names = channel_names(channels, rules, cameras)
    grid = st.grid("auto", min_column_width=_CARD_WIDTH, border=True, gap="small", key="channels")
    for channel in channels:
        with grid.cell(), st.container(gap="small", key=f"channel-{channel.channel_id}"):
            _show(channel, names[channel.channel_id], rules)
    show_form({channel.channel_id: channel for channel in channels if channel.name is not None})


def _show_nothing() -> None:
    st.info("There is no channel yet, so nobody is told of anything.", icon=":material/campaign:")
    for kind in ChannelKind:
        st.markdown(f"{KIND_ICONS[kind]} **{KINDS[kind]}**: {WHAT_IT_IS[kind]}")


def _show(channel: ChannelReply, name: str, rules: list[RuleReply]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{plain(name)}**", width="content")
        st.badge(KINDS[channel.kind], icon=KIND_ICONS[channel.kind], color="gray")
    st.caption("  \n".join(_settings(channel.kind, channel.settings)))
    _show_use(channel, rules)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button("Send a test", icon=":material/outgoing_mail:", key=f"test-{channel.channel_id}"):
            _test(channel)
        if channel.name is None:
            st.page_link("views/cameras.py", label="Changed with the camera", icon=":material/videocam:")
        else:
            _offer_change(channel)
    _show_answer(channel)


def _settings(kind: ChannelKind, settings: Mapping[str, str | int | bool]) -> list[str]:
    """The settings in words; secrets come masked, and what is empty is left out."""
    lines = []
    for field in FIELDS[kind]:
        value = settings.get(field.name, "")
        if field.entry is Entry.SWITCH:
            lines.append(f"{field.label}: {'yes' if value else 'no'}")
        elif value:
            lines.append(f"{field.label}: {plain(str(value))}")
    return lines


def _show_use(channel: ChannelReply, rules: list[RuleReply]) -> None:
    using = [rule for rule in rules if channel.channel_id in rule.channel_ids]
    if using:
        st.caption(f":material/rule: Used by {count(len(using), 'rule')}: {plain(', '.join(r.name for r in using))}")
    else:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge("no rule uses it yet", icon=":material/warning:", color="orange")
            st.page_link("views/rules.py", label="Rules", icon=":material/rule:")


def _test(channel: ChannelReply) -> None:
    """Send a real message and keep what came back, until the page is left."""
    tests = st.session_state.setdefault(_TESTS_KEY, {})
    try:
        with st.spinner("Sending …"):
            tests[channel.channel_id] = (True, client().test_channel(channel.channel_id).answer)
    except ServerFailed as error:
        tests[channel.channel_id] = (False, error.message)
    except ClientError as error:
        show(error)


def _show_answer(channel: ChannelReply) -> None:
    taken, answer = st.session_state.get(_TESTS_KEY, {}).get(channel.channel_id, (None, ""))
    if taken:
        st.success(f"**The test was taken.** It answered: {plain(answer)}", icon=":material/check_circle:")
    elif taken is not None:
        st.error(f"**The test was not taken.** {plain(answer)}", icon=":material/error:")


def _offer_change(channel: ChannelReply) -> None:
    if st.button("Edit", type="tertiary", icon=":material/edit:", key=f"edit-{channel.channel_id}"):
        open_form(channel)
    with st.popover("Remove", type="tertiary", icon=":material/delete:", key=f"ask-{channel.channel_id}"):
        st.markdown(
            f"Remove **{plain(channel.name or '')}**? Rules tell it no more, and what waits for it is given up."
        )
        if st.button("Remove channel", type="primary", icon=":material/delete:", key=f"remove-{channel.channel_id}"):
            _remove(channel)


def _remove(channel: ChannelReply) -> None:
    try:
        client().remove_channel(channel.channel_id)
    except ClientError as error:
        show(error)
        return
    announce(f"{plain(channel.name or '')} was removed.", ":material/delete:")
    st.rerun()


if __name__ == "__main__":
    show_page()
