"""Trees of photos: whose each is, and archives that no honest program makes."""

import io
import stat
import zipfile
from pathlib import Path

import pytest

from backend.domain.errors import InvalidField
from backend.recognition import photo_trees
from backend.recognition.photo_trees import photos_in_archive, photos_in_folder

TREES = {
    "double-take": {
        "train/alice/1.jpg": "alice",
        "train/bob/b.PNG": "bob",
    },
    "Frigate": {
        "alice/a-1.webp": "alice",
        "bob/b-1.webp": "bob",
        "train/1763-front-0.9.webp": None,
    },
    "ZoneMinder": {
        "alice.jpg": "alice",
        "bob_1.jpg": "bob",
        "bob (2).jpg": "bob",
        "dave/d.jpg": "dave",
        "faces.pickle": None,
    },
    "an archive made on a Mac": {
        "photos/alice/1.jpg": "alice",
        "__MACOSX/photos/alice/._1.jpg": None,
        "photos/.DS_Store": None,
        "photos/alice/notes.txt": None,
    },
}


def _archive(*files: str | zipfile.ZipInfo, content: bytes = b"x") -> zipfile.ZipFile:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in files:
            archive.writestr(name, content)
    return zipfile.ZipFile(file)


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES.keys())
def test_the_folder_names_the_person(tree: dict[str, str | None], tmp_path: Path) -> None:
    expected = {name: person_id for name, person_id in tree.items() if person_id}
    for name in tree:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"picture")
    assert {photo.name: photo.person_id for photo in photos_in_folder(tmp_path)} == expected
    assert {photo.name: photo.person_id for photo in photos_in_archive(_archive(*tree))} == expected


def test_a_link_in_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.jpg").write_bytes(b"x")
    root = tmp_path / "root"
    (root / "alice").mkdir(parents=True)
    (root / "alice" / "a.jpg").symlink_to(tmp_path / "elsewhere" / "secret.jpg")
    (root / "bob").symlink_to(tmp_path / "elsewhere")
    assert photos_in_folder(root) == []


def test_a_photo_is_read_no_further_than_is_allowed() -> None:
    (photo,) = photos_in_archive(_archive("alice/a.jpg", content=b"x" * 100))
    assert photo.read(10).data == b"x" * 10


@pytest.mark.parametrize("name", ["../alice/a.jpg", "/etc/a.jpg", "a/../../b.jpg", "C:/a.jpg", "..\\a.jpg"])
def test_an_archive_that_leads_out_of_itself_is_refused(name: str) -> None:
    with pytest.raises(InvalidField, match="outside"):
        photos_in_archive(_archive("alice/a.jpg", name))


def test_a_link_in_an_archive_is_refused() -> None:
    link = zipfile.ZipInfo("alice/a.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(InvalidField, match="outside"):
        photos_in_archive(_archive(link, content=b"/etc/passwd"))


def test_an_archive_that_grows_beyond_measure_is_refused() -> None:
    with pytest.raises(InvalidField, match="grow"):
        photos_in_archive(_archive("alice/a.jpg", content=bytes(20 * 2**20)))


def test_too_many_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_trees, "MOST_FILES", 2)
    with pytest.raises(InvalidField, match="2 files"):
        photos_in_archive(_archive("alice/1.jpg", "alice/2.jpg", "alice/3.jpg"))
