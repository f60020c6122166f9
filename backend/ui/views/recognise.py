"""Recognise: one picture in, every face in it boxed and named."""

from collections.abc import Mapping, Sequence

import streamlit as st
from PIL.Image import Image
from streamlit.typing import UploadedFile

from backend.client import Photo
from backend.domain.identity import Verdict
from backend.schemas.persons import FaceReply, RetrieveReply
from backend.schemas.profiles import Profile
from backend.ui.connection import client
from backend.ui.drawing import cut_out, jpeg, marked, upright
from backend.ui.explanations import explained
from backend.ui.naming import called, profiles_of
from backend.ui.photos import chosen_photos
from backend.ui.phrases import plain
from backend.ui.verdicts import LOOKS, Names, box, label, marks, summary

_CUT = (176, 176)
_CARD_WIDTH = 240
_FEW = 3  # so many faces are listed beside the picture; more of them below it
_TALLEST = 620
_COLUMNS = {
    "similarity": st.column_config.NumberColumn("Similarity", format="%.3f", help="Cosine, higher is more alike."),
    "margin": st.column_config.NumberColumn("Margin", format="%.3f", help="How far the best is ahead of the second."),
    "quality": st.column_config.NumberColumn("Quality", format="%.2f", help="How useful for matching, 0 to 1."),
    "size": st.column_config.NumberColumn("Size", format="%d px", help="The shorter side of the face's box."),
    "sharpness": st.column_config.NumberColumn("Sharpness", format="%.2f"),
    "brightness": st.column_config.NumberColumn("Brightness", format="%.2f"),
    "pose": st.column_config.NumberColumn("Pose", format="%.2f", help="1 looking into the camera, 0 in profile."),
    "detection": st.column_config.NumberColumn("Detection", format="%.2f", help="How certainly this is a face."),
}


def show_page() -> None:
    """Ask for a picture, then show who is in it."""
    st.title("Recognise")
    with explained():
        enrolled = client().persons().total
    if not enrolled:
        st.info("Nobody is enrolled yet, so everybody is a stranger.", icon=":material/group_add:")
        st.page_link("views/people.py", label="Enrol somebody first", icon=":material/person_add:")
    with st.container(border=True):
        files = chosen_photos("recognise", several=False).files
    if not files:
        st.caption("Give a picture, and every face in it is boxed and named. The picture is not kept.")
        return
    with explained(), st.spinner("Looking for faces …"):
        reply, people = _identified(files[0].file_id, files[0])
    _show_result(files[0].getvalue(), reply, people)


@st.cache_data(scope="session", max_entries=3, show_spinner=False)
def _identified(file_id: str, _file: UploadedFile) -> tuple[RetrieveReply, dict[str, Profile]]:
    """Ask once for each upload, which `file_id` names, and not again with every click on the page.

    The people are those of the answer, by id.
    """
    reply = client().identify(Photo(_file.name, _file.getvalue()))
    ids = [candidate.person_id for face in reply.faces for candidate in face.candidates]
    return reply, profiles_of(client(), ids)


def _show_result(content: bytes, reply: RetrieveReply, people: Mapping[str, Profile]) -> None:
    def name(person_id: str) -> str:
        known = people.get(person_id)
        return (known and known.display_name) or person_id

    st.subheader(summary(reply.faces, name), anchor=False)
    if not reply.faces:
        st.markdown("Use a picture in which faces are at least 20 pixels wide, lit well and not turned away.")
    image = upright(content)
    few = len(reply.faces) <= _FEW
    seen, told = st.columns([3, 2], gap="large") if few else (st.container(), st.container())
    with seen:
        _show_picture(image, reply.faces, name)
    with told, st.grid(1 if few else "auto", min_column_width=_CARD_WIDTH, gap="xsmall"):
        for number, face in enumerate(reply.faces, start=1):
            cut = None if image is None else jpeg(cut_out(image, box(face.box), _CUT, margin=0.3))
            _show_face(number, face, cut, reply.threshold, name)
    if reply.faces:
        _show_figures(reply, people)


def _show_picture(image: Image | None, faces: Sequence[FaceReply], name: Names) -> None:
    if image is None:
        st.caption("This picture cannot be shown here; the faces in it are listed all the same.")
        return
    drawn = marked(image, marks(faces, name))
    # Not so wide that a tall picture leaves no room for the faces below it.
    width = min(drawn.width, round(_TALLEST * drawn.width / drawn.height))
    st.image(jpeg(drawn), width=width, alt="The picture with its faces boxed")


def _show_face(number: int, face: FaceReply, cut: bytes | None, threshold: float, name: Names) -> None:
    look = LOOKS[face.decision]
    with st.container(border=True, horizontal=True, vertical_alignment="center", wrap=False):
        if cut is not None:
            st.image(cut, width=88, alt=f"Face {number}")
        with st.container(gap="xsmall"):
            st.markdown(f"**{number}  {plain(label(face, name))}**")
            st.badge(look.word, icon=look.icon, color=look.badge)
            st.caption(_reason(face, threshold, name))


def _reason(face: FaceReply, threshold: float, name: Names) -> str:
    """Why the verdict is what it is."""
    if face.decision is Verdict.LOW_QUALITY:
        return f"Quality {face.quality.score:.2f}, {face.quality.face_size:.0f} pixels wide."
    if face.similarity is None or not face.candidates:
        return "Nobody to compare with."
    if face.decision is Verdict.MATCH:
        return f"Similarity {face.similarity:.2f}; {threshold:.2f} is enough."
    if face.decision is Verdict.AMBIGUOUS:
        return f"Similarity {face.similarity:.2f}, only {face.margin or 0:.3f} ahead of the next."
    return f"Nearest: {plain(name(face.candidates[0].person_id))}, {face.similarity:.2f}; {threshold:.2f} is needed."


def _show_figures(reply: RetrieveReply, people: Mapping[str, Profile]) -> None:
    def name(person_id: str) -> str:
        return called(people[person_id]) if person_id in people else person_id

    with st.expander("All figures", icon=":material/table_chart:"):
        st.dataframe(
            [_row(number, face, name) for number, face in enumerate(reply.faces, start=1)],
            column_config=_COLUMNS,
            hide_index=True,
        )
        st.caption(f"Model {plain(reply.model)}, threshold {reply.threshold:.2f}. Sizes are in pixels of the picture.")


def _row(number: int, face: FaceReply, name: Names) -> dict[str, str | int | float | None]:
    quality = face.quality
    return {
        "#": number,
        "verdict": LOOKS[face.decision].word,
        "person": name(face.person_id) if face.person_id else "–",
        "similarity": face.similarity,
        "margin": face.margin,
        "candidates": ", ".join(f"{name(other.person_id)} {other.similarity:.2f}" for other in face.candidates) or "–",
        "quality": quality.score,
        "size": quality.face_size,
        "sharpness": quality.sharpness,
        "brightness": quality.brightness,
        "pose": quality.pose,
        "detection": face.detection_score,
    }


if __name__ == "__main__":
    show_page()
