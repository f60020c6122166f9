"""CompreFace's API, spoken by CompreFace's own Python client, which is installed unmodified beside the tests."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest

from tests.api.conftest import MAX_IMAGE_BYTES, TOKEN, LiveServer
from tests.rig.photos import astronaut, group_photo, jpeg, other_photos, person_crop

CLIENT = Path(sys.prefix) / "clients" / "compreface" / "bin" / "python"
CALLS = Path(__file__).parents[1] / "clients" / "compreface_calls.py"
ANSWER_SECONDS = 30.0
ALICE, BOB = 2, 5
NEVER = "00000000-0000-0000-0000-000000000000"

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def process(server: LiveServer) -> Iterator["subprocess.Popen[str]"]:
    if not CLIENT.exists():
        pytest.fail(f"{CLIENT} is absent; `make install` makes it")
    address = urlsplit(server.url)
    command = [str(CLIENT), str(CALLS), f"http://{address.hostname}", str(address.port), TOKEN]
    environment = {**os.environ, "NO_PROXY": "*"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        process.wait(ANSWER_SECONDS)


@pytest.fixture
def call(process: "subprocess.Popen[str]", api: httpx.Client) -> Call:
    """A call of the client's: `call("recognition.subjects", "add", subject="alice")`."""

    def done(of: str, name: str, **arguments: Any) -> Any:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"of": of, "call": name, "with": arguments}) + "\n")
        process.stdin.flush()
        patience = threading.Timer(ANSWER_SECONDS, process.kill)
        patience.start()
        answer = process.stdout.readline()
        patience.cancel()
        return json.loads(answer)

    return done


@pytest.fixture
def photo(tmp_path: Path) -> Callable[[str, bytes], str]:
    """Keeps a picture as a file, as the client wants it."""

    def kept(name: str, data: bytes) -> str:
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(data)
        return str(path)

    return kept


def _face(index: int) -> bytes:
    return jpeg(person_crop(index))


def _again(index: int) -> bytes:
    return jpeg(other_photos(person_crop(index))[0])


def _key() -> dict[str, str]:
    return {"x-api-key": TOKEN}


def test_subjects_are_added_listed_renamed_merged_and_removed(call: Call) -> None:
    assert call("recognition.subjects", "add", subject="alice") == {"subject": "alice"}
    assert call("recognition.subjects", "add", subject="bob") == {"subject": "bob"}
    assert call("recognition.subjects", "list") == {"subjects": ["alice", "bob"]}
    assert call("recognition.subjects", "update", subject="alice", new_name="alice b") == {"updated": True}
    assert call("recognition.subjects", "update", subject="bob", new_name="alice b") == {"updated": True}
    assert call("recognition.subjects", "list") == {"subjects": ["alice b"]}
    assert call("recognition.subjects", "delete", subject="alice b") == {"subject": "alice b"}
    assert call("recognition.subjects", "list") == {"subjects": []}


def test_all_subjects_are_removed_at_once_and_that_is_noted(call: Call, api: httpx.Client) -> None:
    for subject in ("alice", "bob"):
        call("recognition.subjects", "add", subject=subject)
    assert call("recognition.subjects", "delete_all") == {"deleted": 2}
    assert call("recognition.subjects", "list") == {"subjects": []}
    (noted,) = api.get("/v1/audit", params={"limit": 1}).json()["entries"]
    assert (noted["deed"], noted["subject"], noted["facts"]) == ("person.removed", "*", {"people": 2})


def test_examples_are_added_listed_and_removed(call: Call, photo: Callable[[str, bytes], str]) -> None:
    first = call("recognition.face_collection", "add", image_path=photo("a", _face(ALICE)), subject="alice")
    second = call("recognition.face_collection", "add", image_path=photo("b", _again(ALICE)), subject="alice")
    assert first == {"image_id": str(UUID(first["image_id"])), "subject": "alice"}
    listed = call("recognition.face_collection", "list")
    assert listed == {
        "faces": [first, second],
        "page_number": 0,
        "page_size": 20,
        "total_pages": 1,
        "total_elements": 2,
    }
    assert call("recognition.face_collection", "delete", image_id=first["image_id"]) == first
    assert call("recognition.face_collection", "list")["faces"] == [second]
    assert call("recognition.face_collection", "delete_all", subject="alice") == {"deleted": 1}
    # The person stays, as CompreFace's subjects do.
    assert call("recognition.subjects", "list") == {"subjects": ["alice"]}


