"""Pictures are there whole or not at all, and a disk that refuses raises one kind of error."""

import os
from pathlib import Path

import pytest

from backend.domain.errors import StorageError
from backend.storage.snapshots import Snapshots

KEY = "2026-11-22/01M826HTGMKS5F8WHQWVSW66M1-1.jpg"
JPEG = b"\xff\xd8 a picture"


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots")


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_picture_comes_back_as_it_was_and_leaves_no_draft(snapshots: Snapshots, tmp_path: Path) -> None:
    snapshots.write(KEY, JPEG)
    assert snapshots.read(KEY) == JPEG
    assert _files(tmp_path / "snapshots") == [KEY]


def test_a_picture_can_be_replaced(snapshots: Snapshots) -> None:
    snapshots.write(KEY, b"old")
    snapshots.write(KEY, JPEG)
    assert snapshots.read(KEY) == JPEG


def test_a_picture_that_is_gone_is_none(snapshots: Snapshots) -> None:
    assert snapshots.read(KEY) is None
    snapshots.write(KEY, JPEG)
    snapshots.remove(KEY)
    assert snapshots.read(KEY) is None
    snapshots.remove(KEY)


def test_a_write_that_breaks_off_leaves_the_picture_that_was_there(
    snapshots: Snapshots, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots.write(KEY, JPEG)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        snapshots.write(KEY, b"a better picture")
    assert snapshots.read(KEY) == JPEG
    assert _files(tmp_path / "snapshots") == [KEY]


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "snapshots").write_text("a file in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        Snapshots(tmp_path / "snapshots").write(KEY, JPEG)


def test_a_picture_that_cannot_be_read_is_a_storage_error(snapshots: Snapshots, tmp_path: Path) -> None:
    (tmp_path / "snapshots" / KEY).mkdir(parents=True)
    with pytest.raises(StorageError, match="cannot be read"):
        snapshots.read(KEY)


def test_a_picture_that_cannot_be_deleted_stays_and_is_logged(
    snapshots: Snapshots, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "snapshots" / KEY).mkdir(parents=True)
    snapshots.remove(KEY)
    assert "cannot be deleted" in caplog.text


def test_other_versions_of_a_sighting_are_removed_and_other_sightings_are_not(
    snapshots: Snapshots, tmp_path: Path
) -> None:
    others = [KEY.replace("-1.jpg", ending) for ending in ("-2.jpg", "-10.jpg", "-3.part")]
    neighbour = KEY.replace("6M1-1", "6M2-1")
    for key in (KEY, *others, neighbour):
        snapshots.write(key, JPEG)
    snapshots.remove_other_versions(KEY)
    assert _files(tmp_path / "snapshots") == sorted([KEY, neighbour])
