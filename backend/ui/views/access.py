"""Access: who may use the API, for what and until when, and what was done with it."""

from datetime import UTC, datetime, timedelta

import streamlit as st

from backend.client import ClientError, Forbidden, Missing
from backend.domain.access import Scope
from backend.schemas.keys import KeyEntry
from backend.ui.announcements import announce
from backend.ui.audit_table import show_audit
from backend.ui.connection import client
from backend.ui.explanations import explained, show
from backend.ui.key_form import SCOPES, open_form, show_form
from backend.ui.phrases import ago, clock, count, plain, zone

_MOST_AT_ONCE = 200
_SOON = timedelta(days=14)


def show_page() -> None:
    """The keys, and below them the audit log."""
    st.title("Access")
    with explained():
        try:
            keys = _every_key()
        except Forbidden as error:
            if error.code != "scope_missing":
                raise
            _show_for_administrators()
            return
    _list(keys)
    show_form()
    st.space("small")
    show_audit()


def _every_key() -> list[KeyEntry]:
    page = client().keys(limit=_MOST_AT_ONCE)
    keys = page.keys
    while page.next_cursor is not None:
        page = client().keys(limit=_MOST_AT_ONCE, cursor=page.next_cursor)
        keys += page.keys
    return keys


def _show_for_administrators() -> None:
    st.warning(
        "**This page is for administrators.** The key in use does not have the scope `admin`, which keys and the audit "
        "log take. Paste the server's `AUTH_TOKEN`, or a key with that scope, into **Access token** in the sidebar.",
        icon=":material/admin_panel_settings:",
    )


def _list(keys: list[KeyEntry]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Who may use the API", width="content", anchor=False)
        st.space("stretch")
        if st.button("New key", type="primary", icon=":material/add:", key="new_key"):
            open_form()
    active = [key for key in keys if key.state == "active"]
    over = [key for key in keys if key.state != "active"]
    if not active:
        st.info(
            "Only `AUTH_TOKEN` opens this server; it is the administrator's and opens everything. Make a key for every "
            "other program and person: it can do no more than it must, and can be revoked by itself.",
            icon=":material/key:",
        )
    for key in active:
        _show(key)
    if over:
        with st.expander(f"{count(len(over), 'key')} revoked or expired", icon=":material/key_off:"):
            for key in over:
                _show(key)


def _show(key: KeyEntry) -> None:
    with st.container(border=True, gap="xsmall", key=f"key-{key.key_id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{plain(key.name)}**", width="content")
            _show_state(key)
            st.space("stretch")
            if key.state == "active":
                _offer_revoking(key)
        st.markdown(_may(key.scopes))
        st.caption(", ".join(_facts(key)) + f" · id `{plain(key.key_id)}`")


def _show_state(key: KeyEntry) -> None:
    if Scope.ADMIN in key.scopes:
        st.badge("administrator", icon=":material/admin_panel_settings:", color="blue")
    if key.state != "active":
        st.badge(key.state, icon=":material/key_off:", color="gray")
    elif key.expires_at is not None and key.expires_at - datetime.now(UTC) < _SOON:
        st.badge("expires soon", icon=":material/hourglass_bottom:", color="orange")


def _may(scopes: list[Scope]) -> str:
    wanted = [Scope.ADMIN] if Scope.ADMIN in scopes else [scope for scope in Scope if scope in scopes]
    return f"May {'; '.join(SCOPES[scope] for scope in wanted)}."


def _facts(key: KeyEntry) -> list[str]:
    """When it ends or ended, was used and made, in words."""
    now = datetime.now(UTC)
    if key.revoked_at is not None:
        end = f"revoked {_moment(key.revoked_at)}"
    elif key.expires_at is None:
        end = "does not expire"
    else:
        end = f"{'expired' if key.state == 'expired' else 'expires'} {_moment(key.expires_at)}"
    used = f"last used {ago(key.last_used_at, now)}" if key.last_used_at else "never used"
    return [end[0].upper() + end[1:], used, f"made {_moment(key.created_at)}"]


def _moment(moment: datetime) -> str:
    """To the minute, where the browser is."""
    return clock(moment, zone(st.context.timezone), datetime.now(UTC)).rsplit(":", 1)[0]


def _offer_revoking(key: KeyEntry) -> None:
    with st.popover("Revoke", type="tertiary", icon=":material/key_off:", key=f"ask-revoke-{key.key_id}"):
        st.markdown(
            f"Revoke **{plain(key.name)}**? Whatever uses it is refused from its next request on. "
            "This cannot be undone."
        )
        if st.button("Revoke key", type="primary", icon=":material/key_off:", key=f"revoke-{key.key_id}"):
            _revoke(key)


def _revoke(key: KeyEntry) -> None:
    try:
        client().revoke_key(key.key_id)
    except Missing:
        pass  # it was revoked elsewhere in the meantime
    except ClientError as error:
        show(error)
        return
    announce(f"{plain(key.name)} opens nothing any more.", ":material/key_off:")
    st.rerun()


if __name__ == "__main__":
    show_page()
