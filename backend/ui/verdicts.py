"""How a face's verdict is shown: its colour in pictures, its badge, and its words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from backend.domain.geometry import Box
from backend.domain.identity import Verdict
from backend.schemas.persons import BoxReply, FaceReply
from backend.ui.drawing import Mark
from backend.ui.phrases import count, plain

Names: TypeAlias = Callable[[str], str]
"""What the person of an id is called."""
BadgeColour = Literal["green", "blue", "orange", "gray"]


@dataclass(frozen=True, slots=True)
class Look:
    """How one verdict looks; all colours carry white text legibly (WCAG AA, 4.5 : 1)."""

    colour: str
    badge: BadgeColour
    icon: str
    word: str


LOOKS: Mapping[Verdict, Look] = {
    Verdict.MATCH: Look("#15803d", "green", ":material/check:", "Recognised"),
    Verdict.UNKNOWN: Look("#2563a8", "blue", ":material/person_search:", "Stranger"),
    Verdict.AMBIGUOUS: Look("#a15c00", "orange", ":material/alt_route:", "Ambiguous"),
    Verdict.LOW_QUALITY: Look("#5f6b73", "gray", ":material/blur_on:", "Too poor to say"),
}


def box(reply: BoxReply) -> Box:
    """The box as a word of the domain."""
    return Box(reply.x, reply.y, reply.width, reply.height)


def label(face: FaceReply, names: Names) -> str:
    """Who the face is, in a few plain words."""
    if face.decision is Verdict.MATCH and face.person_id is not None:
        return names(face.person_id)
    if face.decision is Verdict.AMBIGUOUS and len(face.candidates) > 1:
        return f"{names(face.candidates[0].person_id)} or {names(face.candidates[1].person_id)}?"
    return {Verdict.UNKNOWN: "stranger", Verdict.LOW_QUALITY: "unclear"}.get(face.decision, "ambiguous")


def marks(faces: Sequence[FaceReply], names: Names) -> list[Mark]:
    """The boxes and labels of the faces, numbered from 1 in their order."""
    return [
        Mark(box(face.box), LOOKS[face.decision].colour, number, label(face, names))
        for number, face in enumerate(faces, start=1)
    ]


def summary(faces: Sequence[FaceReply], names: Names) -> str:
    """All faces of a picture in one sentence of Markdown."""
    if not faces:
        return "No face was found in this picture."
    if len(faces) == 1:
        return _ALONE[faces[0].decision].format(plain(label(faces[0], names)))
    known = [f"**{plain(names(face.person_id))}**" for face in faces if face.person_id is not None]
    found = f"{count(len(faces), 'face')} found"
    return f"{found}, {len(known)} recognised: {', '.join(known)}." if known else f"{found}, nobody recognised."


_ALONE: Mapping[Verdict, str] = {
    Verdict.MATCH: "This is **{}**.",
    Verdict.UNKNOWN: "This is somebody who is not enrolled.",
    Verdict.AMBIGUOUS: "This could be **{}** They are too alike to tell here.",
    Verdict.LOW_QUALITY: "The face is too small, blurred or turned away to say who it is.",
}
