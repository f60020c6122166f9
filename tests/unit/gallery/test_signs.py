"""What signs find, against exact search of the same templates."""

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.evaluation.synthetic import DIMENSIONS, Crowd
from backend.gallery.index import ExactIndex, Rows
from backend.gallery.layered import LayeredIndex
from backend.gallery.signs import SignsIndex

PEOPLE, LOOKS, PROBES, TOP = 1500, 3, 200, 5
Vector = NDArray[np.float32]


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    return Crowd(PEOPLE, LOOKS)


@pytest.fixture(scope="module")
def rows(crowd: Crowd) -> Rows:
    ((_, embeddings),) = crowd.portions()
    owners = np.repeat(np.arange(PEOPLE, dtype=np.int32), LOOKS)
    return Rows(embeddings, owners, tuple(f"person {number}" for number in range(PEOPLE)))


@pytest.fixture(scope="module")
def index(rows: Rows) -> SignsIndex:
    return SignsIndex.built(rows)


def unit(vector: NDArray[np.floating]) -> Vector:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def test_nearly_always_the_same_people_are_found_as_by_exact_search(
    crowd: Crowd, rows: Rows, index: SignsIndex
) -> None:
    exact = ExactIndex(rows.embeddings, rows.owners, rows.people)
    probes, _ = crowd.probes(PROBES)
    answers = [(exact.search(probe, TOP), index.search(probe, TOP)) for probe in probes]
    first = [expected[0].person_id == found[0].person_id for expected, found in answers]
    assert sum(first) >= 0.99 * PROBES
    for expected, found in answers:
        known = {candidate.person_id: candidate.similarity for candidate in expected}
        for candidate in found:
            if candidate.person_id in known:
                assert candidate.similarity == pytest.approx(known[candidate.person_id], abs=1e-4)


def test_a_search_among_some_overlooks_nobody(crowd: Crowd, rows: Rows, index: SignsIndex) -> None:
    exact = ExactIndex(rows.embeddings, rows.owners, rows.people)
    among = frozenset(rows.people[::7])
    for probe in crowd.probes(20)[0]:
        expected, found = exact.search(probe, TOP, among), index.search(probe, TOP, among)
        assert [candidate.similarity for candidate in found] == pytest.approx(
            [candidate.similarity for candidate in expected], abs=1e-4
        )


def test_each_person_is_one_look_and_a_template_unlike_the_others_another(crowd: Crowd, rows: Rows) -> None:
    stray = unit(np.random.default_rng(5).normal(size=DIMENSIONS))
    mixed = Rows(np.vstack((rows.embeddings, stray)), np.append(rows.owners, np.int32(0)), rows.people)
    index = SignsIndex.built(mixed)
    assert len(index.parts.looks) == PEOPLE + 1
    assert index.search(stray, 1)[0].person_id == "person 0"
    assert index.search(rows.embeddings[0], 1)[0].person_id == "person 0"


def test_templates_that_cancel_each_other_out_are_found_all_the_same(rows: Rows) -> None:
    one = unit(np.random.default_rng(6).normal(size=DIMENSIONS))
    opposed = Rows(np.vstack((rows.embeddings[1:], one, -one)), np.r_[rows.owners[1:], 7000, 7000], rows.people)
    owners = np.where(opposed.owners == 7000, np.int32(0), opposed.owners).astype(np.int32)
    index = SignsIndex.built(Rows(opposed.embeddings, owners, rows.people))
    assert [index.search(look, 1)[0].person_id for look in (one, -one)] == ["person 0", "person 0"]


def near(centres: Vector, similarity: float) -> Vector:
    """For each person a face that is so alike to their middle, and otherwise drawn by chance."""
    across = np.random.default_rng(7).normal(size=centres.shape)
    across -= (across * centres).sum(axis=1, keepdims=True) * centres
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return np.asarray(similarity * centres + np.sqrt(1 - similarity**2) * across, np.float32)


def test_who_is_hardly_more_alike_than_strangers_are_is_found_among_many() -> None:
    crowd = Crowd(20_000, 1)
    ((_, embeddings),) = crowd.portions()
    people = tuple(f"person {number}" for number in range(crowd.people))
    rows = Rows(embeddings, np.arange(crowd.people, dtype=np.int32), people)
    exact, index = ExactIndex(rows.embeddings, rows.owners, rows.people), SignsIndex.built(rows)
    probes = near(embeddings[:: crowd.people // PROBES], 0.46)
    same = [exact.search(probe, 1)[0].person_id == index.search(probe, 1)[0].person_id for probe in probes]
    assert len(same) == PROBES
    assert sum(same) >= 0.98 * PROBES


@pytest.mark.parametrize("dimensions", [60, 512])
def test_embeddings_of_any_length_are_found(dimensions: int) -> None:
    drawn = np.random.default_rng(8).normal(size=(PEOPLE, dimensions)).astype(np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    people = tuple(f"person {number}" for number in range(PEOPLE))
    index = SignsIndex.built(Rows(drawn, np.arange(PEOPLE, dtype=np.int32), people))
    found = [index.search(probe, 1)[0].person_id for probe in drawn[:TOP]]
    assert found == list(people[:TOP])


def test_more_people_than_are_likely_can_be_asked_for(rows: Rows, index: SignsIndex) -> None:
    found = index.search(rows.embeddings[0], PEOPLE)
    assert {candidate.person_id for candidate in found} == set(rows.people)


def test_what_lies_over_an_index_is_worked_in_without_a_trace_of_who_is_gone(rows: Rows, index: SignsIndex) -> None:
    stray = unit(np.random.default_rng(5).normal(size=DIMENSIONS))
    changed = LayeredIndex(index).without("person 0").with_added("person 1", [stray]).with_added("newcomer", [-stray])
    extended = index.extended(changed, lambda: True)
    parts = extended.parts
    assert len(extended) == PEOPLE * LOOKS - LOOKS + 2
    # Person 1 has a mean and the stray one.
    assert len(parts.looks) == len(parts.whose) == (PEOPLE - 1) + 1 + 1
    assert [extended.search(face, 1)[0].person_id for face in (stray, -stray)] == ["person 1", "newcomer"]
    assert extended.search(rows.embeddings[0], 1)[0].similarity < 0.7
    assert "person 0" not in extended


def test_everybody_gone_leaves_nobody_to_be_found(rows: Rows, index: SignsIndex) -> None:
    emptied = index.extended(LayeredIndex(index, frozenset(rows.people)), lambda: True)
    assert emptied.search(rows.embeddings[0], TOP) == []


def test_a_crowd_is_the_same_however_it_is_asked_for_and_its_looks_are_alike(crowd: Crowd) -> None:
    ((_, embeddings),) = crowd.portions()
    probes, who = crowd.probes(PROBES)
    assert np.array_equal(crowd.probes(PROBES)[0], probes)
    own = (embeddings[who * LOOKS] * probes).sum(axis=1)
    assert 0.65 < own.mean() < 0.75
    assert abs((embeddings[(who + 1) % PEOPLE * LOOKS] * probes).sum(axis=1).mean()) < 0.05
