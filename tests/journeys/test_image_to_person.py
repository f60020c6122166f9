"""From a photo to a name: a real server process, real models, real HTTP."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.rig.photos import astronaut, group_photo, jpeg, other_photos, person_crop
from tests.rig.server import ServerProcess

ALICE, BOB = 2, 5


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("image") / "data") as server:
        yield server


@pytest.fixture
def server(running: ServerProcess) -> Iterator[ServerProcess]:
    """The one server of these tests; whom a test leaves enrolled is removed."""
    yield running
    for person in running.get("/persons")["persons"]:
        _post(running, {"action": "remove", "person_id": person["person_id"]}).raise_for_status()


def _post(server: ServerProcess, fields: dict[str, str], *photos: bytes) -> httpx.Response:
    files = [("image", (f"photo-{number}.jpg", photo, "image/jpeg")) for number, photo in enumerate(photos)]
    with server.client() as client:
        return client.post("/person", data=fields, files=files or None)


def _enrol(server: ServerProcess, person_id: str, *photos: bytes) -> Any:
    return _post(server, {"action": "add", "person_id": person_id}, *photos).raise_for_status().json()


def _who(server: ServerProcess, photo: bytes) -> Any:
    return _post(server, {"action": "retrieve"}, photo).raise_for_status().json()


def test_an_enrolled_person_is_found_in_other_photos_and_nobody_else_is(server: ServerProcess) -> None:
    added = _enrol(server, "alice", jpeg(person_crop(ALICE)))
    assert (added["added"], added["embeddings"], added["rejected"]) == (1, 1, [])
    others = [_who(server, jpeg(photo)) for photo in other_photos(person_crop(ALICE))]
    assert [answer["person_id"] for answer in others] == ["alice"] * 6
    strangers = [_who(server, jpeg(photo)) for photo in (person_crop(BOB), astronaut())]
    assert [(answer["decision"], answer["person_id"]) for answer in strangers] == [("unknown", None)] * 2


def test_each_of_two_people_is_named_in_a_photo_of_six(server: ServerProcess) -> None:
    for person_id, index in (("alice", ALICE), ("bob", BOB)):
        _enrol(server, person_id, jpeg(person_crop(index)))
    answer = _who(server, jpeg(group_photo()))
    assert len(answer["faces"]) == 6
    named = {face["person_id"]: face["box"] for face in answer["faces"] if face["decision"] == "match"}
    assert named.keys() == {"alice", "bob"}
    assert named["alice"]["x"] != named["bob"]["x"]
    assert answer["person_id"] in {"alice", "bob"}


def test_a_removed_person_is_unknown_at_once_and_after_a_restart(server: ServerProcess) -> None:
    _enrol(server, "alice", jpeg(person_crop(ALICE)))
    _enrol(server, "bob", jpeg(person_crop(BOB)))
    removed = _post(server, {"action": "remove", "person_id": "alice"}).raise_for_status().json()
    assert removed == {"action": "remove", "person_id": "alice", "removed": 1}
    before = [_who(server, jpeg(person_crop(index)))["person_id"] for index in (ALICE, BOB)]
    server.stop()
    server.start()
    after = [_who(server, jpeg(person_crop(index)))["person_id"] for index in (ALICE, BOB)]
    assert before == after == [None, "bob"]


def test_what_was_acknowledged_survives_a_kill(server: ServerProcess) -> None:
    _enrol(server, "alice", *(jpeg(photo) for photo in (person_crop(ALICE), *other_photos(person_crop(ALICE))[:2])))
    server.kill()
    server.start()
    assert server.get("/persons") == {"persons": [{"person_id": "alice", "embeddings": 3}], "total": 1}
    assert _who(server, jpeg(person_crop(ALICE)))["person_id"] == "alice"


def test_a_photo_without_a_face_is_no_error_but_enrols_nobody(server: ServerProcess) -> None:
    wall = jpeg(astronaut()[300:, 300:])
    answer = _who(server, wall)
    assert (answer["decision"], answer["person_id"], answer["faces"]) == ("no_face", None, [])
    refused = _post(server, {"action": "add", "person_id": "alice"}, wall)
    assert refused.status_code == 422
    assert [photo["code"] for photo in refused.json()["error"]["details"]["rejected"]] == ["face_not_found"]
    assert server.get("/persons")["total"] == 0
