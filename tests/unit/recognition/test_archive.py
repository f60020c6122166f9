"""Everything of everybody as one archive, taken in elsewhere."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from backend.gallery.cohort import CohortAdjustedIndex
from backend.gallery.gallery import Gallery
from backend.recognition.archive import MANIFEST, import_archive, write_archive
from backend.recognition.enrol import Enroller, EnrolmentRule, Photo
from backend.recognition.imports import Progress
from backend.storage.database import Database, sqlite_url
from backend.storage.secret_box import SecretBox
from backend.vision.image import ImageLimits, decode
from backend.vision.loading import Pipelines
from tests.rig.photos import astronaut, jpeg, other_photos, person_crop

ALICE, BOB, CAROL = 2, 5, 3
DIMENSIONS = 128
OpenGallery = Callable[[str], Gallery]


@pytest.fixture
def gallery(tmp_path: Path, pipelines: Pipelines) -> Iterator[OpenGallery]:
    """Opens the galleries of several machines."""
    with ExitStack() as stack:

        def opened(machine: str) -> Gallery:
            (tmp_path / machine).mkdir()
            database = Database.open(sqlite_url(tmp_path / machine), SecretBox("key"))
            stack.enter_context(closing(database))
            return Gallery(database, pipelines.photos.model, CohortAdjustedIndex)

        yield opened


@pytest.fixture
def home(gallery: OpenGallery, pipelines: Pipelines) -> Gallery:
    """Three people, one with two photos, one with a name, and a look that is not hers."""
    here = gallery("home")
    enroller = Enroller(pipelines.enrolment, here, EnrolmentRule(0, 0), ImageLimits())
    for name, index in (("alice", ALICE), ("bob", BOB), ("carol", CAROL)):
        enroller.enrol(name, [Photo(f"{name}.jpg", jpeg(person_crop(index)))])
    enroller.enrol("alice", [Photo("2.jpg", jpeg(other_photos(person_crop(ALICE))[0]))])
    here.describe("alice", display_name="Alice", note="a note", groups=("family", "staff"))
    here.deny("alice", pipelines.photos.analyse(astronaut())[0].template)
    return here


def _always(_progress: Progress) -> bool:
    return True


def _archive(gallery: Gallery, *, pictures: bool = True) -> io.BytesIO:
    file = io.BytesIO()
    write_archive(gallery, file, pictures=pictures)
    return file


def _taken_in(gallery: Gallery, file: io.BytesIO) -> Progress:
    with zipfile.ZipFile(file) as archive:
        return import_archive(gallery, DIMENSIONS, archive, _always)


def _answers(gallery: Gallery, pipelines: Pipelines) -> list[Any]:
    probes = [person_crop(index) for index in range(6)] + [astronaut(), *other_photos(person_crop(BOB))]
    return [gallery.search(face.template) for probe in probes for face in pipelines.photos.analyse(probe)]


def test_faces_are_answered_elsewhere_exactly_as_here(
    home: Gallery, gallery: OpenGallery, pipelines: Pipelines
) -> None:
    away = gallery("away")
    done = _taken_in(away, _archive(home))
    assert (done.people, done.added, done.refused) == (3, 4, 0)
    answers = _answers(home, pipelines)
    assert len(answers) >= 10
    assert _answers(away, pipelines) == answers
    assert away.people() == home.people()
    for person in home.people():
        assert away.templates_of(person.person_id) == home.templates_of(person.person_id)
        for entry in home.templates_of(person.person_id):
            crops = [side.crop(person.person_id, entry.template_id) for side in (home, away)]
            assert crops[0] == crops[1]


def test_pictures_may_be_left_out(home: Gallery, gallery: OpenGallery) -> None:
    away = gallery("away")
    _taken_in(away, _archive(home, pictures=False))
    assert {entry.has_crop for entry in away.templates_of("alice")} == {False}


def test_who_is_there_already_keeps_their_name_and_gets_what_is_new(
    home: Gallery, gallery: OpenGallery, pipelines: Pipelines
) -> None:
    away = gallery("away")
    Enroller(pipelines.enrolment, away, EnrolmentRule(0, 0), ImageLimits()).enrol(
        "alice", [Photo("the same.jpg", jpeg(person_crop(ALICE)))]
    )
    away.describe("alice", display_name="Ali")
    assert _taken_in(away, _archive(home)).added == 3
    assert (away.person("alice").display_name, away.person("alice").embeddings) == ("Ali", 2)
    assert _taken_in(away, _archive(home)).added == 0


Change = Callable[[dict[str, Any]], object]


def _spoilt(file: io.BytesIO, change: Change, name: str = "people/000000.json") -> io.BytesIO:
    spoilt = io.BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(spoilt, "w") as written:
        for entry in archive.namelist():
            data = archive.read(entry)
            if entry == name:
                document = json.loads(data)
                change(document)
                data = json.dumps(document).encode()
            written.writestr(entry, data)
    return spoilt


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.pop("person_id"),
        lambda document: document.update(person_id="a/b"),
        lambda document: document.update(templates=7),
        lambda document: document.update(created_at="2026-11-22T12:00:00"),
        lambda document: document["templates"][0].update(embedding="AAAA"),
        lambda document: document["templates"][0].update(embedding="AACAPw=="),
        lambda document: document["templates"][0].update(quality="much"),
        lambda document: document["templates"][0].update(quality=float("nan")),
        lambda document: document["templates"][0].update(template_id="x" * 27),
    ],
)
def test_one_person_who_is_spoilt_does_not_spoil_the_others(
    home: Gallery, gallery: OpenGallery, change: Change
) -> None:
    away = gallery("away")
    done = _taken_in(away, _spoilt(_archive(home), change))
    assert (done.done, done.people, [refusal.name for refusal in done.refusals]) == (3, 2, ["people/000000.json"])
    assert [person.person_id for person in away.people()] == ["bob", "carol"]


def test_an_export_of_another_version_is_refused(home: Gallery, gallery: OpenGallery) -> None:
    newer = _spoilt(_archive(home), lambda manifest: manifest.update(version=2), MANIFEST)
    with pytest.raises(Exception, match="version 1"):
        _taken_in(gallery("away"), newer)


def test_the_aligned_faces_are_pictures(home: Gallery) -> None:
    with zipfile.ZipFile(_archive(home)) as archive:
        crops = [name for name in archive.namelist() if name.startswith("crops/")]
        assert len(crops) == 4
        assert decode(archive.read(crops[0])).shape == (112, 112, 3)
