"""`models`: licences, what is here and in use, and who needs new photos."""

import json
from pathlib import Path

import pytest

from backend.cli import console
from backend.container.database import open_database
from backend.domain.face import Template
from backend.gallery.gallery import Gallery
from backend.settings import load_local_settings
from backend.storage.templates import NewTemplate
from tests.rig.own_models import arcface_of_sface
from tests.unit.cli.conftest import Run
from tests.unit.notifications.situations import a_look


def test_every_model_is_listed_with_its_licence_and_use(run: Run) -> None:
    listed = {entry["model"]: entry for entry in json.loads(run("models", "--json").out)["models"]}
    assert len(listed) == 11
    assert [name for name, entry in listed.items() if entry["in_use"]] == [
        "sface_2021dec_int8bq",
        "yunet_2023mar_int8bq",
    ]
    assert listed["arcface_w600k_r50"]["licence"] == "non-commercial research only"
    assert (listed["auraface_v1"]["licence"], listed["auraface_v1"]["there"]) == ("Apache-2.0", False)
    assert listed["sface_2021dec_int8bq"]["thresholds"]["measured"]
    assert "thresholds" not in {name for name, value in listed["scrfd_10g_kps"].items() if value is not None}


def test_tables_for_people_say_the_same(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # A terminal's width is read once, by whichever test comes first.
    monkeypatch.setattr(console.out, "_width", 200)
    assert "non-commercial research only" in run("models").out
    assert "RGB, (x - 127.5) / 127.5" in run("models", "--fed").out


@pytest.mark.parametrize("options", [(), ("--fed",)])
def test_names_stay_whole_and_files_are_not_cut_in_eighty_columns(run: Run, options: tuple[str, ...]) -> None:
    listed = json.loads(run("models", "--json").out)["models"]
    shown = [entry for entry in listed if not options or entry["role"] == "embedder"]
    said = run("models", *options).out
    assert max(map(len, said.splitlines())) <= 80
    assert [entry["model"] for entry in shown if f"│ {entry['model']} " not in said] == []
    assert "…" not in said


def test_a_change_that_waits_for_the_server_and_who_needs_new_photos_are_told(
    run: Run, tmp_path: Path, models: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_FILE", str(arcface_of_sface(tmp_path / "mine.onnx", models)))
    with open_database(load_local_settings()) as database:
        gallery = Gallery(database, "sface_2021dec_int8bq")
        look = Template(a_look().embedding, gallery.model)
        gallery.add("alice", [NewTemplate(look, 0.9, "a.jpg", "photo")])
        gallery.add("bob", [NewTemplate(look, 0.9, "b.jpg", "photo", b"a face")])
    told = run("models")
    assert "0 of 1 faces of the gallery are made anew by own-arcface-" in told.out
    assert "no picture of their faces was kept: alice." in told.out
    reply = json.loads(run("models", "--json").out)
    assert (reply["gallery"]["need_new_photos"], reply["gallery"]["without_face"]) == (["alice"], 1)
    own = [entry for entry in reply["models"] if entry["model"].startswith("own-")]
    assert [(entry["there"], entry["in_use"]) for entry in own] == [(True, False)]


@pytest.mark.parametrize(("name", "value"), [("MODEL_FILE", "nowhere.onnx"), ("DETECTOR_FILE", "auraface_v1")])
def test_a_file_that_is_none_is_told_of_in_a_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    ended = run("models")
    assert ended.status == 2
    assert f"face-server: {name}: '{value}' cannot be read" in ended.err
