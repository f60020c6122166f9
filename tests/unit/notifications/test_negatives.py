"""Who is said not to be somebody matches them no more, by the gallery's one rule for photos and cameras."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.domain.errors import ModelMismatch, PersonNotFound
from backend.gallery.gallery import Gallery
from backend.storage import sightings
from backend.storage.templates import NewTemplate
from tests.unit.notifications.situations import Home, a_home, a_look, a_sighting


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with a_home(tmp_path) as home:
        yield home


@pytest.fixture
def gallery(home: Home) -> Gallery:
    gallery = Gallery(home.database, "model")
    for person_id, degrees in (("alice", 0.0), ("bob", 90.0)):
        gallery.add(person_id, [NewTemplate(a_look(degrees), 0.9, "photo", person_id)])
    return gallery


def who(gallery: Gallery, degrees: float) -> list[str]:
    return [candidate.person_id for candidate in gallery.search(a_look(degrees))]


def test_a_denied_look_matches_the_person_never_again(gallery: Gallery) -> None:
    gallery.deny("alice", a_look(60.0))
    assert who(gallery, 60.0) == ["bob"]


def test_looks_nearer_to_the_denied_one_than_to_the_person_are_denied_too(gallery: Gallery) -> None:
    gallery.deny("alice", a_look(60.0))
    assert who(gallery, 32.0) == ["bob"]
    assert who(gallery, 20.0) == ["alice", "bob"]


def test_a_look_that_was_taught_by_mistake_can_be_denied_again(gallery: Gallery) -> None:
    gallery.deny("alice", a_look(30.0))
    assert who(gallery, 0.0) == ["bob"]


def test_others_are_found_as_before(gallery: Gallery) -> None:
    gallery.deny("alice", a_look(80.0))
    assert who(gallery, 80.0) == ["bob"]


def test_a_denial_outlasts_a_restart_and_a_new_name(home: Home, gallery: Gallery) -> None:
    gallery.deny("alice", a_look(30.0))
    gallery.rename("alice", "carol")
    assert who(Gallery(home.database, "model"), 30.0) == ["bob"]


def test_only_somebody_enrolled_can_be_denied_by_a_look_of_the_same_model(gallery: Gallery) -> None:
    with pytest.raises(PersonNotFound):
        gallery.deny("nobody", a_look())
    with pytest.raises(ModelMismatch):
        gallery.deny("alice", a_look(model="older"))


def test_a_name_given_by_hand_is_not_unsaid_by_the_camera(home: Home) -> None:
    seen = a_sighting("alice")
    with home.database.write() as tx:
        sightings.add(tx, seen, a_look())
        sightings.relabel(tx, seen.sighting_id, None)
        sightings.change(tx, seen, a_look())
        kept = sightings.find(tx, seen.sighting_id)
    assert kept is not None
    assert kept.person_id is None
