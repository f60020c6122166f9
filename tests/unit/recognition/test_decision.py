"""The verdict on a face, at the very edges of its rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.face import Quality
from backend.domain.identity import Candidate, Verdict
from backend.recognition.decision import CLOSE, UNUSABLE_QUALITY, DecisionRule, decide, is_close

RULE = DecisionRule(threshold=0.5, margin=0.125)
JUST_BELOW = 0.5 - 2**-20
MATCH, UNKNOWN, AMBIGUOUS, LOW_QUALITY = Verdict.MATCH, Verdict.UNKNOWN, Verdict.AMBIGUOUS, Verdict.LOW_QUALITY


def a_quality(score: float = 1.0) -> Quality:
    return Quality(score, face_size=100, sharpness=1, brightness=1, pose=1)


def people(*similarities: float) -> list[Candidate]:
    return [Candidate(f"person {place}", similarity) for place, similarity in enumerate(similarities)]


@pytest.mark.parametrize(
    ("similarities", "quality", "verdict"),
    [
        ((), 1.0, UNKNOWN),
        ((0.5,), 1.0, MATCH),
        ((JUST_BELOW,), 1.0, UNKNOWN),
        ((0.5, 0.375), 1.0, MATCH),
        ((0.5, 0.375 + 2**-20), 1.0, AMBIGUOUS),
        ((0.5, 0.5), 1.0, AMBIGUOUS),
        ((JUST_BELOW, JUST_BELOW), 1.0, UNKNOWN),
        ((0.9, 0.8, 0.1), 1.0, AMBIGUOUS),
        ((0.9, 0.1, 0.1), 1.0, MATCH),
        ((-0.2,), 1.0, UNKNOWN),
        ((1.0,), UNUSABLE_QUALITY, MATCH),
        ((1.0,), UNUSABLE_QUALITY - 2**-20, LOW_QUALITY),
        ((0.5, 0.5), 0.0, LOW_QUALITY),
        ((), 0.0, LOW_QUALITY),
    ],
)
def test_the_verdict_follows_from_threshold_margin_and_quality(
    similarities: tuple[float, ...], quality: float, verdict: Verdict
) -> None:
    assert decide(people(*similarities), a_quality(quality), RULE).verdict is verdict


def test_a_face_whose_quality_is_not_known_is_judged_by_its_candidates() -> None:
    assert decide(people(0.9), None, RULE).verdict is MATCH


def test_another_threshold_changes_the_verdict_and_is_told() -> None:
    decision = decide(people(0.6), a_quality(), RULE.at(0.7))
    assert (decision.verdict, decision.threshold) == (UNKNOWN, 0.7)


@given(
    similarities=st.lists(st.floats(-1, 1), max_size=5).map(lambda drawn: sorted(drawn, reverse=True)),
    quality=st.floats(0, 1),
    threshold=st.floats(0, 1),
    margin=st.floats(0, 1),
)
def test_a_name_is_given_only_from_the_threshold_on_and_ahead_by_the_margin(
    similarities: list[float], quality: float, threshold: float, margin: float
) -> None:
    decision = decide(people(*similarities), a_quality(quality), DecisionRule(threshold, margin))
    assert [candidate.similarity for candidate in decision.candidates] == similarities
    if decision.person_id is not None:
        assert decision.person_id == "person 0"
        assert similarities[0] >= threshold
        assert len(similarities) < 2 or similarities[0] - similarities[1] >= margin


@pytest.mark.parametrize(
    ("similarities", "quality", "close"),
    [
        ((), 1.0, False),
        ((0.5 + CLOSE + 0.001,), 1.0, False),
        ((0.5 + CLOSE - 0.01,), 1.0, True),
        ((0.5 - CLOSE + 0.01,), 1.0, True),
        ((0.5 - CLOSE - 0.001,), 1.0, False),
        ((0.9, 0.9 - 0.125 - CLOSE - 0.01), 1.0, False),
        ((0.9, 0.9 - 0.125 - CLOSE + 0.01), 1.0, True),
        ((0.9, 0.9), 1.0, True),
        ((0.3, 0.3), 1.0, False),
        ((0.5,), UNUSABLE_QUALITY - 0.01, False),
    ],
)
def test_a_decision_is_close_where_a_little_similarity_could_change_it(
    similarities: tuple[float, ...], quality: float, close: bool
) -> None:
    assert is_close(decide(people(*similarities), a_quality(quality), RULE), RULE) is close
