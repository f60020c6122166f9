"""Searches of a small gallery: who is found, who is missed, and who is taken for somebody else."""

import math
from pathlib import Path

import pytest

from backend.evaluation.describing import Album, Description
from backend.evaluation.searching import Method, search_all
from backend.evaluation.trials import Labelled, OpenSet
from backend.gallery.index import ExactIndex
from backend.recognition.decision import CLOSE
from tests.unit.evaluation.situations import face, toy_album

PLAIN = Method("plain", "toy", "toy", ExactIndex.of)


@pytest.fixture
def album() -> Album:
    return toy_album(
        alice=face(1, 0, 0), bob=face(0, 1, 0), alice2=face(0.8, 0, 0.6), bob2=face(0.9, 0.1, 0), eve=face(0.6, 0, 0.8)
    )


def trial(mated: dict[str, str], non_mated: tuple[str, ...] = ("eve",)) -> OpenSet:
    enrolled = tuple(Labelled(name, Path(name)) for name in ("alice", "bob", "carol"))
    return OpenSet(
        enrolled,
        tuple(Labelled(person_id, Path(photo)) for photo, person_id in mated.items()),
        tuple(Labelled(photo, Path(photo)) for photo in non_mated),
    )


def test_a_person_is_found_with_the_similarity_to_their_own_template(album: Album) -> None:
    results = search_all(trial({"alice2": "alice"}), album, PLAIN)
    assert results.mate_scores.tolist() == pytest.approx([0.8])
    assert results.rank1 == 1
    assert results.fnir(0.79) == 0
    assert results.fnir(0.81) == 1


def test_a_person_for_whom_somebody_else_comes_first_is_missed_at_every_threshold(album: Album) -> None:
    results = search_all(trial({"bob2": "bob"}), album, PLAIN)
    assert results.mate_scores.tolist() == [-math.inf]
    assert results.rank1 == 0
    assert results.fnir(-1) == 1


def test_people_who_were_not_enrolled_or_show_no_face_are_missed(album: Album) -> None:
    results = search_all(trial({"alice2": "alice", "gone": "alice", "bob2": "carol"}), album, PLAIN)
    assert results.rank1 == pytest.approx(1 / 3)
    assert results.fnir(0.0) == pytest.approx(2 / 3)


def test_a_second_look_counts_only_as_far_as_the_first_leaves_it_close() -> None:
    def looked(first: float, second: float, photo: str) -> Description:
        looks = {"glance": first, "full": second}
        return Description(
            Path(photo), 1, {name: face(alike, math.sqrt(1 - alike**2)) for name, alike in looks.items()}
        )

    album = Album.of(
        (looked(1, 1, "alice"), looked(0.5, 0.55, "near"), looked(0.5, 0.9, "up"), looked(0.5, 0.1, "down"))
    )
    twice = Method("twice", "full", "full", ExactIndex.of, glancing="glance")
    results = search_all(trial({"near": "alice", "up": "alice", "down": "alice"}), album, twice)
    assert results.mate_scores.tolist() == pytest.approx([0.55, 0.5 + CLOSE, 0.5 - CLOSE])


def test_without_the_searches_of_the_poorest_quality_fewer_are_missed() -> None:
    blurred = face(0, 0.2, 1, quality=0.3)
    album = toy_album(alice=face(1, 0, 0), bob=face(0, 1, 0), alice2=face(0.8, 0, 0.6), bob2=blurred, eve=face(1, 0, 2))
    results = search_all(trial({"bob2": "bob", "alice2": "alice"}), album, PLAIN)
    assert [results.fnir_of_best(0.0, discarded) for discarded in (0.0, 0.5)] == [0.5, 0.0]


def test_strangers_count_by_the_best_of_their_candidates(album: Album) -> None:
    results = search_all(trial({"alice2": "alice"}, ("eve", "gone")), album, PLAIN)
    assert results.stranger_scores.tolist() == pytest.approx([0.6])
    assert results.fpir(0.59) == 1
    assert results.fpir(0.61) == 0
    assert results.threshold_at(0.01) == pytest.approx(0.6)
    assert results.fnir_at(0.01) == 0
