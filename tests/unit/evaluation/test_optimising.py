"""What a coarser precision loses is counted rightly, and it is kept for gaining more than it loses."""

import numpy as np
import pytest

from backend.domain.face import Template
from backend.evaluation.optimising import Agreement, Bounds, Form, Outcome, agreement, face_pairs, outcome
from backend.evaluation.speed import Span

BOUNDS = Bounds(loss=0.005, similarity=0.97)
SLOW, FAST = Span(0.02, 0.02), Span(0.01, 0.01)


def templates(vectors: np.ndarray) -> list[Template]:
    return [Template(vector, "toy") for vector in (vectors / np.linalg.norm(vectors, axis=1, keepdims=True))]


def people(count: int, looks: int, spread: float, seed: int = 0) -> np.ndarray:
    """Looks of people around centres of their own, a person's after one another."""
    chance = np.random.default_rng(seed)
    centres = np.repeat(chance.normal(size=(count, 32)), looks, axis=0)
    return np.asarray(centres + spread * chance.normal(size=centres.shape), np.float32)


def measured(loss: float = 0.0, similar: float = 0.99, made: Span = FAST, usual: str = "f32") -> Outcome:
    forms = [Form("f32", 0.99, SLOW), *([Form("bf16", 0.99, FAST)] if usual == "bf16" else [])]
    return Outcome([*forms, Form("int8", 0.99 - loss, made)], Agreement(0.9, similar, 1), 0.99)


def test_what_loses_little_and_gains_time_has_no_fault() -> None:
    assert measured(loss=0.005).faults(BOUNDS) == []


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (measured(loss=0.006), "the accuracy is 0.60 points lower, and 0.5 may be lost"),
        (measured(similar=0.96), "a similarity below 0.960"),
        (measured(similar=float("nan")), "a similarity below nan"),
        (measured(made=Span(0.01, 0.019)), "95 % of the time of f32: no gain"),
        (measured(usual="bf16"), "100 % of the time of bf16: no gain"),
    ],
)
def test_each_fault_is_named(found: Outcome, fault: str) -> None:
    (named,) = found.faults(BOUNDS)
    assert fault in named


def test_a_gallery_enrolled_before_counts_too() -> None:
    forms = [Form("f32", 0.99, SLOW), Form("int8", 0.99, FAST)]
    assert Outcome(forms, Agreement(1, 1, 1), 0.98).loss == pytest.approx(0.01)


def test_as_many_pairs_of_two_people_as_of_one_are_drawn_and_always_the_same() -> None:
    who = [f"person {number // 4}" for number in range(40)]
    pairs, again = face_pairs(who), face_pairs(who)
    assert int(pairs.same.sum()) == 10 * 6
    assert int((~pairs.same).sum()) == 60
    assert pairs.are_enough
    np.testing.assert_array_equal(pairs.left, again.left)
    for left, right, same in zip(pairs.left, pairs.right, pairs.same, strict=True):
        assert left < right
        assert (who[left] == who[right]) == same


@pytest.mark.parametrize("who", [["alice"] * 9, [str(number) for number in range(9)], ["alice", "bob"]])
def test_too_few_pairs_are_known_to_be_too_few(who: list[str]) -> None:
    assert not face_pairs(who).are_enough


def test_what_was_measured_is_told_of_each_precision() -> None:
    who = [str(number // 5) for number in range(50)]
    full = people(10, 5, spread=0.3)
    coarse = full + 0.02 * np.random.default_rng(1).normal(size=full.shape).astype(np.float32)
    found = outcome({"f32": templates(full), "int8": templates(coarse)}, {"f32": SLOW, "int8": FAST}, face_pairs(who))
    assert [form.precision for form in found.forms] == ["f32", "int8"]
    assert found.forms[0].accuracy == found.made.accuracy == found.mixed == 1
    assert (found.usual.precision, found.loss, found.part_of_time) == ("f32", 0, 0.5)


def test_a_form_that_mixes_people_up_loses_accuracy() -> None:
    who = [str(number // 5) for number in range(50)]
    full, other = people(10, 5, spread=0.3), people(50, 1, spread=0.3, seed=1)
    found = outcome({"f32": templates(full), "int8": templates(other)}, {"f32": SLOW, "int8": FAST}, face_pairs(who))
    assert found.loss is not None
    assert found.loss > 0.3
    assert len(found.faults(BOUNDS)) == 2


@pytest.mark.parametrize("pairs", [None, face_pairs(["alice", "bob"])])
def test_without_labels_templates_alone_are_compared(pairs: object) -> None:
    full = templates(people(2, 1, spread=0.1))
    found = outcome({"f32": full, "int8": full}, {"f32": SLOW, "int8": FAST}, pairs)  # type: ignore[arg-type]
    assert (found.loss, found.mixed, found.forms[0].accuracy) == (None, None, None)
    assert found.faults(BOUNDS) == []


def test_agreement_is_told_by_its_worst_and_its_middle() -> None:
    full = np.eye(4, dtype=np.float32)[:3]
    turned = full.copy()
    turned[0] = (0.6, 0.8, 0, 0)
    alike = agreement(templates(turned), templates(full))
    assert alike.least == pytest.approx(0.6)
    assert alike.median == pytest.approx(1)
    assert alike.least < alike.one_percent < alike.median