def test_the_same_photo_again_is_the_same_example(call: Call, photo: Callable[[str, bytes], str]) -> None:
    path = photo("a", _face(ALICE))
    answers = [call("recognition.face_collection", "add", image_path=path, subject="alice") for _ in range(2)]
    assert answers[0] == answers[1]
    assert call("recognition.face_collection", "list")["total_elements"] == 1


def test_a_known_face_is_recognised_with_more_than_half_and_a_stranger_with_less(
    call: Call, photo: Callable[[str, bytes], str]
) -> None:
    """Half is what CompreFace's documentation calls enough."""
    for subject, index in (("alice", ALICE), ("bob", BOB)):
        path = photo(subject, _face(index))
        call("recognition.face_collection", "add", image_path=path, subject=subject)
    options = {"limit": 0, "prediction_count": 2, "det_prob_threshold": 0.5, "status": "true"}
    options["face_plugins"] = "landmarks,calculator,age"
    answer = call("recognition", "recognize", image_path=photo("q", _again(ALICE)), options=options)
    (face,) = answer["result"]
    assert [prediction["subject"] for prediction in face["subjects"]] == ["alice", "bob"]
    assert face["subjects"][0]["similarity"] > 0.5 > face["subjects"][1]["similarity"]
    assert face["box"]["x_min"] < face["box"]["x_max"]
    assert face["box"]["y_min"] < face["box"]["y_max"]
    assert 0.5 <= face["box"]["probability"] <= 1
    assert (len(face["landmarks"]), len(face["embedding"])) == (5, 128)
    assert face["execution_time"].keys() == answer["plugins_versions"].keys() == {"detector", "calculator"}
    stranger = call("recognition", "recognize", image_path=photo("s", jpeg(astronaut())))
    assert stranger["result"][0]["subjects"][0]["similarity"] < 0.5
    assert stranger["result"][0].keys() == {"box", "subjects"}


def test_the_largest_faces_are_answered_where_there_is_a_limit(call: Call, photo: Callable[[str, bytes], str]) -> None:
    group = photo("group", jpeg(group_photo()))
    assert len(call("detection", "detect", image_path=group)["result"]) == 6
    (largest,) = call("detection", "detect", image_path=group, options={"limit": 1})["result"]
    assert largest.keys() == {"box"}
    certain = {"det_prob_threshold": 1.0}
    assert call("detection", "detect", image_path=group, options=certain)["code"] == 28


def test_a_saved_example_is_verified(call: Call, photo: Callable[[str, bytes], str]) -> None:
    saved = call("recognition.face_collection", "add", image_path=photo("a", _face(ALICE)), subject="alice")
    group = photo("group", jpeg(group_photo()))
    verified = call("recognition.face_collection", "verify", image_path=group, image_id=saved["image_id"])
    similarities = sorted(face["similarity"] for face in verified["result"])
    assert len(similarities) == 6
    assert similarities[-1] > 0.5 > similarities[-2]


def test_two_images_are_verified(call: Call, photo: Callable[[str, bytes], str]) -> None:
    source, target = photo("source", _face(ALICE)), photo("target", jpeg(group_photo()))
    options = {"face_plugins": "landmarks", "status": "true"}
    paths = {"source_image_path": source, "target_image_path": target}
    (pair,) = call("verification", "verify", **paths, options=options)["result"]
    assert pair["source_image_face"].keys() == {"box", "landmarks", "execution_time"}
    assert sum(face["similarity"] > 0.5 for face in pair["face_matches"]) == 1
    assert "plugins_versions" in pair
    several = call("verification", "verify", source_image_path=target, target_image_path=source)
    assert several["code"] == 31


def test_what_cannot_be_done_has_compreface_s_number(call: Call, photo: Callable[[str, bytes], str]) -> None:
    call("recognition.subjects", "add", subject="alice")
    empty = photo("empty", jpeg(person_crop(ALICE)[:40, :40]))
    broken, group = photo("broken", b"no picture"), photo("group", jpeg(group_photo()))
    codes = {
        "no face": call("recognition", "recognize", image_path=empty)["code"],
        "no image": call("detection", "detect", image_path=broken)["code"],
        "many faces": call("recognition.face_collection", "add", image_path=group, subject="alice")["code"],
        "no subject": call("recognition.subjects", "delete", subject="bob")["code"],
        "taken": call("recognition.subjects", "add", subject="alice")["code"],
        "no example": call("recognition.face_collection", "delete", image_id=NEVER)["code"],
        "bad name": call("recognition.subjects", "add", subject="a/b")["code"],
    }
    assert codes == {
        "no face": 28,
        "no image": 21,
        "many faces": 31,
        "no subject": 42,
        "taken": 43,
        "no example": 11,
        "bad name": 26,
    }


