"""From candidates to one decision: the only place where a similarity meets a threshold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.domain.face import Quality
from backend.domain.identity import Candidate, Decision, Verdict

UNUSABLE_QUALITY = 0.4
"""Below this nothing is said of a face: blurred and dark faces resemble each other more than their people.

Two strangers (LFW, 500 photos made smaller or blurred step by step) are 0.45 alike or more in 0.03 % of pairs at
quality 0.5–0.6, in 0.4 % at 0.4–0.5, in 1.1 % at 0.3–0.4 and in 3.1 % at 0.2–0.3.
"""

CLOSE = 0.07
"""How much a full look at a face may change its similarity: 99 of 100 by less.

Measured with LFW (1,559 people enrolled, 2,048 searches by photo, a glance against a full look). A full look at those
alone that a glance leaves this close to the threshold or to the margin decides 1 search in 1,000 otherwise than full
looks at all of them; 0.03 would be 2.4, 0.10 0.5. It falls to 1 face in 8 in that gallery, to 1 in 20 where a few dozen
people are enrolled."""


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """How alike is alike enough."""

    threshold: float
    """The similarity from which the best candidate is accepted."""
    margin: float
    """How much more alike the best candidate must be than the second."""

    def at(self, threshold: float) -> "DecisionRule":
        """The same rule with another threshold: cameras have their own."""
        return replace(self, threshold=threshold)


def decide(candidates: Sequence[Candidate], quality: Quality | None, rule: DecisionRule) -> Decision:
    """The verdict on a face with these candidates, best first; `quality` is None where it is not known."""
    return Decision(_verdict(candidates, quality, rule), rule.threshold, tuple(candidates))


def _verdict(candidates: Sequence[Candidate], quality: Quality | None, rule: DecisionRule) -> Verdict:
    if quality is not None and quality.score < UNUSABLE_QUALITY:
        return Verdict.LOW_QUALITY
    if not candidates or candidates[0].similarity < rule.threshold:
        return Verdict.UNKNOWN
    if len(candidates) > 1 and candidates[0].similarity - candidates[1].similarity < rule.margin:
        return Verdict.AMBIGUOUS
    return Verdict.MATCH


def is_close(decision: Decision, rule: DecisionRule) -> bool:
    """Whether a more exact template of the same face might be judged otherwise: see `CLOSE`."""
    if decision.verdict is Verdict.LOW_QUALITY or decision.similarity is None:
        return False
    if abs(decision.similarity - rule.threshold) < CLOSE:
        return True
    return (
        decision.verdict is not Verdict.UNKNOWN
        and decision.margin is not None
        and decision.margin - rule.margin < CLOSE
    )
