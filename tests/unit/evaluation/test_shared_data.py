"""On a part of Labeled Faces in the Wild: bounds that a broken pipeline would break."""

from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from backend.evaluation.comparing import compare
from backend.evaluation.describing import Album, describe_all
from backend.evaluation.searching import Method, search_all
from backend.evaluation.trials import Pair, open_set, photos_by_person, read_pairs
from backend.gallery.cohort import CohortAdjustedIndex
from backend.gallery.index import ExactIndex
from backend.vision.image import ImageLimits
from backend.vision.loading import Pipelines
from tests.rig.photos import SHARED_DATA, needs_shared_data

LFW = SHARED_DATA / "lfw_pairs"
EVERY = 100
"""One in so many of the 6,000 pairs is compared."""
PEOPLE, STRANGERS = 40, 40


def described(wanted: Mapping[Path, Collection[str]], pipelines: Pipelines) -> Album:
    ways = {"plain": pipelines.plain, "enrolment": pipelines.enrolment, "photos": pipelines.photos}
    return Album.of(describe_all(wanted, ways, ImageLimits()))


@needs_shared_data("lfw_pairs")
def test_the_whole_pairs_file_is_read() -> None:
    pairs = read_pairs(LFW / "pairs.txt", LFW)
    assert len(pairs) == 6000
    assert sum(pair.same for pair in pairs) == 3000
    assert {sum(pair.fold == fold for pair in pairs) for fold in range(10)} == {600}
    assert len({photo for pair in pairs for photo in (pair.left, pair.right)}) == 7701


@needs_shared_data("lfw_pairs")
def test_the_whole_folder_is_split_into_people_and_strangers() -> None:
    trial = open_set(photos_by_person(LFW))
    assert (trial.people, len(trial.mated), len(trial.non_mated)) == (1559, 3420, 2722)


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return read_pairs(LFW / "pairs.txt", LFW)[::EVERY]


@needs_shared_data("lfw_pairs")
def test_pairs_are_told_apart_and_no_face_is_missed(pairs: list[Pair], pipelines: Pipelines) -> None:
    wanted = {photo: ("enrolment",) for pair in pairs for photo in (pair.left, pair.right)}
    album = described(wanted, pipelines)
    assert len(album.descriptions) == len(wanted) > 100
    scores = compare(pairs, album, "enrolment")
    assert scores.not_compared == 0
    # At this threshold 0.1 % of LFW's pairs of two people are accepted, and 99 % of those of one person.
    assert (scores.non_mated >= 0.345).mean() <= 0.02
    assert (scores.mated >= 0.345).mean() >= 0.95


@needs_shared_data("lfw_pairs")
def test_people_are_found_in_a_gallery_and_strangers_are_not(pipelines: Pipelines) -> None:
    people = photos_by_person(LFW)
    several = [name for name, photos in people.items() if len(photos) == 2][:PEOPLE]
    alone = [name for name, photos in people.items() if len(photos) == 1][:STRANGERS]
    trial = open_set({name: people[name] for name in (*several, *alone)})
    wanted = {entry.photo: ("plain", "enrolment") for entry in trial.enrolled}
    album = described(wanted | {entry.photo: ("plain", "photos") for entry in trial.probes}, pipelines)
    assert not album.failures
    ours = search_all(trial, album, Method("ours", "enrolment", "photos", CohortAdjustedIndex.of))
    reference = search_all(trial, album, Method("reference", "plain", "plain", ExactIndex.of))
    assert ours.rank1 >= 0.95
    assert ours.fpir(0.48) <= 0.02
    assert ours.fnir(0.48) <= reference.fnir(0.48)
