"""People: enrol from files or the webcam, see who is enrolled, remove."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from backend.client import ClientError, Photo, Refused
from backend.schemas.persons import AddReply, RejectedPhoto
from backend.schemas.profiles import Profile
from backend.ui.announcements import announce
from backend.ui.connection import client
from backend.ui.drawing import thumbnail
from backend.ui.explanations import advice, explained, show
from backend.ui.layout import HALVES_GAP, NARROWEST_HALF
from backend.ui.photos import chosen_photos, distinctly_named
from backend.ui.phrases import count, plain
from backend.ui.profiles import open_form, show_form

_VERDICT_KEY = "enrolment"
_ROUND_KEY = "enrolment_round"
_NAME_KEY = "enrolment_name"
_SHOWN_KEY = "people_shown"
_PAGE = 50
_SEARCH_FROM = 6
_THUMBNAIL = (192, 192)  # twice the size in which it is shown, for dense screens


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What became of the photos of one enrolment."""

    person_id: str | None
    """None where no photo was taken, and so nobody enrolled."""
    embeddings: int
    photos: tuple[tuple[Photo, RejectedPhoto | None], ...]

    @property
    def taken(self) -> int:
        """How many photos are enrolled now."""
        return sum(fault is None for _, fault in self.photos)


def show_page() -> None:
    """Enrolment on the left, everybody enrolled on the right."""
    st.title("People")
    with explained():
        known = list(client().everybody())
    halves = st.grid(2, min_column_width=NARROWEST_HALF, gap=HALVES_GAP)
    with halves.cell():
        _enrol(known)
    with halves.cell():
        _list(known)
    show_form(known)


