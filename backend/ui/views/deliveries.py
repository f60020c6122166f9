"""Deliveries: every message with every attempt at it, and those that were given up."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from backend.client import ClientError, Missing
from backend.domain.notification import DeliveryState
from backend.schemas.deliveries import DeliveryReply
from backend.schemas.sightings import SightingReply
from backend.ui.announcements import announce
from backend.ui.connection import client
from backend.ui.explanations import explained, show
from backend.ui.naming import channel_names
from backend.ui.phrases import ago, count, plain
from backend.ui.tracing import STATES, show_attempts, show_trace

_PAGE = 20
_REFRESH_EVERY_S = 5
_PAGES_KEY = "deliveries_pages"
_ALL = "all"
_WHICH: Mapping[str, str] = {
    _ALL: "All",
    DeliveryState.PENDING: "Waiting",
    DeliveryState.DELIVERED: "Delivered",
    DeliveryState.FAILED: "Given up",
    DeliveryState.WITHHELD: "Withheld",
}
_EVERY_CHANNEL = ""
_MOST_AT_ONCE = 200
_EARLIER = timedelta(hours=1)
"""How long before its message a sighting may have begun: a name can come late in a visit."""


def show_page() -> None:
    """The filters above the list."""
    st.title("Deliveries")
    with explained():
        channels = client().channels().channels
        cameras = {camera.camera_id: camera.camera_nickname for camera in client().cameras().cameras}
        names = channel_names(channels, client().rules().rules, cameras)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        which = st.segmented_control(
            "Which", list(_WHICH), default=_ALL, required=True, key="deliveries_which", format_func=_which
        )
        channel = st.selectbox(
            "Channel",
            [_EVERY_CHANNEL, *names],
            key="deliveries_channel",
            format_func=lambda chosen: names.get(chosen, "All channels"),
            width=300,
        )
    _list(which or _ALL, channel or None, names)


def _which(chosen: str) -> str:
    return _WHICH[chosen]


@st.fragment(run_every=_REFRESH_EVERY_S)
def _list(which: str, channel_id: str | None, names: Mapping[str, str]) -> None:
    state = None if which == _ALL else DeliveryState(which)
    wanted = (state, channel_id)
    for_which, pages = st.session_state.get(_PAGES_KEY, (wanted, 1))
    pages = pages if for_which == wanted else 1
    with explained():
        _show_given_up(channel_id)
        found, more = _fetched(state, channel_id, pages)
        about = _sightings_of(found)
    if not found:
        _show_nothing(state, channel_id)
    for delivery in found:
        with st.container(border=True, gap="xsmall", key=f"delivery-{delivery.delivery_id}"):
            _show(delivery, about.get(delivery.sighting_id), names)
    if more:
        st.button(
            "Show more",
            icon=":material/expand_more:",
            key="more_deliveries",
            on_click=_show_pages,
            args=(wanted, pages + 1),
        )


def _show_pages(wanted: tuple[DeliveryState | None, str | None], pages: int) -> None:
    st.session_state[_PAGES_KEY] = (wanted, pages)


def _fetched(state: DeliveryState | None, channel_id: str | None, pages: int) -> tuple[list[DeliveryReply], bool]:
    """The newest deliveries, that many pages of them, and whether there are more."""
    found: list[DeliveryReply] = []
    cursor: str | None = None
    for _ in range(pages):
        reply = client().deliveries(state=state, channel_id=channel_id, limit=_PAGE, cursor=cursor)
        found += reply.deliveries
        cursor = reply.next_cursor
        if cursor is None:
            break
    return found, cursor is not None


def _sightings_of(deliveries: Sequence[DeliveryReply]) -> dict[str, SightingReply]:
    """What the deliveries are about, as far as one request finds it."""
    if not deliveries:
        return {}
    times = [delivery.created_at for delivery in deliveries]
    since, until = min(times) - _EARLIER, max(times) + timedelta(seconds=1)
    found = client().sightings(since=since, until=until, limit=_MOST_AT_ONCE).sightings
    return {sighting.sighting_id: sighting for sighting in found}


def _show_given_up(channel_id: str | None) -> None:
    """How many messages were given up, with one button for all of them."""
    page = client().deliveries(state=DeliveryState.FAILED, channel_id=channel_id, limit=_MOST_AT_ONCE)
    number = len(page.deliveries)
    if not number:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="given_up"):
        told = f"{count(number, 'message')}{' or more' if page.next_cursor else ''}"
        st.markdown(f":red[:material/error:] **{told} given up.** What failed for good, or for too long, waits here.")
        st.space("stretch")
        if st.button("Send all again", icon=":material/replay:", key="send_all_again"):
            _send_again(page.deliveries)


def _show_nothing(state: DeliveryState | None, channel_id: str | None) -> None:
    if state is DeliveryState.FAILED:
        st.success("No message was given up.", icon=":material/check_circle:")
    elif state is not None or channel_id is not None:
        st.info("No message matches. Choose others above.", icon=":material/filter_alt_off:")
    else:
        st.info(
            "No message was sent yet. Each message that a rule sends appears here by itself, with every attempt at it.",
            icon=":material/outgoing_mail:",
        )
        st.page_link("views/rules.py", label="See the rules", icon=":material/rule:")


def _show(delivery: DeliveryReply, sighting: SightingReply | None, names: Mapping[str, str]) -> None:
    word, colour, icon = STATES[delivery.state]
    channel = names.get(delivery.channel_id, "a removed channel")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(word, icon=icon, color=colour)
        st.markdown(f"**{_about(sighting)}** :material/arrow_forward: {plain(channel)}", width="content")
        st.caption(ago(delivery.created_at, datetime.now(UTC)), width="content")
        st.space("stretch")
        if delivery.state is DeliveryState.FAILED and st.button(
            "Send again", type="tertiary", icon=":material/replay:", key=f"again-{delivery.delivery_id}"
        ):
            _send_again([delivery])
        if st.button("Why?", type="tertiary", icon=":material/help:", key=f"why-{delivery.delivery_id}"):
            _explain(delivery.sighting_id)
    show_attempts(delivery)


def _about(sighting: SightingReply | None) -> str:
    if sighting is None:
        return "A sighting"
    return f"{plain(sighting.display_name or 'Stranger')} at {plain(sighting.camera_nickname)}"


@st.dialog("Message", width="large", icon=":material/outgoing_mail:")
def _explain(sighting_id: str) -> None:
    show_trace(sighting_id)


def _send_again(deliveries: Sequence[DeliveryReply]) -> None:
    sent = 0
    with st.spinner(f"Sending {count(len(deliveries), 'message')} again …"):
        try:
            for delivery in deliveries:
                sent += _sent_again(delivery)
        except ClientError as error:
            show(error)
            return
    announce(f"{count(sent, 'message')} sent again.", ":material/replay:")
    st.rerun()


def _sent_again(delivery: DeliveryReply) -> bool:
    """Whether it was; one that is gone or was sent again elsewhere is not."""
    try:
        client().send_again(delivery.delivery_id)
    except Missing:
        return False
    return True


if __name__ == "__main__":
    show_page()
