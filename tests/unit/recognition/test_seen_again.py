"""A sighting's face is found again in its kept picture, by whichever model answers now."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backend.domain.errors import ModelMismatch
from backend.domain.face import KeptLook, Template
from backend.domain.geometry import Box
from backend.domain.sighting import Sighting
from backend.gallery.gallery import Gallery
from backend.notifications.naming import Naming
from backend.recognition.seen_again import SeenAgain
from backend.storage import negatives, reembedding, sighting_looks, sightings
from backend.vision.image import ImageLimits, encode_png
from backend.vision.loading import Pipelines
from tests.rig.photos import group_photo, jpeg, other_photos, person_crop
from tests.unit.notifications.situations import Home, a_home, a_look, a_sighting

WHO = 3
KEY = "2026-11-22/picture-1.jpg"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with a_home(tmp_path) as home:
        yield home


def kept(home: Home, pipelines: Pipelines, **changed: object) -> Sighting:
    """A sighting of a stranger by a former model, in a picture of six people."""
    face = max(pipelines.plain.analyse(group_photo()), key=lambda face: face.template.similarity(look_of(pipelines)))
    home.snapshots.write(KEY, jpeg(group_photo()))
    sighting = replace(a_sighting(None, picture=KEY, face_box=face.detection.box), **changed)  # type: ignore[arg-type]
    with home.database.write() as tx:
        sightings.add(tx, sighting, a_look(model="a former model"))
    return sighting


def look_of(pipelines: Pipelines) -> Template:
    (face,) = pipelines.plain.analyse(person_crop(WHO))
    return face.template


def again(home: Home, pipelines: Pipelines) -> SeenAgain:
    return SeenAgain(home.database, home.snapshots, pipelines.enrolment, pipelines.background, ImageLimits())


def naming_again(home: Home, gallery: Gallery, pipelines: Pipelines) -> Naming:
    return Naming(home.database, lambda: gallery, lambda: again(home, pipelines))


def test_the_face_of_the_sighting_is_taken_and_no_other_of_its_picture(home: Home, pipelines: Pipelines) -> None:
    sighting = kept(home, pipelines)
    template = again(home, pipelines).template(sighting.sighting_id)
    assert template is not None
    assert template.similarity(look_of(pipelines)) > 0.9


@pytest.mark.parametrize(
    "changed", [{"picture": None}, {"picture": "2026-11-22/gone-1.jpg"}, {"face_box": Box(0.0, 0.0, 30.0, 30.0)}]
)
def test_without_a_picture_that_shows_it_there_is_none(
    home: Home, pipelines: Pipelines, changed: dict[str, object]
) -> None:
    sighting = kept(home, pipelines, **changed)
    assert again(home, pipelines).template(sighting.sighting_id) is None
    assert again(home, pipelines).template("no sighting") is None


def test_a_picture_that_is_damaged_shows_nothing(home: Home, pipelines: Pipelines) -> None:
    sighting = kept(home, pipelines)
    home.snapshots.write(KEY, b"no picture")
    assert again(home, pipelines).template(sighting.sighting_id) is None


def test_a_stranger_of_a_former_model_can_be_named_and_denied(home: Home, pipelines: Pipelines) -> None:
    sighting = kept(home, pipelines)
    gallery = Gallery(home.database, pipelines.photos.model)
    naming = naming_again(home, gallery, pipelines)
    assert naming.name(sighting.sighting_id, "Alice").embeddings == 1
    (found, *_) = gallery.search(look_of(pipelines), 1)
    assert (found.person_id, found.similarity > 0.9) == ("Alice", True)
    naming.deny(sighting.sighting_id, "Alice")
    assert gallery.count("Alice") == 0
    with home.database.read() as tx:
        ((person_id, look),) = negatives.all_of_model(tx, gallery.model)
        assert (person_id, look.model) == ("Alice", gallery.model)
        assert negatives.unlearnt(tx, "another")[0].sighting_id == sighting.sighting_id


def faces_kept(home: Home, sighting: Sighting, pipelines: Pipelines, *, without: int = 0) -> list[KeptLook]:
    """Looks of a former model at other photos of the same face, so many of them without it."""
    photos = other_photos(person_crop(WHO))
    faces = [face for photo in photos for face in pipelines.plain.analyse(photo)]
    assert len(faces) == len(photos) > 2
    looks = [
        KeptLook(a_look(10.0 * place, "a former model"), 0.9 - place / 100, encode_png(face.aligned))
        for place, face in enumerate(faces)
        if face.aligned is not None
    ]
    looks = [replace(look, crop=None) for look in looks[:without]] + looks[without:]
    with home.database.write() as tx:
        sighting_looks.keep(tx, sighting.sighting_id, looks)
    return looks


def test_each_kept_look_of_a_former_model_is_learned_from_and_forgotten_again(home: Home, pipelines: Pipelines) -> None:
    sighting = kept(home, pipelines)
    looks = faces_kept(home, sighting, pipelines)
    gallery = Gallery(home.database, pipelines.photos.model)
    naming = naming_again(home, gallery, pipelines)
    learned = naming.name(sighting.sighting_id, "Alice")
    assert (learned.looks, learned.embeddings) == (len(looks), len(looks))
    entries = gallery.templates_of("Alice")
    assert {entry.model for entry in entries} == {gallery.model}
    assert [gallery.crop("Alice", entry.template_id) for entry in entries] == [look.crop for look in looks]
    assert [entry.quality for entry in entries] == [look.quality for look in looks]
    for entry in entries:
        assert gallery.template(entry.template_id).similarity(look_of(pipelines)) > 0.7
    # The same said twice teaches nothing new.
    assert naming.name(sighting.sighting_id, "Alice").embeddings == len(looks)
    naming.deny(sighting.sighting_id, "Alice")
    assert gallery.count("Alice") == 0


def test_what_was_learned_before_the_change_of_model_is_not_learned_twice(home: Home, pipelines: Pipelines) -> None:
    sighting = kept(home, pipelines)
    looks = faces_kept(home, sighting, pipelines)
    former = Gallery(home.database, "a former model")
    Naming(home.database, lambda: former).name(sighting.sighting_id, "Alice")
    with home.database.write() as tx:
        faces = reembedding.waiting(tx, pipelines.background.model, "", len(looks) + 1)
        made = {face.template_id: look_of(pipelines).embedding for face in faces}
        assert reembedding.keep(tx, pipelines.background.model, made) == len(looks)
        reembedding.put_in_place(tx, pipelines.background.model, len(looks))
    gallery = Gallery(home.database, pipelines.background.model)
    assert naming_again(home, gallery, pipelines).name(sighting.sighting_id, "Alice").embeddings == len(looks)


def test_a_look_whose_face_was_not_kept_is_left_out(home: Home, pipelines: Pipelines) -> None:
    sighting = kept(home, pipelines)
    looks = faces_kept(home, sighting, pipelines, without=2)
    gallery = Gallery(home.database, pipelines.photos.model)
    assert naming_again(home, gallery, pipelines).name(sighting.sighting_id, "Alice").looks == len(looks) - 2


def test_where_no_face_was_kept_the_picture_is_learned_from(home: Home, pipelines: Pipelines) -> None:
    sighting = kept(home, pipelines)
    faces_kept(home, sighting, pipelines, without=len(other_photos(person_crop(WHO))))
    gallery = Gallery(home.database, pipelines.photos.model)
    assert naming_again(home, gallery, pipelines).name(sighting.sighting_id, "Alice").looks == 1
    assert gallery.search(look_of(pipelines), 1)[0].similarity > 0.9


def test_without_its_picture_a_stranger_of_a_former_model_is_refused_by_name(home: Home, pipelines: Pipelines) -> None:
    sighting = kept(home, pipelines, picture=None)
    gallery = Gallery(home.database, pipelines.photos.model)
    naming = naming_again(home, gallery, pipelines)
    with pytest.raises(ModelMismatch, match="a former model"):
        naming.name(sighting.sighting_id, "Alice")
