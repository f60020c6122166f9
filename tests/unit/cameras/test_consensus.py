"""When are the looks at a face enough to say who it is?"""

import pytest

from backend.cameras.consensus import Consensus
from backend.domain.identity import Candidate, Decision, Verdict
from tests.unit.cameras.drawings import Cast, moments

THRESHOLD = 0.5


def _consensus(looks: str, cast: Cast | None = None) -> Consensus:
    """What gathers these looks: a letter each, see drawings."""
    consensus = Consensus()
    for faces in moments("\n".join(looks), cast):
        for face in faces.values():
            consensus.add(face)
    return consensus


def _decision(similarity: float | None, verdict: Verdict | None = None) -> Decision:
    """What the gallery says where the nearest person is so alike; None is an empty gallery."""
    candidates = () if similarity is None else (Candidate("alice", similarity),)
    matches = similarity is not None and similarity >= THRESHOLD
    return Decision(verdict or (Verdict.MATCH if matches else Verdict.UNKNOWN), THRESHOLD, candidates)


UNCLEAR = Cast(quality={"A": 0.6})  # good, but not clear


@pytest.mark.parametrize(
    ("looks", "similarity", "enough"),
    [
        ("", 0.9, False),
        ("a", 0.9, False),  # a poor look says nothing, however alike
        ("aaaaaaaaaaaa", 0.9, False),
        ("A", 0.61, True),  # sure at once
        ("A", 0.55, False),  # not rushed
        ("Aa", 0.55, False),
        ("AA", 0.55, True),
    ],
)
def test_a_name_is_said_after_one_sure_look_or_two_good_ones(looks: str, similarity: float, enough: bool) -> None:
    assert _consensus(looks).suffices(_decision(similarity)) is enough


@pytest.mark.parametrize(
    ("looks", "similarity", "enough"),
    [
        ("aaaaaaaaaaaaaaaaaaaa", None, False),  # only of somebody who was seen well
        ("AA", None, False),
        ("AAA", None, True),
        ("AaaaAA", None, True),
        ("AAA", 0.39, True),
        ("AAA", 0.41, False),  # nearly alice: there is time
        ("A" * 14, 0.41, False),
        ("A" * 15, 0.41, True),
    ],
)
def test_a_stranger_is_called_unknown_after_clear_looks_and_sooner_who_resembles_nobody(
    looks: str, similarity: float | None, enough: bool
) -> None:
    assert _consensus(looks).suffices(_decision(similarity)) is enough


@pytest.mark.parametrize(("count", "enough"), [(3, False), (7, False), (8, True)])
def test_looks_that_are_not_clear_take_longer_to_tell_a_stranger(count: int, enough: bool) -> None:
    assert _consensus("A" * count, UNCLEAR).suffices(_decision(0.2)) is enough


def test_who_resembles_two_people_is_waited_for_like_one_who_nearly_matches() -> None:
    ambiguous = _decision(0.7, Verdict.AMBIGUOUS)
    assert not _consensus("A" * 14).suffices(ambiguous)
    assert _consensus("A" * 15).suffices(ambiguous)


@pytest.mark.parametrize(
    ("looks", "similarity", "enough"),
    [
        ("a", 0.9, False),
        ("A", 0.51, True),
        ("A", 0.3, False),  # a thing taken for a face is rarely so twice
        ("Aa", 0.3, False),
        ("AA", 0.3, True),
        ("AA", 0.45, True),
    ],
)
def test_of_somebody_who_is_gone_less_is_enough(looks: str, similarity: float, enough: bool) -> None:
    assert _consensus(looks).suffices(_decision(similarity), ended=True) is enough


def test_what_the_detector_is_not_sure_of_never_becomes_a_stranger() -> None:
    lamp = Cast(score={"L": 0.7})
    assert not _consensus("L" * 50, lamp).suffices(_decision(None), ended=True)


def test_the_average_is_more_like_the_face_than_a_single_look() -> None:
    cast = Cast()
    face = cast.enrolled("A", 1.0)
    assert _consensus("A", cast).template.similarity(face) < 0.93
    assert _consensus("AAAAA", cast).template.similarity(face) > 0.97


def test_poor_looks_do_not_spoil_the_average_of_good_ones() -> None:
    cast = Cast()
    assert _consensus("aAaaaa", cast).template.similarity(cast.enrolled("A", 1.0)) > 0.9


def test_the_average_is_made_of_the_best_five_looks() -> None:
    cast = Cast(quality={"A": 0.95, "B": 0.9})
    consensus = _consensus("BBBBBAAAAA", cast)
    assert consensus.template.similarity(cast.enrolled("B", 1.0)) < 0.1
    assert consensus.quality.score == 0.95


def test_of_equal_looks_the_newer_ones_count() -> None:
    cast = Cast()
    assert _consensus("AAAAABBBBB", cast).template.similarity(cast.enrolled("B", 1.0)) > 0.97


def test_a_face_that_came_back_brings_its_looks_along() -> None:
    first, later = _consensus("A"), _consensus("AA")
    first.take_over(later)
    assert first.suffices(_decision(None))


@pytest.mark.parametrize(
    ("looks", "similarity", "settled"),
    [("AAAA", 0.9, False), ("AAAAA", 0.9, True), ("AAAAA", 0.2, True), ("A" * 20, 0.45, False)],
)
def test_more_looks_are_wanted_until_there_are_five_good_ones_and_as_long_as_it_is_close(
    looks: str, similarity: float, settled: bool
) -> None:
    assert _consensus(looks).is_settled(_decision(similarity)) is settled