def test_an_image_may_come_as_base64(anybody: httpx.Client, api: httpx.Client) -> None:
    encoded = base64.b64encode(_face(ALICE)).decode()
    route = "/api/v1/recognition/faces?subject=alice"
    saved = anybody.post(route, json={"file": encoded}, headers=_key())
    assert saved.status_code == 201
    body = {"file": f"data:image/jpeg;base64,{encoded}"}
    recognised = anybody.post("/api/v1/recognition/recognize", json=body, headers=_key())
    assert recognised.json()["result"][0]["subjects"][0]["subject"] == "alice"
    pair = {"source_image": encoded, "target_image": encoded}
    verified = anybody.post("/api/v1/verification/verify", json=pair, headers=_key())
    assert verified.json()["result"][0]["face_matches"][0]["similarity"] == 1.0


def test_an_example_s_picture_is_answered(anybody: httpx.Client, api: httpx.Client) -> None:
    files = {"file": ("a.jpg", _face(ALICE))}
    saved = anybody.post("/api/v1/recognition/faces?subject=alice", files=files, headers=_key()).json()
    picture = anybody.get(f"/api/v1/recognition/faces/{saved['image_id']}/img", headers=_key())
    assert picture.content.startswith(b"\x89PNG")
    assert anybody.get(f"/api/v1/recognition/faces/{NEVER}/img", headers=_key()).status_code == 404


def test_examples_are_listed_in_pages(anybody: httpx.Client, api: httpx.Client) -> None:
    for photo in (_face(ALICE), _again(ALICE), jpeg(other_photos(person_crop(ALICE))[2])):
        files = {"file": ("a.jpg", photo)}
        anybody.post("/api/v1/recognition/faces?subject=alice", files=files, headers=_key()).raise_for_status()
    pages = [anybody.get(f"/api/v1/recognition/faces?page={page}&size=2", headers=_key()).json() for page in range(2)]
    assert [len(page["faces"]) for page in pages] == [2, 1]
    assert {(page["total_pages"], page["total_elements"]) for page in pages} == {(2, 3)}
    nobody = anybody.get("/api/v1/recognition/faces?subject=bob", headers=_key()).json()
    assert (nobody["faces"], nobody["total_elements"]) == ([], 0)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"json": {}}, 34),
        ({"json": {"file": "%%%"}}, 21),
        ({"json": {"file": 7}}, 34),
        ({"json": []}, 34),
        ({"content": "{", "headers": {"Content-Type": "application/json"}}, 36),
        ({"content": "[" * 100_000, "headers": {"Content-Type": "application/json"}}, 36),
        ({"data": {"file": "text"}}, 34),
        ({"files": {"other": b"x"}}, 34),
        ({"files": {"file": bytes(MAX_IMAGE_BYTES + 1)}}, 21),
        ({}, 34),
    ],
)
def test_a_body_without_an_image_is_400_with_a_number(api: httpx.Client, body: dict[str, Any], code: int) -> None:
    reply = api.post("/api/v1/detection/detect", **body)
    assert (reply.status_code, reply.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    ("query", "code"),
    [("limit=-1", 26), ("limit=x", 36), ("det_prob_threshold=2", 26), ("prediction_count=0", 26), ("status=x", 36)],
)
def test_an_option_that_makes_no_sense_is_400_with_a_number(api: httpx.Client, query: str, code: int) -> None:
    reply = api.post(f"/api/v1/recognition/recognize?{query}", files={"file": _face(ALICE)})
    assert (reply.status_code, reply.json()["code"]) == (400, code)


def test_the_key_counts_only_where_compreface_s_clients_send_it(anybody: httpx.Client) -> None:
    assert anybody.get("/api/v1/recognition/subjects", headers=_key()).status_code == 200
    assert anybody.get("/api/v1/recognition/subjects", headers={"x-api-key": "another"}).status_code == 403
    assert anybody.get("/api/v1/recognition/subjects", headers={"x-api-key": ""}).status_code == 401
    assert anybody.get("/persons", headers=_key()).status_code == 401
