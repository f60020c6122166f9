"""`enrol` and `identify` on real photos."""

import json
from pathlib import Path

import pytest

from tests.rig.photos import astronaut, group_photo, jpeg, other_photos, person_crop
from tests.unit.cli.conftest import Ended, Run

ALICE = 2


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of photos, where the commands run."""
    pictures = {
        "alice.jpg": person_crop(ALICE),
        "alice-2.jpg": other_photos(person_crop(ALICE))[0],
        "party.jpg": group_photo(),
        "stranger.jpg": astronaut(),
        "wall.jpg": astronaut()[300:, 300:],
        "[bold]odd[/].jpg": person_crop(ALICE),
    }
    for name, picture in pictures.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(jpeg(picture))
    (tmp_path / "notes.txt").write_text("This is no picture.")
    return tmp_path


def _one_line(ended: Ended) -> str:
    assert "Traceback" not in ended.err
    (line,) = [line for line in ended.err.splitlines() if line.strip()]
    return line


@pytest.mark.usefixtures("photos")
def test_a_person_is_enrolled_and_found(run: Run) -> None:
    enrolled = run("enrol", "alice", "alice.jpg")
    assert (enrolled.status, "alice: 1 added" in enrolled.out) == (0, True)
    found = run("identify", "alice-2.jpg", "stranger.jpg", "wall.jpg")
    assert found.status == 0
    rows = {name: next(line for line in found.out.splitlines() if name in line) for name in ("alice-2", "stranger")}
    assert " alice " in rows["alice-2"]
    assert " unknown " in rows["stranger"]
    assert "no face" in found.out


@pytest.mark.usefixtures("photos")
def test_each_photo_has_its_verdict_as_json(run: Run) -> None:
    enrolled = run("enrol", "Ælfgifu 2", "alice.jpg", "wall.jpg", "party.jpg", "notes.txt", "alice.jpg", "--json")
    answer = json.loads(enrolled.out)
    assert (enrolled.status, answer["person_id"], answer["added"]) == (0, "Ælfgifu 2", 1)
    assert [(photo["filename"], photo["code"]) for photo in answer["rejected"]] == [
        ("wall.jpg", "face_not_found"),
        ("party.jpg", "multiple_faces"),
        ("notes.txt", "unsupported_format"),
        ("alice.jpg", "duplicate"),
    ]


@pytest.mark.usefixtures("photos")
def test_every_face_is_told_as_json_and_a_bad_photo_does_not_spoil_the_others(run: Run) -> None:
    ended = run("identify", "party.jpg", "notes.txt", "--json")
    party, notes = json.loads(ended.out)
    assert ended.status == 1
    assert (party["photo"], len(party["faces"])) == ("party.jpg", 6)
    assert notes == {
        "photo": "notes.txt",
        "error": {
            "code": "unsupported_format",
            "message": "The file is no JPEG, PNG, WebP, HEIC, BMP or TIFF picture.",
        },
    }


@pytest.mark.usefixtures("photos")
def test_where_no_photo_can_be_used_the_status_says_so(run: Run) -> None:
    ended = run("enrol", "nobody", "wall.jpg")
    assert ended.status == 1
    assert "nobody: 0 added" in ended.out
    assert "face_not_found" in ended.out


@pytest.mark.usefixtures("photos")
def test_a_file_whose_name_looks_like_markup_is_shown_as_it_is(run: Run) -> None:
    ended = run("identify", "[bold]odd[/].jpg", "./[bold]odd[/].jpg")
    assert ended.status == 0
    assert "[bold]odd[/].jpg" in ended.out


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize("no_color", ["1", ""])
def test_what_is_not_printed_to_a_terminal_has_no_colours(
    run: Run, monkeypatch: pytest.MonkeyPatch, no_color: str
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    ended = run("identify", "stranger.jpg")
    assert "\x1b" not in ended.out + ended.err


@pytest.mark.parametrize("person_id", ["a/b", " ", "x" * 129])
def test_an_impossible_id_is_one_line(run: Run, photos: Path, person_id: str) -> None:
    ended = run("enrol", person_id, str(photos / "alice.jpg"))
    assert ended.status == 1
    assert _one_line(ended).startswith("face-server: A person_id has 1–128 letters")


@pytest.mark.parametrize("path", ["absent.jpg", "."])
def test_a_photo_that_is_not_there_is_told_of_before_anything_is_done(run: Run, path: str) -> None:
    ended = run("identify", path)
    assert ended.status == 2
    assert f"'{path}'" in ended.err
    assert "Traceback" not in ended.err


def test_a_setting_that_makes_no_sense_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, photos: Path) -> None:
    monkeypatch.setenv("IDENTIFY_THRESHOLD", "high")
    ended = run("identify", str(photos / "alice.jpg"))
    assert ended.status == 2
    assert _one_line(ended).startswith("face-server: IDENTIFY_THRESHOLD: ")


def test_a_data_folder_that_cannot_be_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, photos: Path) -> None:
    monkeypatch.setenv("DATA_DIR", str(photos / "notes.txt"))
    ended = run("identify", str(photos / "alice.jpg"))
    assert ended.status == 2
    assert "DATA_DIR: the folder" in _one_line(ended)


def test_a_missing_token_is_one_line_that_says_how_to_make_one(run: Run) -> None:
    ended = run("serve")
    assert ended.status == 2
    assert "make one with: python -c" in _one_line(ended)
