"""How verdicts are shown."""

import pytest

from backend.domain.identity import Verdict
from backend.schemas.persons import BoxReply, CandidateReply, FaceReply, LandmarksReply, PointReply, QualityReply
from backend.ui.verdicts import LOOKS, label, marks, summary


def _face(decision: Verdict, *names: str) -> FaceReply:
    point = PointReply(x=1, y=1)
    return FaceReply(
        box=BoxReply(x=1, y=2, width=3, height=4),
        landmarks=LandmarksReply(right_eye=point, left_eye=point, nose=point, right_mouth=point, left_mouth=point),
        detection_score=0.9,
        quality=QualityReply(score=0.8, face_size=90, sharpness=0.7, brightness=0.9, pose=1),
        decision=decision,
        person_id=names[0] if decision is Verdict.MATCH else None,
        similarity=0.6 if names else None,
        margin=0.01 if len(names) > 1 else None,
        candidates=[CandidateReply(person_id=name, similarity=0.6) for name in names],
    )


def _name(person_id: str) -> str:
    return {"alice": "Aunt Alice"}.get(person_id, person_id)


@pytest.mark.parametrize(
    ("face", "words"),
    [
        (_face(Verdict.MATCH, "alice", "bob"), "Aunt Alice"),
        (_face(Verdict.UNKNOWN, "alice"), "stranger"),
        (_face(Verdict.AMBIGUOUS, "alice", "bob"), "Aunt Alice or bob?"),
        (_face(Verdict.LOW_QUALITY), "unclear"),
    ],
)
def test_a_face_is_named_only_where_it_was_recognised(face: FaceReply, words: str) -> None:
    assert label(face, _name) == words


def test_every_verdict_has_a_look_and_each_its_own() -> None:
    assert LOOKS.keys() == set(Verdict)
    assert len({look.colour for look in LOOKS.values()}) == len(Verdict)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_white_is_legible_on_the_colour_of_every_label(verdict: Verdict) -> None:
    channels = [int(LOOKS[verdict].colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    # Relative luminance and contrast as WCAG 2.2 defines them.
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("faces", "words"),
    [
        ([], "No face was found in this picture."),
        ([_face(Verdict.MATCH, "alice")], "This is **Aunt Alice**."),
        ([_face(Verdict.UNKNOWN, "alice")], "This is somebody who is not enrolled."),
        ([_face(Verdict.UNKNOWN), _face(Verdict.UNKNOWN)], "2 faces found, nobody recognised."),
        ([_face(Verdict.UNKNOWN), _face(Verdict.MATCH, "bob")], "2 faces found, 1 recognised: **bob**."),
    ],
)
def test_a_picture_is_summed_up_in_one_sentence(faces: list[FaceReply], words: str) -> None:
    assert summary(faces, _name) == words


def test_marks_are_numbered_in_the_order_of_the_faces() -> None:
    drawn = marks([_face(Verdict.UNKNOWN), _face(Verdict.MATCH, "bob")], _name)
    assert [(mark.number, mark.name) for mark in drawn] == [(1, "stranger"), (2, "bob")]
