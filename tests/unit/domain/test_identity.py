"""A decision says who it is only when it is a match."""

import pytest

from backend.domain.identity import Candidate, Decision, Verdict

ALICE, BOB = Candidate("alice", 0.75), Candidate("bob", 0.25)


def test_a_match_names_the_best_candidate() -> None:
    decision = Decision(Verdict.MATCH, 0.5, (ALICE, BOB))
    assert (decision.person_id, decision.similarity, decision.margin) == ("alice", 0.75, 0.5)


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.MATCH])
def test_any_other_verdict_names_nobody_and_still_says_how_near_it_was(verdict: Verdict) -> None:
    decision = Decision(verdict, 0.5, (ALICE, BOB))
    assert (decision.person_id, decision.similarity) == (None, 0.75)


def test_there_is_no_margin_with_one_person_and_no_similarity_with_none() -> None:
    assert Decision(Verdict.MATCH, 0.5, (ALICE,)).margin is None
    assert Decision(Verdict.UNKNOWN, 0.5).similarity is None
