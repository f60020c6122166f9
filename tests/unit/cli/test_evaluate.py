"""`face-server evaluate` on a handful of photos, as a person calls it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Ended, Run
from tests.unit.evaluation.situations import family_album, spoil


@pytest.fixture
def album(tmp_path: Path) -> Path:
    return family_album(tmp_path / "album")


def answer(ended: Ended) -> dict[str, Any]:
    """The one object that `--json` prints on standard output."""
    assert ended.status == 0, ended.err
    parsed: dict[str, Any] = json.loads(ended.out)
    return parsed


def pairs_file(folder: Path, lines: str) -> str:
    path = folder / "pairs.txt"
    path.write_text(lines)
    return str(path)


def test_an_open_set_is_searched_and_told_as_one_json_object(run: Run, album: Path) -> None:
    reply = answer(run("evaluate", "openset", "--images", str(album), "--json"))
    assert (reply["gallery"], reply["mated"], reply["non_mated"]) == (3, 6, 1)
    # One exposure seen in several ways: everybody is found.
    assert reply["rank1"] == 100
    assert reply["fnir"] == {"0.1": 0, "0.01": 0}
    assert set(reply["thresholds"]) == {"0.1", "0.01"}
    assert reply["failures"] == {"enrol": 0, "mated": 0, "non_mated": 0}
    assert [method["name"] for method in reply["methods"]][::3] == ["as set up", "plain reference"]
    assert reply["reference"]["rank1"] == 100
    assert reply["facts"]["precision"] in ("f32", "bf16")


def test_photos_without_a_face_count_as_misses(run: Run, album: Path) -> None:
    for number in (1, 2, 3):
        spoil(album, "carol", number)
    reply = answer(run("evaluate", "openset", "--images", str(album), "--json"))
    assert reply["failures"] == {"enrol": 1, "mated": 2, "non_mated": 0}
    assert (reply["gallery"], reply["mated"]) == (3, 6)
    assert reply["rank1"] == pytest.approx(66.667)


def test_the_table_fits_eighty_columns(run: Run, album: Path) -> None:
    ended = run("evaluate", "openset", "--images", str(album))
    assert ended.status == 0
    assert "as set up" in ended.out
    assert "3 people enrolled" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80


PAIRS = "1 3\ncarol 1 2\ndave 1 3\nfrank 2 3\ncarol 1 dave 1\ndave 2 frank 2\nfrank 1 grace 1\n"


def test_pairs_are_compared_and_told_as_one_json_object(run: Run, tmp_path: Path, album: Path) -> None:
    file = pairs_file(tmp_path, PAIRS)
    reply = answer(run("evaluate", "pairs", "--images", str(album), "--pairs", file, "--json"))
    assert reply["pairs"] == 6
    assert reply["accuracy"] == 100
    assert reply["tar"] == {"0.01": 100, "0.001": 100}
    assert reply["not_compared"] == 0
    assert reply["reference"]["accuracy"] == 100


def test_a_missing_photo_is_named_with_its_line(run: Run, tmp_path: Path, album: Path) -> None:
    file = pairs_file(tmp_path, PAIRS.replace("dave 1 3", "dave 1 4"))
    ended = run("evaluate", "pairs", "--images", str(album), "--pairs", file)
    assert ended.status == 1
    assert re.search(r"line 3: the photo .*dave_0004\.jpg is missing", ended.err)


@pytest.mark.parametrize("what", ["pairs", "openset"])
def test_a_report_is_one_page_that_asks_nothing_from_outside(run: Run, tmp_path: Path, album: Path, what: str) -> None:
    page = tmp_path / "report.html"
    more = ("--pairs", pairs_file(tmp_path, PAIRS)) if what == "pairs" else ()
    ended = run("evaluate", what, "--images", str(album), *more, "--report", str(page))
    assert ended.status == 0
    html = page.read_text(encoding="utf-8")
    assert html.count("<svg") == 2
    assert "data:image/jpeg;base64," in html
    assert "plain reference" in html
    assert not re.search(r"https?://|<script|<link|@import", html)
    assert str(tmp_path) not in html


@pytest.mark.parametrize("what", ["pairs", "openset"])
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_measured(
    run: Run, tmp_path: Path, album: Path, what: str
) -> None:
    more = ("--pairs", pairs_file(tmp_path, PAIRS)) if what == "pairs" else ()
    ended = run("evaluate", what, "--images", str(album), *more, "--report", str(tmp_path / "none" / "report.html"))
    assert ended.status == 2
    assert "nothing can be written to the folder" in ended.err


def test_one_person_alone_is_no_open_set(run: Run, tmp_path: Path, album: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    (album / "carol").rename(alone / "carol")
    ended = run("evaluate", "openset", "--images", str(alone))
    assert ended.status == 1
    assert "here are 1 of the former and 0 of the latter" in " ".join(ended.err.split())
