"""`bench engine`, `bench http` and `bench start` measure the real thing, and their figures go where they are wanted."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.cli.bench_http import Turn, figures
from backend.cli.bench_photos import bench_photos
from backend.cli.bench_start import Start
from backend.cli.bench_start import figures as start_figures
from backend.domain.errors import ConfigurationError
from tests.rig.photos import jpeg, person_crop
from tests.unit.cli.conftest import Run


def figures_of(text: str) -> dict[str, Any]:
    return {figure["what"]: figure for figure in json.loads(text)["figures"]}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two people with two photos each, and one with a single one."""
    for person, index in (("alice", 2), ("bob", 5), ("carol", 3)):
        (tmp_path / "images" / person).mkdir(parents=True)
        photo = person_crop(index)
        (tmp_path / "images" / person / "1.jpg").write_bytes(jpeg(photo))
        if person != "carol":
            (tmp_path / "images" / person / "2.jpg").write_bytes(jpeg(photo[:, ::-1].copy()))
    return tmp_path / "images"


def test_people_with_two_photos_are_taken(images: Path) -> None:
    photos = bench_photos(images, 24)
    assert list(photos.enrolled) == list(photos.probes) == ["alice", "bob"]
    assert photos.enrolled["bob"] != photos.probes["bob"]
    assert list(bench_photos(images, 1).probes) == ["alice"]


def test_a_folder_without_people_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="two photos or more"):
        bench_photos(tmp_path, 24)


def test_the_engine_is_measured_by_stage_and_against_opencv(
    run: Run, images: Path, tmp_path: Path, data_dir: Path
) -> None:
    page = tmp_path / "benchmarks.md"
    ended = run("bench", "engine", "--images", str(images), "--rounds", "1", "--json", "--write", str(page))
    assert ended.status == 0, ended.err
    found = figures_of(ended.out)
    assert {"decode", "detect", "align", "grade", "embed", "search and decide"} <= set(found)
    assert found["embedding 8 faces at once against one by one"]["value"] > 0
    for way in ("ours", "ours, the peers' steps alone", "OpenCV"):
        assert "named 2 of 2" in found[f"file → names, {way}"]["detail"]
    assert found["file → names, OpenCV against ours"]["value"] > 0
    # No peers are set up in the empty folder where this runs.
    assert found["file → names, face_recognition against ours"]["value"] is None
    assert "face_recognition is left out" in ended.err
    assert "| file → names, OpenCV against ours |" in page.read_text(encoding="utf-8")
    # Nobody was enrolled in this machine's gallery.
    assert [path.name for path in data_dir.iterdir()] == ["models"]


@pytest.mark.timeout(240)
def test_http_is_measured_on_a_real_server(run: Run, images: Path) -> None:
    ended = run(
        "bench", "http", "--images", str(images), "--clients", "2", "--seconds", "0.5", "--rounds", "1", "--json"
    )
    assert ended.status == 0, ended.err
    found = figures_of(ended.out)
    assert found["identify called directly, 2 callers"]["value"] > 0
    assert found["identify through HTTP, 2 callers"]["value"] > 0
    assert found["through HTTP against directly, 2 callers"]["value"] > 0


@pytest.mark.timeout(240)
def test_a_start_is_measured_on_a_real_server(run: Run, data_dir: Path) -> None:
    ended = run("bench", "start", "--rounds", "1", "--idle", "0", "--json")
    assert ended.status == 0, ended.err
    found = figures_of(ended.out)
    assert 0.5 < found["command → /readyz"]["value"] < 240
    assert found["resident memory, idle"]["value"] > 100
    # This machine's own gallery is not opened for it.
    assert [path.name for path in data_dir.iterdir()] == ["models"]


def test_what_counts_of_several_starts_is_the_median() -> None:
    starts = [Start(seconds, 1.0, megabytes) for seconds, megabytes in ((2.0, 400.0), (9.0, 401.0), (3.5, 500.0))]
    ready, memory = start_figures(starts)
    assert (ready.value, ready.reached, memory.value, memory.reached) == (3.5, False, 401.0, True)
    assert "the slowest 9.00 s" in ready.detail


def test_the_share_is_the_median_of_the_pairs() -> None:
    pairs = [(Turn(1.0, [0.1] * 10, 1.0), Turn(1.0, [0.1] * http, 1.0)) for http in (9, 1, 8)]
    *_, share = figures(pairs, 8)
    assert (share.value, share.reached) == (0.8, False)
