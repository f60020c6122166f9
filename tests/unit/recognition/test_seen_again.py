"""A sighting's face is found again in its kept picture, by whichever model answers now."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backend.domain.errors import ModelMismatch
from backend.domain.face import Template
from backend.domain.geometry import Box
from backend.domain.sighting import Sighting
from backend.gallery.gallery import Gallery
from backend.notifications.naming import Naming
from backend.recognition.seen_again import SeenAgain
from backend.storage import negatives, sightings
from backend.vision.image import ImageLimits
from backend.vision.loading import Pipelines
from tests.rig.photos import group_photo, jpeg, person_crop
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
    return SeenAgain(home.database, home.snapshots, pipelines.enrolment, ImageLimits())


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
    naming = Naming(home.database, lambda: gallery, again(home, pipelines).template)
    assert naming.name(sighting.sighting_id, "Alice").embeddings == 1
    (found, *_) = gallery.search(look_of(pipelines), 1)
    assert (found.person_id, found.similarity > 0.9) == ("Alice", True)
    naming.deny(sighting.sighting_id, "Alice")
    assert gallery.count("Alice") == 0
    with home.database.read() as tx:
        ((person_id, look),) = negatives.all_of_model(tx, gallery.model)
        assert (person_id, look.model) == ("Alice", gallery.model)
        assert negatives.unlearnt(tx, "another")[0].sighting_id == sighting.sighting_id


def test_without_its_picture_a_stranger_of_a_former_model_is_refused_by_name(home: Home, pipelines: Pipelines) -> None:
    sighting = kept(home, pipelines, picture=None)
    gallery = Gallery(home.database, pipelines.photos.model)
    naming = Naming(home.database, lambda: gallery, again(home, pipelines).template)
    with pytest.raises(ModelMismatch, match="a former model"):
        naming.name(sighting.sighting_id, "Alice")
