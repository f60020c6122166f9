"""Sightings: who passed which camera when, newest first, with pictures."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo

import streamlit as st

from backend.client import Missing
from backend.domain.identity import Verdict
from backend.domain.sighting import SightingFilter
from backend.schemas.sightings import SightingReply
from backend.ui.connection import client
from backend.ui.drawing import Mark, cut_out, jpeg, marked, upright
from backend.ui.explanations import explained
from backend.ui.phrases import ago, clock, count, duration, plain, zone
from backend.ui.tracing import show_trace
from backend.ui.verdicts import LOOKS, box

_PAGE = 24
_REFRESH_EVERY_S = 5
_CARD = (480, 360)
_SEEN_CAMERAS_KEY = "seen_cameras"
_PAGES_KEY = "sightings_pages"
# No person's id has an asterisk in it.
_EVERYBODY, _STRANGERS = "*everybody", "*strangers"
_WHO = {_EVERYBODY: "Everybody", _STRANGERS: "Strangers only"}
_EVERYWHERE = ""


def show_page() -> None:
    """The filters above the gallery."""
    st.title("Sightings")
    with explained():
        cameras = {camera.camera_id: camera.camera_nickname for camera in client().cameras().cameras}
        persons = [person.person_id for person in client().persons().persons]
    wanted = _ask(cameras, persons)
    _gallery(wanted, any_camera=bool(cameras))


def _ask(cameras: Mapping[str, str], persons: Sequence[str]) -> SightingFilter:
    # Cameras that were removed are known from their sightings alone.
    names = {**st.session_state.get(_SEEN_CAMERAS_KEY, {}), **cameras}
    where, who, when = st.columns(3)
    camera = where.selectbox(
        "Camera",
        [_EVERYWHERE, *sorted(names, key=lambda known: names[known].casefold())],
        format_func=lambda known: _camera_name(known, names),
        key="sightings_camera",
    )
    person = who.selectbox(
        "Person",
        [_EVERYBODY, _STRANGERS, *persons],
        format_func=lambda known: _WHO.get(known, known),
        key="sightings_who",
    )
    days = when.date_input(
        "Days", value=[], key="sightings_days", format="YYYY-MM-DD", help="One day, or first and last."
    )
    since, until = _span(days, zone(st.context.timezone))
    known = None if person in _WHO else person
    return SightingFilter(camera or None, known, person == _STRANGERS, since, until)


def _camera_name(camera_id: str, names: Mapping[str, str]) -> str:
    if camera_id == _EVERYWHERE:
        return "All cameras"
    name = names[camera_id]
    alone = list(names.values()).count(name) == 1
    return name if alone else f"{name} ({camera_id[-4:]})"


def _span(days: Sequence[date], where: tzinfo) -> tuple[datetime | None, datetime | None]:
    """From the first moment of the first day to the first after the last; a single day is both."""
    if not days:
        return None, None
    first, after = days[0], days[-1] + timedelta(days=1)
    return datetime.combine(first, time(), where), datetime.combine(after, time(), where)


@st.fragment(run_every=_REFRESH_EVERY_S)
def _gallery(wanted: SightingFilter, any_camera: bool) -> None:
    for_whom, pages = st.session_state.get(_PAGES_KEY, (wanted, 1))
    pages = pages if for_whom == wanted else 1
    with explained():
        found, more = _fetched(wanted, pages)
        if not found:
            _show_nothing(wanted, any_camera)
            return
        grid = st.grid("auto", min_column_width=230, border=True, gap="small", key="gallery")
        for sighting in found:
            with grid.cell(), st.container(gap="xsmall"):
                _show_card(sighting)
    st.session_state.setdefault(_SEEN_CAMERAS_KEY, {}).update({seen.camera_id: seen.camera_nickname for seen in found})
    if more:
        st.button(
            "Show more",
            icon=":material/expand_more:",
            key="more_sightings",
            on_click=_show_pages,
            args=(wanted, pages + 1),
        )


def _show_pages(wanted: SightingFilter, pages: int) -> None:
    st.session_state[_PAGES_KEY] = (wanted, pages)


def _fetched(wanted: SightingFilter, pages: int) -> tuple[list[SightingReply], bool]:
    """The newest sightings, that many pages of them, and whether there are more."""
    found: list[SightingReply] = []
    cursor: str | None = None
    for _ in range(pages):
        reply = client().sightings(
            camera_id=wanted.camera_id,
            person_id=wanted.person_id,
            unknown=wanted.unknown_only,
            since=wanted.since,
            until=wanted.until,
            limit=_PAGE,
            cursor=cursor,
        )
        found += reply.sightings
        cursor = reply.next_cursor
        if cursor is None:
            break
    return found, cursor is not None


def _show_nothing(wanted: SightingFilter, any_camera: bool) -> None:
    if wanted != SightingFilter():
        st.info("No sighting matches. Choose another camera, person or day.", icon=":material/filter_alt_off:")
    elif any_camera:
        st.info(
            "Nobody has passed a camera yet. The first sighting appears here by itself.", icon=":material/visibility:"
        )
    else:
        st.info("Nothing can be seen before a camera is watched.", icon=":material/videocam_off:")
        st.page_link("views/cameras.py", label="Watch a camera", icon=":material/videocam:")


def _show_card(sighting: SightingReply) -> None:
    now, where = datetime.now(UTC), zone(st.context.timezone)
    cut = _card_picture(sighting)
    if cut is None:
        st.caption("No picture of this sighting is left.")
    else:
        st.image(cut, width="stretch", alt=f"{_name(sighting)} at {sighting.camera_nickname}")
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(f"**{plain(_name(sighting))}**", width="content")
        if sighting.ended_at is None:
            st.badge("here now", color="green", icon=":material/sensors:")
    st.caption(
        f":material/videocam: {plain(sighting.camera_nickname)}  \n"
        f":material/schedule: {clock(sighting.started_at, where, now)}, {ago(sighting.started_at, now)}  \n"
        f":material/compare: {_likeness(sighting)}"
    )
    if st.button("Open", key=f"open-{sighting.sighting_id}", icon=":material/open_in_full:", type="tertiary"):
        _open(sighting)


def _name(sighting: SightingReply) -> str:
    return sighting.display_name or "Stranger"


def _likeness(sighting: SightingReply) -> str:
    if sighting.similarity is None:
        return "nobody to compare with"
    return f"similarity {sighting.similarity:.2f}, threshold {sighting.threshold:.2f}"


def _card_picture(sighting: SightingReply) -> bytes | None:
    # A better picture may replace the first while the person is still there.
    version = sighting.looks if sighting.ended_at is None else -1
    return _face_cut(sighting.sighting_id, version, sighting) if sighting.picture else None


@st.cache_data(scope="session", max_entries=500, show_spinner=False)
def _face_cut(sighting_id: str, version: int, _sighting: SightingReply) -> bytes | None:
    """The face and what is around it, fetched once for each version of the picture."""
    content = _picture(sighting_id)
    image = None if content is None else upright(content)
    return None if image is None else jpeg(cut_out(image, box(_sighting.face_box), _CARD))


def _picture(sighting_id: str) -> bytes | None:
    try:
        return client().picture(sighting_id)
    except Missing:
        return None


@st.dialog("Sighting", width="large", icon=":material/visibility:")
def _open(sighting: SightingReply) -> None:
    with explained():
        content = _picture(sighting.sighting_id) if sighting.picture else None
    shown, told = st.columns([3, 2], gap="medium")
    with shown:
        _show_whole(sighting, content)
    with told:
        _tell(sighting, content)
    show_trace(sighting.sighting_id)


def _show_whole(sighting: SightingReply, content: bytes | None) -> None:
    image = None if content is None else upright(content)
    if image is None:
        st.caption("No picture of this sighting is left.")
        return
    colour = LOOKS[Verdict.MATCH if sighting.person_id else Verdict.UNKNOWN].colour
    mark = Mark(box(sighting.face_box), colour, name=_name(sighting))
    st.image(jpeg(marked(image, [mark])), width="stretch", alt=f"{_name(sighting)}, boxed")


def _tell(sighting: SightingReply, content: bytes | None) -> None:
    now, where = datetime.now(UTC), zone(st.context.timezone)
    lasted = duration((sighting.last_seen_at - sighting.started_at).total_seconds())
    st.markdown(f"**{plain(_name(sighting))}**")
    st.markdown(
        f":material/videocam: {plain(sighting.camera_nickname)}  \n"
        f":material/schedule: {clock(sighting.started_at, where, now)}, for {lasted}  \n"
        f":material/compare: {_likeness(sighting)}  \n"
        f":material/visibility: {count(sighting.looks, 'look')}"
    )
    if content is not None:
        name = f"{sighting.started_at.astimezone(where):%Y-%m-%d-%H%M%S}.jpg"
        st.download_button(
            "Save the picture", content, name, "image/jpeg", icon=":material/download:", on_click="ignore"
        )


if __name__ == "__main__":
    show_page()
