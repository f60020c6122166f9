"""What the graph finds, against exact search of the same templates."""

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.evaluation.synthetic import DIMENSIONS, Crowd
from backend.gallery.hnsw import MOST_EXPANSION, HnswIndex, expansion_for
from backend.gallery.index import ExactIndex, Rows

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
def graph(rows: Rows) -> HnswIndex:
    return HnswIndex.built(rows)


def unit(vector: NDArray[np.floating]) -> Vector:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def test_nearly_always_the_same_people_are_found_as_by_exact_search(crowd: Crowd, rows: Rows, graph: HnswIndex) -> None:
    exact = ExactIndex(rows.embeddings, rows.owners, rows.people)
    probes, _ = crowd.probes(PROBES)
    answers = [(exact.search(probe, TOP), graph.search(probe, TOP)) for probe in probes]
    first = [expected[0].person_id == found[0].person_id for expected, found in answers]
    assert sum(first) >= 0.99 * PROBES
    for expected, found in answers:
        known = {candidate.person_id: candidate.similarity for candidate in expected}
        for candidate in found:
            if candidate.person_id in known:
                assert candidate.similarity == pytest.approx(known[candidate.person_id], abs=1e-3)


def test_a_search_among_some_overlooks_nobody(crowd: Crowd, rows: Rows, graph: HnswIndex) -> None:
    exact = ExactIndex(rows.embeddings, rows.owners, rows.people)
    among = frozenset(rows.people[::7])
    for probe in crowd.probes(20)[0]:
        expected, found = exact.search(probe, TOP, among), graph.search(probe, TOP, among)
        assert [candidate.similarity for candidate in found] == pytest.approx(
            [candidate.similarity for candidate in expected], abs=1e-3
        )


def test_each_person_is_one_node_and_a_look_unlike_the_others_another(crowd: Crowd, rows: Rows) -> None:
    stray = unit(np.random.default_rng(5).normal(size=DIMENSIONS))
    mixed = Rows(np.vstack((rows.embeddings, stray)), np.append(rows.owners, np.int32(0)), rows.people)
    graph = HnswIndex.built(mixed)
    assert len(graph.parts.looks) == PEOPLE + 1
    assert graph.search(stray, 1)[0].person_id == "person 0"
    assert graph.search(rows.embeddings[0], 1)[0].person_id == "person 0"


def test_templates_that_cancel_each_other_out_are_found_all_the_same(rows: Rows) -> None:
    one = unit(np.random.default_rng(6).normal(size=DIMENSIONS))
    opposed = Rows(np.vstack((rows.embeddings[1:], one, -one)), np.r_[rows.owners[1:], 7000, 7000], rows.people)
    owners = np.where(opposed.owners == 7000, np.int32(0), opposed.owners).astype(np.int32)
    graph = HnswIndex.built(Rows(opposed.embeddings, owners, rows.people))
    assert [graph.search(look, 1)[0].person_id for look in (one, -one)] == ["person 0", "person 0"]


def test_a_larger_graph_is_searched_more_widely() -> None:
    wide = [expansion_for(looks) for looks in (1, 20_000, 200_000, 10**7)]
    assert wide == [40, 40, 126, MOST_EXPANSION]


def test_a_crowd_is_the_same_however_it_is_asked_for_and_its_looks_are_alike(crowd: Crowd) -> None:
    ((_, embeddings),) = crowd.portions()
    probes, who = crowd.probes(PROBES)
    assert np.array_equal(crowd.probes(PROBES)[0], probes)
    own = (embeddings[who * LOOKS] * probes).sum(axis=1)
    assert 0.65 < own.mean() < 0.75
    assert abs((embeddings[(who + 1) % PEOPLE * LOOKS] * probes).sum(axis=1).mean()) < 0.05
