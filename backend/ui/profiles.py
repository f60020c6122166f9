"""The dialog in which it is said what a person is called, and what groups they are in."""

from collections.abc import Iterable, Sequence

import streamlit as st
from pydantic import ValidationError

from backend.client import ClientError, Missing
from backend.schemas.profiles import Profile, ProfileChange
from backend.ui.announcements import announce
from backend.ui.connection import client
from backend.ui.explanations import faults, show
from backend.ui.form_dialog import FormDialog
from backend.ui.phrases import count, plain

_DIALOG = FormDialog("profile")
_FACES = 12
"""How many faces are shown: two rows of them."""
_FACE_WIDTH = 72
_LABELS = {"display_name": "Display name", "note": "Note", "groups": "Groups"}


def groups_of(people: Iterable[Profile]) -> list[str]:
    """Every group that somebody is in, sorted."""
    return sorted({group for person in people for group in person.groups}, key=str.casefold)


def open_form(person: Profile) -> None:
    """Have this run and the next ones show the form for this person."""
    _DIALOG.open(person.person_id)


def show_form(people: Sequence[Profile]) -> None:
    """Show the form where it is open; the groups of all people are offered beside new ones."""
    person = next((person for person in people if person.person_id == _DIALOG.about), None)
    if person is not None:
        dialog = st.dialog("About this person", icon=":material/edit:", on_dismiss=_DIALOG.close)
        dialog(_form)(person, groups_of(people))


def _form(person: Profile, groups: Sequence[str]) -> None:
    key = _DIALOG.key
    st.markdown(f"**{plain(person.person_id)}**")
    _show_faces(person)
    name = st.text_input(
        _LABELS["display_name"],
        person.display_name or "",
        key=f"{key}-name",
        max_chars=128,
        placeholder=person.person_id,
        help="What messages call them; left empty, their id.",
    )
    chosen = st.multiselect(
        _LABELS["groups"],
        groups,
        default=person.groups,
        key=f"{key}-groups",
        accept_new_options=True,
        placeholder="Choose or type, such as family",
        help="What rules may be about: family, neighbours, staff …",
    )
    note = st.text_area(_LABELS["note"], person.note or "", key=f"{key}-note", max_chars=2000)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key=f"{key}-cancel"):
            _DIALOG.close()
            st.rerun()
        if st.button("Save", type="primary", icon=":material/check:", key=f"{key}-save"):
            _save(person, {"display_name": name.strip() or None, "note": note.strip() or None, "groups": chosen})


def _show_faces(person: Profile) -> None:
    """The faces that the person is recognised by: one that is somebody else's is seen at once."""
    try:
        listed = client().faces(person.person_id, limit=_FACES)
        shown = [(face.source_name, _picture(person.person_id, face.face_id)) for face in listed.faces if face.picture]
    except Missing:
        # Removed by somebody else meanwhile: whoever saves is told.
        return
    except ClientError as error:
        show(error)
        return
    if shown:
        with st.container(horizontal=True, gap="xsmall", key=f"{_DIALOG.key}-faces"):
            for name, picture in shown:
                st.image(picture, width=_FACE_WIDTH, alt=name)
    if shown and listed.total > len(shown):
        st.caption(f"and {count(listed.total - len(shown), 'face')} more")


@st.cache_data(scope="session", max_entries=200, show_spinner=False)
def _picture(person_id: str, face_id: str) -> bytes:
    """A face's picture, which never changes."""
    return client().face_picture(person_id, face_id)


def _save(person: Profile, entries: dict[str, object]) -> None:
    try:
        client().change_profile(person.person_id, ProfileChange.model_validate(entries))
    except ValidationError as error:
        st.error("  \n".join(map(plain, faults(error, _LABELS))), icon=":material/edit:")
        return
    except ClientError as error:
        show(error)
        return
    _DIALOG.close()
    announce(f"{plain(person.person_id)} is saved.", ":material/check:")
    st.rerun()
