"""The dialog in which an API key is made, and the one that shows it, once."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

import streamlit as st
from pydantic import ValidationError

from backend.client import ClientError
from backend.domain.access import Scope
from backend.schemas.keys import KeyMade
from backend.ui.connection import client
from backend.ui.explanations import faults, show
from backend.ui.form_dialog import FormDialog
from backend.ui.phrases import plain, zone

SCOPES: Mapping[Scope, str] = {
    Scope.READ: "look at everything and recognise faces",
    Scope.ENROL: "add, change and remove people and their faces",
    Scope.CAMERAS: "change cameras, rules, mutes and channels",
    Scope.ADMIN: "do everything, manage keys too",
}
"""What each scope lets a key do, after `may`."""
_DIALOG = FormDialog("key")
_MADE = "made_key"
_FOREVER, _UNTIL_A_DAY = "For ever", "Until a day"
_SPANS: Mapping[str, timedelta] = {
    "30 days": timedelta(days=30),
    "90 days": timedelta(days=90),
    "1 year": timedelta(days=365),
}
_FIRST_SPAN = list(_SPANS).index("90 days")


def open_form() -> None:
    """Have this run and the next ones show the form."""
    _DIALOG.open()


def show_form() -> None:
    """Show the form where it is open, or else the key that was made with it and not put away yet."""
    made: KeyMade | None = st.session_state.get(_MADE)
    if made is not None:
        st.dialog("Keep this key now", width="medium", icon=":material/key:", dismissible=False)(_show_made)(made)
    elif _DIALOG.about is not None:
        st.dialog("New key", width="medium", icon=":material/key:", on_dismiss=_DIALOG.close)(_form)()


def _show_made(made: KeyMade) -> None:
    st.markdown(f"This is the key **{plain(made.name)}**. Copy it, with the button at its end, to where it is used:")
    st.code(made.key, language=None, wrap_lines=True)
    st.warning(
        "It is never shown again: the server keeps only its hash. If it is lost, revoke it and make another.",
        icon=":material/visibility_off:",
    )
    st.caption("It is sent with each request as `Authorization: Bearer` and the key.")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("I have kept it", type="primary", icon=":material/check:", key="key_kept"):
            st.session_state.pop(_MADE, None)
            st.rerun()


def _form() -> None:
    key = _DIALOG.key
    name = st.text_input("Who or what uses it", key=f"{key}-name", placeholder="nas", max_chars=128)
    scopes = _ask_scopes(key)
    expires_at = _ask_end(key)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key=f"{key}-cancel"):
            _DIALOG.close()
            st.rerun()
        if st.button("Make key", type="primary", icon=":material/key:", key=f"{key}-save"):
            _make(name, scopes, expires_at)


def _ask_scopes(key: str) -> list[Scope]:
    """What it may do; an administrator's key needs no other scope."""
    st.markdown("It may")
    is_admin = bool(st.session_state.get(f"{key}-{Scope.ADMIN}"))
    chosen = [
        scope
        for scope, words in SCOPES.items()
        if st.checkbox(
            f"{words} (`{scope}`)",
            scope is Scope.READ,
            key=f"{key}-{scope}",
            disabled=is_admin and scope is not Scope.ADMIN,
        )
    ]
    return [Scope.ADMIN] if is_admin else chosen


def _ask_end(key: str) -> datetime | None:
    """From when it opens nothing; None for never."""
    span = st.selectbox("How long", [*_SPANS, _UNTIL_A_DAY, _FOREVER], _FIRST_SPAN, key=f"{key}-span")
    now = datetime.now(UTC)
    if span == _FOREVER:
        st.caption("It opens the server until somebody revokes it.")
        return None
    if span != _UNTIL_A_DAY:
        return now + _SPANS[span]
    here = zone(st.context.timezone)
    today = now.astimezone(here).date()
    last: date = st.date_input(
        "Last day", today + timedelta(days=30), today, today + timedelta(days=36_500), key=f"{key}-day", required=True
    )
    return datetime.combine(last + timedelta(days=1), time(), here)


def _make(name: str, scopes: list[Scope], expires_at: datetime | None) -> None:
    if not scopes:
        st.error("Choose at least one thing that it may do.", icon=":material/edit:")
        return
    try:
        made = client().create_key(name, scopes, expires_at)
    except ValidationError as error:
        found = faults(error, {"name": "Who or what uses it", "expires_at": "How long"})
        st.error("  \n".join(map(plain, found)), icon=":material/edit:")
        return
    except ClientError as error:
        show(error)
        return
    _DIALOG.close()
    st.session_state[_MADE] = made
    st.rerun()
