"""Labelled pairs are compared, and those that cannot be are not forgotten."""

import math
from pathlib import Path

import pytest

from backend.evaluation.comparing import compare
from backend.evaluation.describing import Album
from backend.evaluation.trials import Pair
from tests.unit.evaluation.situations import face, toy_album

LEFT, ALIKE, ACROSS = face(1, 0), face(0.8, 0.6), face(0, 1)


def pair(left: str, right: str, same: bool) -> Pair:
    return Pair(Path(left), Path(right), same, 0)


@pytest.fixture
def album() -> Album:
    return toy_album(left=LEFT, alike=ALIKE, across=ACROSS)


def test_a_pair_scores_the_cosine_of_its_faces(album: Album) -> None:
    scores = compare([pair("left", "alike", True), pair("left", "across", False)], album, "toy")
    assert scores.scores.tolist() == pytest.approx([0.8, 0.0])
    assert scores.mated.tolist() == pytest.approx([0.8])
    assert scores.non_mated.tolist() == pytest.approx([0.0])


def test_a_pair_of_one_person_without_a_face_is_missed(album: Album) -> None:
    pairs = [pair("left", "alike", True), pair("left", "gone", True), pair("left", "across", False)]
    scores = compare(pairs, album, "toy")
    assert scores.not_compared == 1
    assert scores.mated.tolist() == pytest.approx([0.8, -math.inf])
    assert scores.tar_at(0.0) == 0.5


def test_a_pair_is_as_good_as_its_poorer_face() -> None:
    album = toy_album(left=LEFT, blurred=face(0.1, 0.9, quality=0.2), across=ACROSS, alike=ALIKE)
    pairs = [pair("left", "alike", True), pair("left", "blurred", True), pair("across", "alike", False)]
    scores = compare([*pairs, pair("left", "gone", True)], album, "toy")
    assert scores.qualities.tolist() == pytest.approx([1.0, 0.2, 1.0, -math.inf])
    assert [scores.fnmr_of_best(0.0, discarded) for discarded in (0.0, 0.34, 0.67)] == pytest.approx([2 / 3, 1 / 2, 0])


def test_a_pair_of_strangers_without_a_face_does_not_make_the_rate_look_better(album: Album) -> None:
    pairs = [pair("left", "alike", False), pair("left", "gone", False), pair("left", "gone", False)]
    assert compare(pairs, album, "toy").non_mated.tolist() == pytest.approx([0.8])


def test_the_worst_pairs_come_first(album: Album) -> None:
    pairs = [pair("left", "across", True), pair("left", "alike", True), pair("left", "gone", True)]
    pairs += [pair("across", "left", False), pair("alike", "left", False)]
    scores = compare(pairs, album, "toy")
    assert [entry.right.name for entry, _ in scores.worst(same=True, count=5)] == ["across", "alike"]
    assert [entry.left.name for entry, _ in scores.worst(same=False, count=1)] == ["alike"]
