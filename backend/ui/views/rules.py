"""Rules: who is told of whom, where and when; what is muted, and whether the house is armed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import streamlit as st
from pydantic import ValidationError

from backend.client import ClientError, Missing
from backend.schemas.rules import MuteReply, MuteRequest, RuleReply, RuleRequest
from backend.ui.announcements import announce
from backend.ui.connection import client
from backend.ui.explanations import explained, show
from backend.ui.naming import Names, fetched_names
from backend.ui.phrases import clock, duration, plain, zone
from backend.ui.rule_form import open_form, show_form

_REFRESH_EVERY_S = 10
_SPANS: Mapping[str, timedelta] = {
    "1 hour": timedelta(hours=1),
    "4 hours": timedelta(hours=4),
    "12 hours": timedelta(hours=12),
    "1 day": timedelta(days=1),
    "1 week": timedelta(weeks=1),
}
_EVERYTHING, _CAMERA, _PERSON = "Everything", "A camera", "A person"


def show_page() -> None:
    """Armed or not and what is muted, then every rule."""
    st.title("Rules")
    with explained():
        rules = client().rules().rules
        names = fetched_names(client())
    _show_house(names)
    _list(rules, names)
    show_form({rule.rule_id: rule for rule in rules if not rule.of_camera}, names)


@st.fragment(run_every=_REFRESH_EVERY_S)
def _show_house(names: Names) -> None:
    with explained():
        armed = client().is_armed()
        mutes = client().mutes().mutes
    left, right = st.columns(2, gap="medium")
    with left.container(border=True, height="stretch", key="arming"):
        _show_arming(armed)
    with right.container(border=True, height="stretch", key="mutes"):
        _show_mutes(mutes, names)


def _show_arming(armed: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Armed**" if armed else "**Disarmed**", width="content")
        st.badge(
            "messages on" if armed else "messages paused",
            icon=":material/shield:" if armed else ":material/shield_locked:",
            color="green" if armed else "orange",
        )
        st.space("stretch")
        if st.button("Disarm" if armed else "Arm", icon=":material/power_settings_new:", key="arm"):
            _arm(not armed)
    st.caption(
        "Rules that count only while armed send messages. Disarm while you are at home."
        if armed
        else "Rules that count only while armed are silent. Sightings are stored all the same."
    )


def _arm(armed: bool) -> None:
    try:
        client().arm(armed=armed)
    except ClientError as error:
        show(error)
        return
    announce("Armed." if armed else "Disarmed.", ":material/shield:")
    st.rerun()


def _show_mutes(mutes: list[MuteReply], names: Names) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Muted now**", width="content")
        st.space("stretch")
        with st.popover("Mute", icon=":material/notifications_off:", key="mute"):
            _ask_mute(names)
    if not mutes:
        st.caption("Nothing is muted.")
    for mute in mutes:
        with st.container(horizontal=True, vertical_alignment="center", key=f"mute-{mute.mute_id}"):
            st.markdown(f"{plain(_muted(mute, names))}, {_until(mute.until)}", width="stretch")
            if st.button("End", type="tertiary", icon=":material/notifications_active:", key=f"end-{mute.mute_id}"):
                _unmute(mute)


def _muted(mute: MuteReply, names: Names) -> str:
    """What is silent, in words."""
    parts = []
    if mute.rule_id:
        parts.append(f"rule “{names.rules.get(mute.rule_id, 'a removed rule')}”")
    if mute.person_id:
        parts.append(names.person(mute.person_id))
    if mute.stranger:
        parts.append("an ignored stranger")
    if mute.camera_id:
        parts.append(f"at {names.camera(mute.camera_id)}" if parts else names.camera(mute.camera_id))
    said = " ".join(parts) or "everything"
    return said[0].upper() + said[1:]


def _until(end: datetime) -> str:
    now = datetime.now(UTC)
    left = duration(max((end - now).total_seconds(), 1)) if end - now < timedelta(days=2) else ""
    moment = clock(end, zone(st.context.timezone), now).rsplit(":", 1)[0]
    return f"until {moment}" + (f" ({left} left)" if left else "")


def _ask_mute(names: Names) -> None:
    whats = [_EVERYTHING, *([_CAMERA] if names.cameras else []), *([_PERSON] if names.people else [])]
    what = st.segmented_control("What", whats, default=_EVERYTHING, required=True, key="mute_what")
    wanted: dict[str, str] = {}
    if what == _CAMERA:
        wanted["camera_id"] = st.selectbox("Camera", list(names.cameras), key="mute_camera", format_func=names.camera)
    if what == _PERSON:
        wanted["person_id"] = st.selectbox("Person", list(names.people), key="mute_person", format_func=names.person)
    _ask_span("mute", wanted)


def _ask_span(key: str, wanted: Mapping[str, str]) -> None:
    span = st.selectbox("How long", list(_SPANS), key=f"{key}_span")
    if st.button("Mute", type="primary", icon=":material/notifications_off:", key=f"{key}_now"):
        _mute(MuteRequest(until=datetime.now(UTC) + _SPANS[span], **wanted))


def _mute(wanted: MuteRequest) -> None:
    try:
        client().mute(wanted)
    except ClientError as error:
        show(error)
        return
    announce("Muted.", ":material/notifications_off:")
    st.rerun()


def _unmute(mute: MuteReply) -> None:
    try:
        client().unmute(mute.mute_id)
    except Missing:
        pass  # it ended by itself in the meantime
    except ClientError as error:
        show(error)
        return
    announce("Not muted any more.", ":material/notifications_active:")
    st.rerun()


def _list(rules: list[RuleReply], names: Names) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Who is told of what", width="content", anchor=False)
        st.space("stretch")
        if names.channels and st.button("New rule", type="primary", icon=":material/add:", key="new_rule"):
            open_form()
    if not names.channels:
        st.info(
            "A rule tells a channel: a Telegram chat, a webhook, MQTT or another service. Add one first.",
            icon=":material/campaign:",
        )
        st.page_link("views/channels.py", label="Add a channel", icon=":material/campaign:")
    elif not rules:
        st.info(
            "Nobody is told of anything yet; sightings are only stored. A rule says who is told of whom, where and "
            "when, such as: strangers, at any camera, at night, to your phone.",
            icon=":material/rule:",
        )
    for rule in rules:
        with st.container(border=True, gap="xsmall", key=f"rule-{rule.rule_id}"):
            _show(rule)


def _show(rule: RuleReply) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{plain(rule.name)}**", width="content")
        if rule.of_camera:
            st.badge("the camera's own", icon=":material/videocam:", color="gray")
        if not rule.enabled:
            st.badge("switched off", icon=":material/toggle_off:", color="gray")
        if not rule.channel_ids:
            st.badge("tells nobody", icon=":material/warning:", color="orange")
    st.markdown(plain(rule.sentence))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _offer(rule)


def _offer(rule: RuleReply) -> None:
    if rule.of_camera:
        st.page_link("views/cameras.py", label="Changed with the camera", icon=":material/videocam:")
    else:
        if st.button("Edit", type="tertiary", icon=":material/edit:", key=f"edit-{rule.rule_id}"):
            open_form(rule)
        _offer_switch(rule)
    with st.popover("Mute", type="tertiary", icon=":material/notifications_off:", key=f"ask-mute-{rule.rule_id}"):
        _ask_span(f"mute-{rule.rule_id}", {"rule_id": rule.rule_id})
    if not rule.of_camera:
        with st.popover("Remove", type="tertiary", icon=":material/delete:", key=f"ask-remove-{rule.rule_id}"):
            st.markdown(f"Remove **{plain(rule.name)}**? Nobody is told by it any more.")
            if st.button("Remove rule", type="primary", icon=":material/delete:", key=f"remove-{rule.rule_id}"):
                _remove(rule)


def _offer_switch(rule: RuleReply) -> None:
    label, icon = ("Switch off", ":material/toggle_off:") if rule.enabled else ("Switch on", ":material/toggle_on:")
    if not st.button(label, type="tertiary", icon=icon, key=f"switch-{rule.rule_id}"):
        return
    try:
        wanted = RuleRequest.model_validate({**_as_written(rule), "enabled": not rule.enabled})
        client().change_rule(rule.rule_id, wanted)
    except ValidationError:
        st.error("This rule tells nobody: edit it and choose a channel.", icon=":material/edit:")
        return
    except ClientError as error:
        show(error)
        return
    announce(f"{plain(rule.name)} is switched {'off' if rule.enabled else 'on'}.", icon)
    st.rerun()


def _as_written(rule: RuleReply) -> dict[str, object]:
    return rule.model_dump(include=set(RuleRequest.model_fields))


def _remove(rule: RuleReply) -> None:
    try:
        client().remove_rule(rule.rule_id)
    except ClientError as error:
        show(error)
        return
    announce(f"{plain(rule.name)} was removed.", ":material/delete:")
    st.rerun()


if __name__ == "__main__":
    show_page()
