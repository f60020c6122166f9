"""`face-server optimise` as a person calls it: made, measured, kept or not, used, removed."""

import importlib.util
import json
from pathlib import Path

import pytest

from backend.evaluation import optimising
from backend.vision import quantising
from tests.rig.photos import jpeg, other_photos, person_crop
from tests.unit.cli.conftest import Run


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Three people in seven photos each, and one file that is no picture."""
    folder = tmp_path / "album"
    for index in (2, 3, 5):
        photo = person_crop(index)
        for number, variant in enumerate((photo, *other_photos(photo))):
            path = folder / f"person {index}" / f"{number}.JPG"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg(variant))
    (folder / "person 2" / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture
def whatever_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long it takes beside other tests says nothing."""
    monkeypatch.setattr(optimising, "WORTH", 1000.0)


@pytest.mark.usefixtures("whatever_its_time")
@pytest.mark.timeout(400)
def test_int8_is_made_kept_used_and_removed(
    run: Run, album: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run("optimise", "--images", str(album), "--json")
    assert ended.status == 0, ended.err
    reply = json.loads(ended.out)
    assert (reply["kept"], reply["learnt_from"] + reply["measured_with"], reply["loss"]) == (True, 21, 0)
    (failure,) = reply["failures"]
    assert failure["photo"].endswith("broken.jpg")
    assert [form["precision"] for form in reply["forms"]][:: len(reply["forms"]) - 1] == ["f32", "int8"]
    assert reply["similarity"]["least"] > 0.97
    kept = Path(reply["file"])
    assert kept.parent == data_dir / "models"

    monkeypatch.setenv("PRECISION", "int8")
    photo = str(album / "person 2" / "0.JPG")
    assert run("enrol", "carol", photo).status == 0
    monkeypatch.setenv("PRECISION", "f32")
    (found,) = json.loads(run("identify", photo, "--json").out)
    assert found["faces"][0]["person_id"] == "carol"
    assert found["faces"][0]["similarity"] > 0.95

    # The same form, measured anew and found wanting: what is kept stays.
    form = kept.read_bytes()
    monkeypatch.setattr(quantising, "quantise", lambda *_: form)
    monkeypatch.setattr(optimising, "WORTH", 0.0)
    refused = run("optimise", "--images", str(album))
    assert refused.status == 3
    assert "Not kept: it takes" in refused.out
    assert max(map(len, refused.out.splitlines())) <= 80
    assert kept.read_bytes() == form

    monkeypatch.setenv("PRECISION", "int8")
    removed = run("optimise", "--remove")
    assert (removed.status, kept.exists()) == (0, False)
    assert "PRECISION is int8: set it to auto" in " ".join(removed.out.split())
    assert json.loads(run("optimise", "--remove", "--json").out)["removed"] == 0
    without = run("identify", photo)
    assert without.status == 2
    assert "face-server optimise --images DIR" in without.err


def test_nothing_named_is_said_so(run: Run) -> None:
    ended = run("optimise")
    assert ended.status == 2
    assert "Name a folder of photos" in ended.err


def test_a_folder_without_faces_says_why(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.png").write_bytes(b"no picture")
    ended = run("optimise", "--images", str(folder))
    assert ended.status == 1
    assert "shows too few faces: 0 to learn from and 0 to measure with" in ended.err
    assert "12 photos could not be used; " in ended.err


@pytest.mark.parametrize("files", [0, 2])
def test_too_few_photos_are_refused(run: Run, tmp_path: Path, files: int) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(files):
        (folder / f"{number}.png").write_bytes(b"no picture")
    ended = run("optimise", "--images", str(folder))
    assert ended.status == 1
    assert "too few photos: at least three are needed" in ended.err


def test_without_nncf_it_says_what_to_install(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "nncf" else find(name, *rest))
    ended = run("optimise", "--images", str(tmp_path))
    assert ended.status == 2
    assert "pip install 'face-server[optimise]'" in ended.err
