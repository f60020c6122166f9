"""Similarities adjusted by how much a face resembles people in general."""

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.domain.identity import Candidate
from backend.gallery.cohort import LEAST_EXCESS, MEANINGLESS, SIZE, WEIGHT, Cohort, CohortAdjustedIndex
from backend.gallery.index import ExactIndex

Vector = NDArray[np.float32]
DIMENSIONS = 128


def unit(vector: NDArray[np.floating]) -> Vector:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def people(count: int, seed: int = 0) -> list[tuple[str, Vector]]:
    """People whose faces share something, as all faces do."""
    drawn = np.random.default_rng(seed).normal(size=(count, DIMENSIONS))
    drawn[:, 0] += 4
    return [(f"person{number:04d}", unit(row)) for number, row in enumerate(drawn)]


def like_everybody() -> Vector:
    """A blurred face, say: near to the mean of all."""
    return unit(np.eye(DIMENSIONS)[0] + 0.1)


def adjusted_by_hand(rows: list[tuple[str, Vector]], probe: Vector) -> dict[str, float]:
    """The module's formula, person by person."""
    count = len(rows)
    usual = np.mean([a @ b for i, (_, a) in enumerate(rows) for j, (_, b) in enumerate(rows) if i != j])
    weight = WEIGHT * (1 - MEANINGLESS / count)
    found = {}
    for person_id, own in rows:
        others = [embedding for other, embedding in rows if other != person_id]
        excess = sum(
            max(np.mean([embedding @ face for embedding in others]) - usual, LEAST_EXCESS) for face in (probe, own)
        )
        found[person_id] = float(own @ probe) - weight * float(excess)
    return found


def test_the_similarity_is_adjusted_as_the_formula_says() -> None:
    rows, probe = people(30), unit(np.random.default_rng(7).normal(size=DIMENSIONS))
    expected = adjusted_by_hand(rows, probe)
    found = CohortAdjustedIndex.of(rows).search(probe, 5)
    assert [candidate.similarity for candidate in found] == pytest.approx(
        sorted(expected.values(), reverse=True)[:5], abs=1e-5
    )
    assert all(candidate.similarity == pytest.approx(expected[candidate.person_id], abs=1e-5) for candidate in found)


def test_a_search_among_nobody_who_is_enrolled_finds_nobody() -> None:
    assert CohortAdjustedIndex.of(people(30)).search(like_everybody(), 5, {"somebody else"}) == []


def test_a_face_that_resembles_everybody_is_less_like_anybody() -> None:
    rows = people(100)
    (plain,), (adjusted,) = (
        index.search(like_everybody(), 1) for index in (ExactIndex.of(rows), CohortAdjustedIndex.of(rows))
    )
    assert adjusted.similarity < plain.similarity - 0.05


def test_on_average_over_people_nothing_changes() -> None:
    rows, strangers = people(200), people(200, seed=1)
    plain, adjusted = ExactIndex.of(rows), CohortAdjustedIndex.of(rows)
    changes = [adjusted.search(probe, 1)[0].similarity - plain.search(probe, 1)[0].similarity for _, probe in strangers]
    assert abs(np.mean(changes)) < 0.02


@pytest.mark.parametrize("count", [0, 1, 2, MEANINGLESS])
def test_a_handful_of_people_is_no_cohort(count: int) -> None:
    rows = people(count)
    assert CohortAdjustedIndex.of(rows).search(like_everybody(), 5) == ExactIndex.of(rows).search(like_everybody(), 5)


def test_the_adjustment_grows_with_the_gallery_and_never_jumps() -> None:
    weights = [Cohort.of(ExactIndex.of(people(count))).weight for count in (0, 10, 11, 12, 20, 100, SIZE)]
    assert weights[:2] == [0, 0]
    assert weights[2] < 0.05
    assert weights == sorted(weights)
    assert weights[-1] == pytest.approx(WEIGHT, abs=0.02)


def test_the_cohort_is_a_sample_of_a_large_gallery() -> None:
    rows = people(SIZE + 50)
    index = CohortAdjustedIndex.of(rows)
    newcomer = index.with_added("newcomer", [like_everybody()])
    # Who comes after the sample is drawn changes nobody's similarity.
    assert newcomer.search(rows[0][1], 1) == index.search(rows[0][1], 1)
    assert newcomer.search(like_everybody(), 1)[0].person_id == "newcomer"


def test_several_templates_of_a_person_count_as_one_member_of_the_cohort() -> None:
    rows = people(30)
    crowded = rows + [(rows[0][0], rows[0][1])] * 20
    one, other = (CohortAdjustedIndex.of(entries).search(like_everybody(), 3) for entries in (rows, crowded))
    assert [candidate.similarity for candidate in one] == pytest.approx(
        [candidate.similarity for candidate in other], abs=1e-5
    )


def test_somebody_enrolled_as_many_people_makes_no_stranger_more_alike() -> None:
    known, again = unit(np.eye(DIMENSIONS)[1]), unit(np.eye(DIMENSIONS)[2])
    shaken = np.random.default_rng(3).normal(scale=0.05, size=(40, DIMENSIONS))
    rows = [("known", known), *((f"again{number}", unit(again + shake)) for number, shake in enumerate(shaken))]
    strangers = [probe for _, probe in people(50, seed=4)]
    plain, adjusted = ExactIndex.of(rows), CohortAdjustedIndex.of(rows)
    for stranger in strangers:
        assert adjusted.search(stranger, 1, ["known"]) == plain.search(stranger, 1, ["known"])


def test_however_alike_the_others_are_little_is_added_to_a_similarity() -> None:
    # People who share more than they ought to, though no two are one person, and somebody who is otherwise.
    drawn = np.random.default_rng(5).normal(size=(60, DIMENSIONS))
    drawn[:, 0] += 8
    other = unit(np.eye(DIMENSIONS)[1])
    rows = [("other", other), *((f"alike{number}", unit(row)) for number, row in enumerate(drawn))]
    probe = unit(other + unit(np.eye(DIMENSIONS)[2]))
    (plain,), (adjusted,) = (
        index.search(probe, 1, ["other"]) for index in (ExactIndex.of(rows), CohortAdjustedIndex.of(rows))
    )
    assert plain.similarity < adjusted.similarity <= plain.similarity - 2 * WEIGHT * LEAST_EXCESS


def test_who_is_enrolled_twice_counts_once_and_not_for_themselves() -> None:
    rows = people(30)
    (twin_of, face), others = rows[0], rows[1:]
    twice = [(twin_of, face), ("twin", face), *others]
    once = CohortAdjustedIndex.of(rows).search(face, 30)
    found = {candidate.person_id: candidate.similarity for candidate in CohortAdjustedIndex.of(twice).search(face, 31)}
    assert found.pop("twin") == pytest.approx(found[twin_of])
    assert found == pytest.approx({candidate.person_id: candidate.similarity for candidate in once}, abs=1e-5)


def test_a_similarity_stays_a_cosine() -> None:
    away = unit(-np.eye(DIMENSIONS)[0] + 0.01)
    index = CohortAdjustedIndex.of([*people(50), ("away", away)])
    assert index.search(away, 1) == [Candidate("away", 1.0)]


def test_people_and_their_templates_can_be_told() -> None:
    rows = people(3)
    index = CohortAdjustedIndex.of(rows)
    assert list(index.people) == [person_id for person_id, _ in rows]
    assert index.templates_of("person0001").tolist() == [rows[1][1].tolist()]
    assert len(index.templates_of("nobody")) == 0
    assert list(index.without("person0001").people) == ["person0000", "person0002"]
