"""The dialog in which a rule is written or changed."""

from collections.abc import Mapping

import streamlit as st
from pydantic import ValidationError

from backend.client import ClientError
from backend.domain.rule import Who
from backend.schemas.rules import RuleReply, RuleRequest
from backend.ui.announcements import announce
from backend.ui.connection import client
from backend.ui.explanations import faults, show
from backend.ui.form_dialog import NEW, FormDialog
from backend.ui.hours import ask_hours
from backend.ui.naming import Names
from backend.ui.phrases import plain
from backend.ui.spans import ask_span

_DIALOG = FormDialog("rule")
_ANYWHERE = ""
_WHO: Mapping[Who, str] = {
    Who.ANYONE: "Anyone",
    Who.KNOWN: "Anyone known",
    Who.UNKNOWN: "Strangers",
    Who.PERSON: "One person",
    Who.GROUP: "A group",
}
_LABELS = {
    "name": "Name",
    "who": "About whom",
    "subject": "Who exactly",
    "camera_id": "Where",
    "channel_ids": "Tell",
    "hours": "When",
    "quiet_hours": "Quiet hours",
    "threshold": "Similarity",
    "cooldown_seconds": "Pause",
}


def open_form(rule: RuleReply | None = None) -> None:
    """Have this run and the next ones show the form, for a new rule or for this one."""
    _DIALOG.open(rule.rule_id if rule else NEW)


def show_form(rules: Mapping[str, RuleReply], names: Names) -> None:
    """Show the form where it is open."""
    about = _DIALOG.about
    if about is None or (about != NEW and about not in rules):
        return
    rule = rules.get(about)
    title = "Change the rule" if rule else "New rule"
    st.dialog(title, width="large", icon=":material/rule:", on_dismiss=_DIALOG.close)(_form)(rule, names)


def _form(rule: RuleReply | None, names: Names) -> None:
    key = _DIALOG.key
    entries = _ask_whom(key, rule, names) | _ask_when(key, rule) | _ask_how(key, rule)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key=f"{key}-cancel"):
            _DIALOG.close()
            st.rerun()
        if st.button("Save", type="primary", icon=":material/check:", key=f"{key}-save"):
            _save(rule, entries)


def _ask_whom(key: str, rule: RuleReply | None, names: Names) -> dict[str, object]:
    name = st.text_input(
        _LABELS["name"], rule.name if rule else "", key=f"{key}-name", placeholder="Strangers at night", max_chars=128
    )
    who = st.segmented_control(
        _LABELS["who"],
        list(_WHO),
        default=rule.who if rule else Who.ANYONE,
        required=True,
        key=f"{key}-who",
        format_func=lambda chosen: _WHO[chosen],
    )
    subject = _ask_subject(key, Who(who or Who.ANYONE), rule, names)
    cameras = [_ANYWHERE, *_with_kept(names.cameras, rule.camera_id if rule else None)]
    camera = st.selectbox(
        _LABELS["camera_id"],
        cameras,
        index=cameras.index((rule.camera_id if rule else None) or _ANYWHERE),
        key=f"{key}-camera",
        format_func=lambda chosen: names.camera(chosen) if chosen else "Any camera",
    )
    channels = st.pills(
        _LABELS["channel_ids"],
        list(names.channels),
        selection_mode="multi",
        default=_first_channels(rule, names),
        key=f"{key}-channels",
        format_func=lambda chosen: plain(names.channel(chosen)),
    )
    return {"name": name, "who": who, "subject": subject, "camera_id": camera or None, "channel_ids": channels}


def _first_channels(rule: RuleReply | None, names: Names) -> list[str]:
    """Those that are told so far; of a new rule the only one there is."""
    if rule is None:
        return list(names.channels) if len(names.channels) == 1 else []
    return [known for known in rule.channel_ids if known in names.channels]


