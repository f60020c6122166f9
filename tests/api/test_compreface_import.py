"""Everybody of a CompreFace is taken over through its own API, here from our routes that speak it."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from backend.cli.commands import application
from backend.domain.errors import InvalidField, InvalidImage
from backend.recognition import compreface_server
from backend.recognition.compreface_server import CompreFaceServer
from tests.api.conftest import TOKEN, LiveServer
from tests.rig.canned_http import Asked, Canned, CannedHttp
from tests.rig.photos import jpeg, other_photos, person_crop

ALICE, BOB = 2, 5
FACE = {"image_id": "a/../b", "subject": "alice"}
ONE_PAGE = {"faces": [FACE], "page_number": 0, "page_size": 500, "total_pages": 1, "total_elements": 1}


@pytest.fixture
def _three_faces(api: httpx.Client) -> None:
    again = other_photos(person_crop(ALICE))[0]
    for subject, image in (("alice", person_crop(ALICE)), ("alice", again), ("bob", person_crop(BOB))):
        files = {"file": ("a.jpg", jpeg(image), "image/jpeg")}
        api.post("/api/v1/recognition/faces", params={"subject": subject}, files=files).raise_for_status()


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    return tmp_path


@pytest.mark.usefixtures("_three_faces", "elsewhere")
def test_the_command_enrols_everybody_of_a_compreface(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPREFACE_API_KEY", TOKEN)
    done = CliRunner().invoke(application(), ["import", "--compreface", server.url, "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert (answer["total"], answer["added"], answer["people"], answer["refusals"]) == (3, 3, 2, [])


@pytest.mark.usefixtures("_three_faces")
def test_every_page_is_read(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compreface_server, "PAGE", 2)
    with closing(CompreFaceServer(f"{server.url}/", TOKEN)) as compreface:
        photos = compreface.photos()
        assert [photo.person_id for photo in photos] == ["alice", "alice", "bob"]
        assert len({photo.name for photo in photos}) == 3
        assert photos[0].read(8).data == b"\x89PNG\r\n\x1a\n"


@pytest.mark.usefixtures("elsewhere")
def test_something_is_to_be_named_and_one_thing_alone() -> None:
    for words in ([], [".", "--compreface", "http://127.0.0.1:9"]):
        done = CliRunner().invoke(application(), ["import", *words])
        assert isinstance(done.exception, InvalidField)


def test_a_wrong_key_is_said(server: LiveServer) -> None:
    with closing(CompreFaceServer(server.url, "wrong")) as compreface, pytest.raises(InvalidField, match="the key"):
        compreface.photos()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "http://[", "http://a..b"])
def test_an_address_where_nothing_answers_is_said(url: str) -> None:
    with closing(CompreFaceServer(url, "key")) as compreface, pytest.raises(InvalidField, match="Nothing answers"):
        compreface.photos()


@pytest.mark.parametrize(
    "canned",
    [
        Canned(body="<html>"),
        Canned(body="[]"),
        Canned(body="{}"),
        Canned(body=json.dumps({"faces": [{}], "total_pages": 1})),
        Canned(body=json.dumps({"faces": [{"image_id": 1, "subject": "a"}], "total_pages": 1})),
        Canned(body=json.dumps({"faces": [], "total_pages": "1"})),
        Canned(500),
        Canned(302, headers={"Location": "http://127.0.0.1:9"}),
    ],
    ids=["no JSON", "list", "empty", "no fields", "numbers", "text", "failure", "leads elsewhere"],
)
def test_what_is_no_compreface_is_said(canned: Canned) -> None:
    with (
        CannedHttp(lambda _: canned) as something,
        closing(CompreFaceServer(something.url, "key")) as compreface,
        pytest.raises(InvalidField, match="no CompreFace"),
    ):
        compreface.photos()


@pytest.fixture
def no_photos() -> Iterator[CannedHttp]:
    """A CompreFace that keeps no photos, or none of this face."""

    def answered(asked: Asked) -> Canned:
        return Canned(body=json.dumps(ONE_PAGE)) if "page=" in asked.path else Canned(body=b"")

    with CannedHttp(answered) as compreface:
        yield compreface


def test_a_face_whose_photo_was_not_kept_says_so_and_its_id_leads_nowhere_else(no_photos: CannedHttp) -> None:
    with closing(CompreFaceServer(no_photos.url, "key")) as compreface:
        (photo,) = compreface.photos()
        with pytest.raises(InvalidImage, match="keeps no photo"):
            photo.read(100)
    asked = no_photos.requests[-1]
    assert asked.path == "/api/v1/recognition/faces/a%2F..%2Fb/img"
    assert asked.headers["x-api-key"] == "key"
