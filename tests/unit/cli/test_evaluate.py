"""`face-server evaluate` on a handful of photos, as a person calls it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from backend.cli import app
from tests.unit.evaluation.situations import family_album, spoil

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory, pipelines_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Calls the command with a data folder that has the models already."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.setenv("DATA_DIR", str(pipelines_cache))
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *arguments: CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture(scope="session")
def pipelines_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluated")


def answer(result: Result) -> dict[str, Any]:
    """The one object that `--json` prints on standard output."""
    assert result.exit_code == 0, result.output
    parsed: dict[str, Any] = json.loads(result.stdout)
    return parsed


def test_an_open_set_is_searched_and_told_as_one_json_object(run: Run, tmp_path: Path) -> None:
    reply = answer(run("openset", "--images", family_album(tmp_path), "--json"))
    assert (reply["gallery"], reply["mated"], reply["non_mated"]) == (3, 6, 1)
    # One exposure seen in several ways: everybody is found.
    assert reply["rank1"] == 100
    assert reply["fnir"] == {"0.1": 0, "0.01": 0}
    assert set(reply["thresholds"]) == {"0.1", "0.01"}
    assert reply["failures"] == {"enrol": 0, "mated": 0, "non_mated": 0}
    assert [method["name"] for method in reply["methods"]][::3] == ["as set up", "plain reference"]
    assert reply["reference"]["rank1"] == 100


def test_photos_without_a_face_count_as_misses(run: Run, tmp_path: Path) -> None:
    family_album(tmp_path)
    for number in (1, 2, 3):
        spoil(tmp_path, "carol", number)
    reply = answer(run("openset", "--images", tmp_path, "--json"))
    assert reply["failures"] == {"enrol": 1, "mated": 2, "non_mated": 0}
    assert (reply["gallery"], reply["mated"]) == (3, 6)
    assert reply["rank1"] == pytest.approx(66.667)


def test_the_table_fits_eighty_columns(run: Run, tmp_path: Path) -> None:
    result = run("openset", "--images", family_album(tmp_path))
    assert result.exit_code == 0
    assert "as set up" in result.stdout
    assert "3 people enrolled" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


PAIRS = "1 3\ncarol 1 2\ndave 1 3\nfrank 2 3\ncarol 1 dave 1\ndave 2 frank 2\nfrank 1 grace 1\n"


def test_pairs_are_compared_and_told_as_one_json_object(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pairs.txt").write_text(PAIRS)
    reply = answer(run("pairs", "--images", family_album(tmp_path), "--pairs", tmp_path / "pairs.txt", "--json"))
    assert reply["pairs"] == 6
    assert reply["accuracy"] == 100
    assert reply["tar"] == {"0.01": 100, "0.001": 100}
    assert reply["not_compared"] == 0
    assert reply["reference"]["accuracy"] == 100


def test_a_missing_photo_is_named_with_its_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pairs.txt").write_text(PAIRS.replace("dave 1 3", "dave 1 4"))
    with pytest.raises(Exception, match=r"line 3: the photo .*dave_0004\.jpg is missing"):
        run("pairs", "--images", family_album(tmp_path), "--pairs", tmp_path / "pairs.txt")


@pytest.mark.parametrize("what", ["pairs", "openset"])
def test_a_report_is_one_page_that_asks_nothing_from_outside(run: Run, tmp_path: Path, what: str) -> None:
    album, page = family_album(tmp_path / "album"), tmp_path / "report.html"
    (tmp_path / "pairs.txt").write_text(PAIRS)
    more = ("--pairs", tmp_path / "pairs.txt") if what == "pairs" else ()
    result = run(what, "--images", album, *more, "--report", page)
    assert result.exit_code == 0
    html = page.read_text(encoding="utf-8")
    assert html.count("<svg") == 2
    assert "data:image/jpeg;base64," in html
    assert "plain reference" in html
    assert not re.search(r"https?://|<script|<link|@import", html)
    assert str(tmp_path) not in html
