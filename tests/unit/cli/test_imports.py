"""`face-server import` and `export`."""

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.cli.commands import application
from tests.rig.photos import jpeg, person_crop
from tests.unit.cli.conftest import Run


@pytest.fixture
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))


@pytest.mark.usefixtures("_here")
def test_a_folder_is_enrolled_and_all_is_taken_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, index in (("alice", 2), ("bob", 5)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / "1.jpg").write_bytes(jpeg(person_crop(index)))
    (tmp_path / "photos" / "bob" / "2.jpg").write_bytes(b"no picture")
    done = CliRunner().invoke(application(), ["import", "photos", "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert (answer["total"], answer["added"], answer["people"]) == (3, 2, 2)
    assert [refusal["name"] for refusal in answer["refusals"]] == ["bob/2.jpg"]

    written = CliRunner().invoke(application(), ["export", "people.zip"])
    assert written.exit_code == 0, written.output
    assert stat.S_IMODE((tmp_path / "people.zip").stat().st_mode) == 0o600
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "elsewhere"))
    taken = CliRunner().invoke(application(), ["import", "people.zip", "--json"])
    assert (json.loads(taken.stdout)["people"], json.loads(taken.stdout)["added"]) == (2, 2)


def test_a_report_says_whole_which_photo_was_refused_also_on_a_narrow_terminal(run: Run, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name, photo in (("a-person-of-many-names/a-photo-with-a-long-name.jpg", b""), ("b/b.jpg", b"")):
        (photos / name).parent.mkdir(parents=True)
        (photos / name).write_bytes(photo)
    told = run("import", str(photos))
    assert told.status == 1
    assert told.out.splitlines()[0].strip() == "0 templates of 0 people are new"
    cells = "".join(line.split("│")[1].strip() for line in told.out.splitlines() if line.startswith("│"))
    assert cells == "a-person-of-many-names/a-photo-with-a-long-name.jpgb/b.jpg"


def test_a_folder_with_nobody_in_it_is_refused_in_a_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photos" / "alice").mkdir(parents=True)
    (tmp_path / "photos" / "alice" / "notes.txt").write_text("This is no picture.")
    told = run("import", str(tmp_path / "photos"))
    assert (told.status, told.out) == (1, "")
    assert told.err.strip().endswith("There is no photo of anybody in it, such as NAME/photo.jpg.")