def _ask_subject(key: str, who: Who, rule: RuleReply | None, names: Names) -> str | None:
    before = rule.subject if rule and rule.who is who else None
    if who is Who.PERSON:
        people = _with_kept(names.people, before)
        chosen = st.selectbox(
            "Person",
            people,
            index=people.index(before) if before else None,
            key=f"{key}-person",
            format_func=names.person,
            placeholder="Choose a person",
        )
        return chosen or None
    if who is Who.GROUP:
        groups = _with_kept(names.groups, before)
        chosen = st.selectbox(
            "Group",
            groups,
            index=groups.index(before) if before else None,
            key=f"{key}-group",
            accept_new_options=True,
            placeholder="Choose or type a group",
            help="People are put into groups on the People page.",
        )
        return chosen or None
    return None


def _with_kept(known: Mapping[str, str] | tuple[str, ...], kept: str | None) -> list[str]:
    """What can be chosen, and what was chosen before, though it may be gone."""
    return [*known, *([kept] if kept and kept not in known else [])]


def _ask_when(key: str, rule: RuleReply | None) -> dict[str, object]:
    st.markdown("**When**")
    st.caption(
        "Always, unless hours are named. Hours are those of the server; ending before they begin, they last into the "
        "next day."
    )
    hours = ask_hours(f"{key}-hours", rule.hours if rule else [], "Only at certain hours")
    quiet = ask_hours(f"{key}-quiet", rule.quiet_hours if rule else [], "Quiet hours")
    armed = st.toggle(
        "Only while armed",
        rule.armed_only if rule else True,
        key=f"{key}-armed",
        help="Armed or not is one switch for the whole house, above the rules and in Telegram (`/arm`, `/disarm`).",
    )
    return {"hours": hours, "quiet_hours": quiet, "armed_only": armed}


def _ask_how(key: str, rule: RuleReply | None) -> dict[str, object]:
    st.markdown("**How often, and how sure**")
    left, right = st.columns(2)
    with left:
        pause = ask_span(
            f"{key}-pause",
            "Pause after a message about somebody",
            rule.cooldown_seconds if rule else 0,
            "So long no other message about the same person. 0 tells of every visit.",
        )
    with right:
        threshold = st.number_input(
            "Least similarity",
            min_value=0.0,
            max_value=1.0,
            value=rule.threshold if rule else None,
            step=0.01,
            key=f"{key}-threshold",
            placeholder="as the camera is set",
            help="Tell of known people only from this similarity on, beyond the camera's own threshold.",
        )
    on = st.toggle("Switched on", rule.enabled if rule else True, key=f"{key}-enabled")
    return {"cooldown_seconds": pause, "threshold": threshold, "enabled": on}


def _save(rule: RuleReply | None, entries: Mapping[str, object]) -> None:
    if (missing := _missing(entries)) is not None:
        st.error(missing, icon=":material/edit:")
        return
    try:
        wanted = RuleRequest.model_validate(entries)
        saved = client().change_rule(rule.rule_id, wanted) if rule else client().add_rule(wanted)
    except ValidationError as error:
        st.error("  \n".join(map(plain, faults(error, _LABELS))), icon=":material/edit:")
        return
    except ClientError as error:
        show(error)
        return
    _DIALOG.close()
    announce(f"Saved: {plain(saved.sentence)}", ":material/rule:")
    st.rerun()


def _missing(entries: Mapping[str, object]) -> str | None:
    """What has to be chosen first, in words that fit the field better than those of the schema."""
    if not entries["channel_ids"]:
        return "Tell: choose at least one channel."
    if entries["who"] in (Who.PERSON, Who.GROUP) and not entries["subject"]:
        return "Choose the person this is about." if entries["who"] == Who.PERSON else "Choose or type the group."
    periods = [*_periods(entries["hours"]), *_periods(entries["quiet_hours"])]
    return None if all(period["days"] for period in periods) else "Hours: choose at least one day, or remove them."


def _periods(entry: object) -> list[Mapping[str, object]]:
    return list(entry) if isinstance(entry, list) else []
