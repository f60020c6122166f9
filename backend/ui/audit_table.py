"""The audit log as a table, newest first, a page more at a time."""

from datetime import UTC, datetime

import streamlit as st

from backend.domain.audit import Deed
from backend.schemas.audit import AuditReply
from backend.ui.connection import client
from backend.ui.deeds import LABELS, actor_said, deed_said
from backend.ui.explanations import explained
from backend.ui.phrases import clock, plain, zone

_PAGE = 25
_REFRESH_EVERY_S = 10
_PAGES_KEY = "audit_pages"
_EVERYTHING = ""


def show_audit() -> None:
    """The filter, and below it who did what."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("What was done", width="content", anchor=False)
        st.space("stretch")
        chosen = st.selectbox(
            "Kind of deed",
            [_EVERYTHING, *LABELS],
            key="audit_deed",
            format_func=lambda deed: LABELS[Deed(deed)] if deed else "Everything",
            width=260,
            label_visibility="collapsed",
        )
    st.caption("Every change is kept for good: no entry can be changed or deleted.")
    _list(Deed(chosen) if chosen else None)


@st.fragment(run_every=_REFRESH_EVERY_S)
def _list(deed: Deed | None) -> None:
    for_deed, pages = st.session_state.get(_PAGES_KEY, (deed, 1))
    pages = pages if for_deed == deed else 1
    with explained():
        found, more = _fetched(deed, pages)
    if found:
        _show(found)
    elif deed is None:
        st.info(
            "Nothing was changed yet. Whoever enrols, changes or removes something is told here.",
            icon=":material/history:",
        )
    else:
        st.info("Nothing of this kind was done. Choose another above.", icon=":material/filter_alt_off:")
    if more:
        st.button(
            "Show more",
            icon=":material/expand_more:",
            key="more_audit",
            on_click=_show_pages,
            args=(deed, pages + 1),
        )


def _show_pages(deed: Deed | None, pages: int) -> None:
    st.session_state[_PAGES_KEY] = (deed, pages)


def _fetched(deed: Deed | None, pages: int) -> tuple[list[AuditReply], bool]:
    """The newest entries, that many pages of them, and whether there are more."""
    found: list[AuditReply] = []
    cursor: str | None = None
    for _ in range(pages):
        reply = client().audit(deed=deed, limit=_PAGE, cursor=cursor)
        found += reply.entries
        cursor = reply.next_cursor
        if cursor is None:
            break
    return found, cursor is not None


def _show(entries: list[AuditReply]) -> None:
    zone_, now = zone(st.context.timezone), datetime.now(UTC)
    st.table(
        {
            "When": [clock(entry.done_at, zone_, now) for entry in entries],
            "Who": [actor_said(entry) for entry in entries],
            "What": [deed_said(entry, zone_, now) for entry in entries],
            "From": [plain(entry.address or "–") for entry in entries],
        },
        border="horizontal",
        hide_index=True,
    )
