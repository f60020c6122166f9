"""A family's own photos: who is enrolled is found in a group photo, and nobody else is taken for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from backend.container.recognition import Recognition, open_recognition
from backend.domain.identity import Verdict
from backend.recognition.enrol import Photo
from backend.recognition.identify import IdentifiedFace
from backend.settings import LocalSettings
from backend.vision.image import decode
from tests.rig.photos import SHARED_DATA, needs_shared_data

ALBUM = SHARED_DATA / "azure_face"
STRANGERS = ("Family2-Man1.jpg", "Family2-Man2.jpg", "Family3-Man1.jpg", "Family2-Lady1.jpg", "Family3-Lady1.jpg")


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Recognition]:
    settings = LocalSettings(data_dir=tmp_path / "data", secret_key=SecretStr("key of the test"))
    with open_recognition(settings) as recognition:
        photos = [Photo(name, (ALBUM / name).read_bytes()) for name in _photos_of("Dad")]
        assert len(recognition.enroller.enrol("Dad", photos).accepted) == 3
        yield recognition


def _photos_of(member: str) -> list[str]:
    return sorted(path.name for path in ALBUM.glob(f"Family1-{member}[0-9].jpg"))


def _faces(recognition: Recognition, name: str) -> list[IdentifiedFace]:
    return recognition.identifier.identify_image(decode((ALBUM / name).read_bytes(), recognition.limits))


@needs_shared_data("azure_face")
def test_dad_is_found_in_the_group_photo_and_only_once(family: Recognition) -> None:
    decisions = [face.decision for face in _faces(family, "identification1.jpg")]
    assert len(decisions) >= 4
    matches = [decision for decision in decisions if decision.verdict is Verdict.MATCH]
    assert [match.person_id for match in matches] == ["Dad"]


@needs_shared_data("azure_face")
def test_nobody_else_of_the_family_and_no_stranger_is_taken_for_dad(family: Recognition) -> None:
    names = [*_photos_of("Mom"), *_photos_of("Son"), *_photos_of("Daughter"), *STRANGERS]
    assert len(names) == 12
    verdicts = {name: [face.decision.verdict for face in _faces(family, name)] for name in names}
    assert all(verdicts.values())
    assert [name for name, found in verdicts.items() if Verdict.MATCH in found] == []
