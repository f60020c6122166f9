"""`face-server import` and `export`."""

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.cli import app
from tests.rig.photos import jpeg, person_crop


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
    done = CliRunner().invoke(app, ["import", "photos", "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert (answer["total"], answer["added"], answer["people"]) == (3, 2, 2)
    assert [refusal["name"] for refusal in answer["refusals"]] == ["bob/2.jpg"]

    written = CliRunner().invoke(app, ["export", "people.zip"])
    assert written.exit_code == 0, written.output
    assert stat.S_IMODE((tmp_path / "people.zip").stat().st_mode) == 0o600
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "elsewhere"))
    taken = CliRunner().invoke(app, ["import", "people.zip", "--json"])
    assert (json.loads(taken.stdout)["people"], json.loads(taken.stdout)["added"]) == (2, 2)
