"""What every index of templates promises, held against the plainest way to do the same."""

from collections.abc import Callable, Collection, Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from backend.domain.identity import Candidate
from backend.gallery.cohort import CohortAdjustedIndex
from backend.gallery.index import ExactIndex, TemplateIndex
from backend.gallery.layered import LayeredIndex
from backend.gallery.signs import SignsIndex

Vector = NDArray[np.float32]
Rows = list[tuple[str, Vector]]
MakeIndex = Callable[[Iterable[tuple[str, Vector]]], TemplateIndex]

DIMENSIONS = 8
PEOPLE = ("alice", "bob", "carol", "dave", "erin", "frank", "गीता")


def _vector(seed: int) -> Vector:
    drawn = np.random.default_rng(seed).normal(size=DIMENSIONS).astype(np.float32)
    return drawn / np.float32(np.linalg.norm(drawn))


VECTORS = st.integers(0, 10_000).map(_vector)
ROWS: st.SearchStrategy[Rows] = st.lists(st.tuples(st.sampled_from(PEOPLE), VECTORS), max_size=20)


def layered(templates: Iterable[tuple[str, Vector]]) -> TemplateIndex:
    """Half of it in the base, half of it over it, and somebody gone from both."""
    rows = list(templates)
    half = len(rows) // 2
    index = LayeredIndex(ExactIndex.of([*rows[:half], ("gone", _vector(1))])).without("gone")
    for person_id, embedding in rows[half:]:
        index = index.with_added(person_id, [embedding])
    return index


# The adjusted one says nothing of its own here: so few people are no cohort.
KINDS: dict[str, MakeIndex] = {
    "exact": ExactIndex.of,
    "adjusted": CohortAdjustedIndex.of,
    "layered": layered,
    "signs": SignsIndex.of,
    "signs adjusted": lambda templates: CohortAdjustedIndex(SignsIndex.of(templates)),
}
TOLERANCE = 1e-4
"""A large index keeps 16 bits of a number."""


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS), scope="module")
def make(request: pytest.FixtureRequest) -> MakeIndex:
    made: MakeIndex = request.param
    return made


def reference(rows: Rows, probe: Vector, limit: int, among: Collection[str] | None = None) -> list[Candidate]:
    """Every template compared, one after the other."""
    best: dict[str, float] = {}
    for person_id, embedding in rows:
        if among is None or person_id in among:
            best[person_id] = max(best.get(person_id, -1.0), float(embedding @ probe))
    ordered = sorted(best.items(), key=lambda entry: -entry[1])
    return [Candidate(*entry) for entry in ordered[:limit]]


def agree(found: list[Candidate], expected: list[Candidate]) -> bool:
    """Whether two answers say the same; equally alike people may change places."""
    similarities = [candidate.similarity for candidate in expected]
    return (
        len(found) == len(expected)
        and [candidate.similarity for candidate in found] == pytest.approx(similarities, abs=TOLERANCE)
        and len({candidate.person_id for candidate in found}) == len(found)
    )


@given(rows=ROWS, probe=VECTORS, limit=st.integers(1, 8))
def test_the_most_alike_people_are_found_each_once_and_best_first(
    make: MakeIndex, rows: Rows, probe: Vector, limit: int
) -> None:
    found = make(rows).search(probe, limit)
    assert agree(found, reference(rows, probe, limit))
    true = {candidate.person_id: candidate.similarity for candidate in reference(rows, probe, len(PEOPLE))}
    assert all(true[candidate.person_id] == pytest.approx(candidate.similarity, abs=TOLERANCE) for candidate in found)


@given(rows=ROWS, probe=VECTORS, limit=st.integers(1, 8), among=st.sets(st.sampled_from((*PEOPLE, "nobody"))))
def test_a_search_among_some_people_finds_only_those(
    make: MakeIndex, rows: Rows, probe: Vector, limit: int, among: set[str]
) -> None:
    found = make(rows).search(probe, limit, among)
    assert agree(found, reference(rows, probe, limit, among))
    assert {candidate.person_id for candidate in found} <= among


CHANGES = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.lists(VECTORS, min_size=1, max_size=3) | st.none()), max_size=12
)


@given(rows=ROWS, changes=CHANGES, probe=VECTORS)
def test_after_any_changes_an_index_answers_as_one_made_anew(
    make: MakeIndex, rows: Rows, changes: list[tuple[str, list[Vector] | None]], probe: Vector
) -> None:
    changed, kept = make(rows), list(rows)
    for person_id, added in changes:
        if added is None:
            changed = changed.without(person_id)
            kept = [row for row in kept if row[0] != person_id]
        else:
            changed = changed.with_added(person_id, added)
            kept += [(person_id, embedding) for embedding in added]
    assert agree(changed.search(probe, 5), reference(kept, probe, 5))
    assert agree(make(kept).search(probe, 5), reference(kept, probe, 5))


@given(rows=ROWS, person_id=st.sampled_from(PEOPLE), added=VECTORS, probe=VECTORS)
def test_a_change_makes_another_index_and_leaves_the_first_as_it_was(
    make: MakeIndex, rows: Rows, person_id: str, added: Vector, probe: Vector
) -> None:
    first = make(rows)
    before = first.search(probe, 5)
    first.with_added(person_id, [added])
    first.without(person_id)
    assert first.search(probe, 5) == before


@given(rows=ROWS, person_id=st.sampled_from(PEOPLE), probe=VECTORS)
def test_somebody_removed_is_found_no_more(make: MakeIndex, rows: Rows, person_id: str, probe: Vector) -> None:
    found = make(rows).without(person_id).search(probe, len(PEOPLE))
    assert person_id not in {candidate.person_id for candidate in found}


@given(vector=VECTORS)
def test_no_similarity_is_above_one(make: MakeIndex, vector: Vector) -> None:
    (found,) = make([("alice", vector)]).search(vector, 1)
    assert 0.999 < found.similarity <= 1


def test_nobody_is_found_where_there_is_nobody(make: MakeIndex) -> None:
    assert make([]).search(_vector(0), 5) == []
    assert make([("alice", _vector(1))]).without("alice").search(_vector(0), 5) == []


def test_equal_galleries_answer_equally_where_people_are_equally_alike(make: MakeIndex) -> None:
    rows = [(person_id, _vector(0)) for person_id in PEOPLE]
    answers = [make(rows).search(_vector(0), 3) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]


@given(rows=ROWS, changes=CHANGES)
def test_everybody_and_their_templates_can_be_told(
    make: MakeIndex, rows: Rows, changes: list[tuple[str, list[Vector] | None]]
) -> None:
    index, kept = make(rows), list(rows)
    for person_id, added in changes:
        index = index.without(person_id) if added is None else index.with_added(person_id, added)
        kept = [row for row in kept if added is not None or row[0] != person_id]
        kept += [(person_id, embedding) for embedding in added or ()]
    expected = {person_id: [own for who, own in kept if who == person_id] for person_id, _ in kept}
    assert set(index.people) == expected.keys() == {person_id for person_id in PEOPLE if person_id in index}
    assert len(index.people) == len(expected)
    told = [(person_id, index.templates_of(person_id)) for person_id in index.people]
    averages = index.averages(list(index.people))
    for (person_id, own), average in zip(told, averages, strict=True):
        assert own == pytest.approx(np.array(expected[person_id]), abs=TOLERANCE)
        assert average == pytest.approx(np.mean(expected[person_id], axis=0), abs=TOLERANCE)
    assert len(index.rows().owners) == len(kept)