def _enrol(known: Sequence[Profile]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Enrol", anchor=False)
    begun = st.session_state.setdefault(_ROUND_KEY, 0)
    with st.container(border=True):
        name = _ask_name(begun, known)
        chosen = chosen_photos(f"enrol-{begun}", several=True)
        files = chosen.files
        label = f"Enrol {count(len(files), 'photo')}" if files else "Enrol"
        if st.button(label, type="primary", icon=":material/person_add:", disabled=not files, key="enrol"):
            # Before the webcam the next photo is most likely of the same person; of files, it is of another.
            st.session_state[_NAME_KEY] = name if chosen.by_webcam else ""
            _send(name, distinctly_named((file.name, file.getvalue()) for file in files))
    if (done := st.session_state.get(_VERDICT_KEY)) is not None:
        _show_verdict(done)


def _ask_name(begun: int, known: Sequence[Profile]) -> str:
    typed = st.text_input(
        "Name",
        str(st.session_state.get(_NAME_KEY, "")),
        key=f"name-{begun}",
        placeholder="alice",
        max_chars=128,
        help="Letters, digits, spaces and `._-@`. Left empty, the person gets a made-up id.",
    )
    name = typed.strip()
    entry = next((person for person in known if person.person_id == name), None)
    if entry is not None:
        st.caption(f"{plain(name)} has {count(entry.embeddings, 'photo')}; these are added.")
    else:
        st.caption("Three to five photos from different days and angles recognise a person best.")
    return name


def _send(name: str, photos: Sequence[Photo]) -> None:
    """Enrol, keep the verdict for the next run, and begin a new round where the photos were judged."""
    try:
        with st.spinner(f"Looking at {count(len(photos), 'photo')} …"):
            done = _enrolment(client().enrol(photos, person_id=name or None), photos)
    except Refused as error:
        if not error.rejected:
            show(error)
            return
        done = Enrolment(None, 0, _paired(photos, error.rejected))
    except ClientError as error:
        show(error)
        return
    st.session_state[_VERDICT_KEY] = done
    st.session_state[_ROUND_KEY] += 1
    st.rerun()


def _enrolment(reply: AddReply, photos: Sequence[Photo]) -> Enrolment:
    return Enrolment(reply.person_id, reply.embeddings, _paired(photos, reply.rejected))


def _paired(
    photos: Sequence[Photo], rejected: Sequence[RejectedPhoto]
) -> tuple[tuple[Photo, RejectedPhoto | None], ...]:
    faults = {fault.filename: fault for fault in rejected}
    return tuple((photo, faults.get(photo.filename)) for photo in photos)


def _show_verdict(done: Enrolment) -> None:
    with st.container(key="verdict"):
        _show_headline(done)
        for photo, fault in done.photos:
            with st.container(border=True, horizontal=True, vertical_alignment="center", wrap=False):
                _show_photo(photo, fault)
        if st.button("Done", icon=":material/check:", key="verdict_read"):
            del st.session_state[_VERDICT_KEY]
            st.rerun()


def _show_headline(done: Enrolment) -> None:
    if done.person_id is None:
        st.error("No photo could be used, so nobody was enrolled.", icon=":material/error:")
        return
    total = len(done.photos)
    taken = count(total, "photo") if done.taken == total else f"{done.taken} of {count(total, 'photo')}"
    st.success(f"**{plain(done.person_id)}**: {taken} taken, {done.embeddings} in all.", icon=":material/check_circle:")


def _show_photo(photo: Photo, fault: RejectedPhoto | None) -> None:
    small = _small(photo.content)
    if small is not None:
        st.image(small, width=_THUMBNAIL[0] // 2, alt=photo.filename)
    with st.container(gap="xsmall"):
        st.markdown(f"**{plain(photo.filename)}**")
        if fault is None:
            st.badge("Taken", icon=":material/check:", color="green")
        else:
            st.badge("Not taken", icon=":material/close:", color="red")
            st.markdown(f"{plain(fault.message)} {advice(fault)}")


@st.cache_data(scope="session", max_entries=200, show_spinner=False)
def _small(content: bytes) -> bytes | None:
    return thumbnail(content, _THUMBNAIL)


def _list(known: Sequence[Profile]) -> None:
    photos = sum(person.embeddings for person in known)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Enrolled", width="content", anchor=False)
        if known:
            st.badge(f"{count(len(known), 'person', 'people')}, {count(photos, 'photo')}", color="gray")
    if not known:
        st.info(
            "Nobody is enrolled yet. Give a name and a photo or two, and the person is recognised from then on: in "
            "pictures and on every camera.",
            icon=":material/group_add:",
        )
        return
    _show_people(_matching(known))


def _matching(persons: Sequence[Profile]) -> list[Profile]:
    if len(persons) < _SEARCH_FROM:
        return list(persons)
    wanted = st.text_input(
        "Search", placeholder="Search", icon=":material/search:", label_visibility="collapsed", key="search", live=True
    )
    sought = (wanted or "").strip().casefold()
    return [person for person in persons if any(sought in said.casefold() for said in _said_of(person))]


def _said_of(person: Profile) -> tuple[str, ...]:
    return (person.person_id, person.display_name or "", *person.groups)


def _show_people(persons: Sequence[Profile]) -> None:
    if not persons:
        st.caption("Nobody of that name.")
        return
    shown = st.session_state.setdefault(_SHOWN_KEY, _PAGE)
    with st.container(border=True, gap="xsmall", key="people"):
        for person in persons[:shown]:
            _show_person(person)
    if len(persons) > shown and st.button(f"Show more ({len(persons) - shown:,} left)", key="more_people"):
        st.session_state[_SHOWN_KEY] += _PAGE
        st.rerun()


def _show_person(person: Profile) -> None:
    key = f"person-{person.person_id}"
    with st.container(horizontal=True, vertical_alignment="center", wrap=False, key=key):
        with st.container(gap="xsmall"):
            _show_profile(person)
        st.badge(count(person.embeddings, "photo"), color="gray")
        if st.button("Edit", type="tertiary", icon=":material/edit:", key=f"edit-{person.person_id}"):
            open_form(person)
        if st.button(
            "Remove",
            type="tertiary",
            icon=":material/delete:",
            key=f"remove-{person.person_id}",
        ):
            _confirm_removal(person)


def _show_profile(person: Profile) -> None:
    name = f"  {plain(person.display_name)}" if person.display_name else ""
    st.markdown(f"**{plain(person.person_id)}**{name}")
    if person.groups:
        with st.container(horizontal=True, gap="xsmall"):
            for group in person.groups:
                st.badge(plain(group), icon=":material/group:", color="blue")
    if person.note:
        st.caption(plain(person.note))


@st.dialog("Remove this person?", icon=":material/delete:")
def _confirm_removal(person: Profile) -> None:
    st.markdown(
        f"**{plain(person.person_id)}** and {count(person.embeddings, 'photo')} will be forgotten at once, "
        "and not recognised any more. Past sightings stay. This cannot be undone."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep", key="keep_person"):
            st.rerun()
        if st.button("Remove", type="primary", icon=":material/delete:", key="remove_person"):
            _remove(person)


def _remove(person: Profile) -> None:
    try:
        client().remove_person(person.person_id)
    except ClientError as error:
        show(error)
        return
    announce(f"{plain(person.person_id)} was removed.", ":material/delete:")
    st.rerun()


if __name__ == "__main__":
    show_page()
