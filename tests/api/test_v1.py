"""`/v1`: people, their faces, and recognition, over real HTTP on a real server."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.rig.photos import astronaut, group_photo, jpeg, other_photos, person_crop
from tests.rig.server import ServerProcess

ALICE, BOB = 2, 5
NEVER = "0" * 26


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("v1") / "data", {"MAX_RECOGNITIONS": "1"}) as server:
        yield server


@pytest.fixture
def http(server: ServerProcess) -> Iterator[httpx.Client]:
    """A client of a server that knows nobody yet."""
    with closing(server.client()) as http:
        for person in http.get("/v1/persons").json()["persons"]:
            http.delete(f"/v1/persons/{person['person_id']}").raise_for_status()
        yield http


def _files(field: str, *photos: bytes) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [(field, (f"photo-{number}.jpg", photo, "image/jpeg")) for number, photo in enumerate(photos)]


def _enrol(http: httpx.Client, person_id: str, *photos: bytes, **form: str) -> Any:
    answer = http.post(f"/v1/persons/{person_id}/faces", files=_files("images", *photos), data=form)
    return answer.raise_for_status().json()


def _face_of(index: int) -> bytes:
    return jpeg(person_crop(index))


def test_every_photo_is_answered_for_by_its_place(http: httpx.Client) -> None:
    answer = _enrol(http, "alice", _face_of(ALICE), b"no picture", jpeg(group_photo()), _face_of(ALICE))
    assert [(photo["index"], photo["filename"]) for photo in answer["accepted"]] == [(0, "photo-0.jpg")]
    assert [(photo["index"], photo["code"]) for photo in answer["rejected"]] == [
        (1, "unsupported_format"),
        (2, "multiple_faces"),
        (3, "duplicate"),
    ]
    assert answer["embeddings"] == 1


def test_a_small_face_is_refused_with_what_was_measured_and_taken_where_quality_is_off(http: httpx.Client) -> None:
    small = jpeg(person_crop(ALICE)[::4, ::4])
    refused = http.post("/v1/persons/alice/faces", files=_files("images", small))
    assert refused.status_code == 422
    (photo,) = refused.json()["error"]["details"]["rejected"]
    assert (photo["index"], photo["filename"], photo["code"]) == (0, "photo-0.jpg", "face_too_small")
    assert photo["measured"] < photo["required"] == 40
    assert len(_enrol(http, "alice", small, quality="off")["accepted"]) == 1


def test_a_dry_run_judges_and_keeps_nothing(http: httpx.Client) -> None:
    answer = _enrol(http, "alice", _face_of(ALICE), b"no picture", dry_run="true")
    assert answer["dry_run"]
    assert [photo["face_id"] for photo in answer["accepted"]] == [None]
    assert len(answer["rejected"]) == 1
    assert http.get("/v1/persons").json()["total"] == 0


def test_a_dry_run_knows_what_is_enrolled_already(http: httpx.Client) -> None:
    _enrol(http, "alice", _face_of(ALICE))
    answer = _enrol(http, "alice", _face_of(ALICE), dry_run="true")
    assert (answer["accepted"], [photo["code"] for photo in answer["rejected"]]) == ([], ["duplicate"])


def test_a_photo_of_somebody_else_is_a_conflict_unless_it_is_allowed(http: httpx.Client) -> None:
    _enrol(http, "alice", _face_of(ALICE))
    again = jpeg(other_photos(person_crop(ALICE))[0])
    refused = http.post("/v1/persons/bob/faces", files=_files("images", again))
    assert refused.status_code == 422
    assert refused.json()["error"]["details"]["rejected"][0]["code"] == "identity_conflict"
    assert len(_enrol(http, "bob", again, allow_conflict="true")["accepted"]) == 1


def test_a_face_has_its_picture_and_can_be_removed_by_itself(http: httpx.Client) -> None:
    _enrol(http, "alice", _face_of(ALICE), jpeg(other_photos(person_crop(ALICE))[0]))
    faces = http.get("/v1/persons/alice/faces").json()["faces"]
    assert len(faces) == 2
    picture = http.get(faces[0]["picture"]).raise_for_status()
    assert picture.content.startswith(b"\x89PNG")
    http.delete(f"/v1/persons/alice/faces/{faces[0]['face_id']}").raise_for_status()
    assert [face["face_id"] for face in http.get("/v1/persons/alice/faces").json()["faces"]] == [faces[1]["face_id"]]
    assert http.get(faces[0]["picture"]).status_code == 404
    assert http.delete(f"/v1/persons/bob/faces/{faces[1]['face_id']}").status_code == 404


def test_people_are_listed_in_pages_and_found_by_name(http: httpx.Client) -> None:
    for person_id in ("carol", "alice", "bob"):
        http.post("/v1/persons", json={"person_id": person_id, "groups": ["family"]}).raise_for_status()
    http.patch("/v1/persons/bob", json={"display_name": "Uncle Bob"}).raise_for_status()
    first = http.get("/v1/persons", params={"limit": 2}).json()
    second = http.get("/v1/persons", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    listed = [person["person_id"] for page in (first, second) for person in page["persons"]]
    assert (listed, first["total"], second["next_cursor"]) == (["alice", "bob", "carol"], 3, None)
    found = http.get("/v1/persons", params={"search": "uncle"}).json()
    assert [person["person_id"] for person in found["persons"]] == ["bob"]


def test_an_id_that_is_taken_is_refused(http: httpx.Client) -> None:
    for person_id in ("alice", "bob"):
        assert http.post("/v1/persons", json={"person_id": person_id}).status_code == 201
    again = http.post("/v1/persons", json={"person_id": "alice"})
    renamed = http.post("/v1/persons/bob/rename", json={"person_id": "alice"})
    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in (again, renamed)] == [
        (409, "person_exists")
    ] * 2


def test_a_renamed_person_is_found_under_the_new_id(http: httpx.Client) -> None:
    _enrol(http, "alice", _face_of(ALICE))
    http.post("/v1/persons/alice/rename", json={"person_id": "alice b."}).raise_for_status()
    assert http.get("/v1/persons/alice").status_code == 404
    assert _who(http, _face_of(ALICE)) == ["alice b."]


def test_merging_gives_one_person_the_templates_of_both(http: httpx.Client) -> None:
    _enrol(http, "alice", _face_of(ALICE))
    _enrol(http, "a", jpeg(other_photos(person_crop(ALICE))[0]), _face_of(ALICE), allow_conflict="true")
    merged = http.post("/v1/persons/a/merge", json={"into": "alice"}).raise_for_status().json()
    # The photo that both had counts once.
    assert (merged["person_id"], merged["embeddings"]) == ("alice", 2)
    assert [person["person_id"] for person in http.get("/v1/persons").json()["persons"]] == ["alice"]


def test_a_person_is_not_merged_into_themselves(http: httpx.Client) -> None:
    _enrol(http, "alice", _face_of(ALICE))
    refused = http.post("/v1/persons/alice/merge", json={"into": "alice"})
    assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (422, "into")
    assert _who(http, _face_of(ALICE)) == ["alice"]


def test_what_is_known_of_both_is_known_of_the_one_they_become(http: httpx.Client) -> None:
    http.post("/v1/persons", json={"person_id": "a", "display_name": "Alice", "note": "old", "groups": ["f", "g"]})
    http.post("/v1/persons", json={"person_id": "alice", "note": "new", "groups": ["g", "h"]})
    merged = http.post("/v1/persons/a/merge", json={"into": "alice"}).raise_for_status().json()
    assert (merged["display_name"], merged["note"], merged["groups"]) == ("Alice", "new", ["f", "g", "h"])


@pytest.mark.parametrize(("route", "body"), [("rename", {"person_id": "alice"}), ("merge", {"into": "alice"})])
def test_rules_and_mutes_follow_a_person(http: httpx.Client, route: str, body: dict[str, str]) -> None:
    for person_id in ("a", *([] if route == "rename" else ["alice"])):
        http.post("/v1/persons", json={"person_id": person_id}).raise_for_status()
    webhook = {"kind": "webhook", "name": "w", "settings": {"url": "http://192.0.2.1/"}}
    channel = http.post("/v1/channels", json=webhook).raise_for_status().json()
    rule = {"name": "r", "channel_ids": [channel["channel_id"]]}
    wanted = [("/v1/rules", rule | {"who": who, "subject": "a"}) for who in ("person", "group")]
    about_person, about_group = (
        http.post(path, json=body).raise_for_status().json()["rule_id"] for path, body in wanted
    )
    muted = http.post("/v1/mutes", json={"until": "2099-01-01T00:00:00Z", "person_id": "a"}).raise_for_status().json()
    http.post(f"/v1/persons/a/{route}", json=body).raise_for_status()
    subjects = {rule["rule_id"]: rule["subject"] for rule in http.get("/v1/rules").json()["rules"]}
    assert (subjects[about_person], subjects[about_group]) == ("alice", "a")
    mutes = {mute["mute_id"]: mute["person_id"] for mute in http.get("/v1/mutes").json()["mutes"]}
    assert mutes[muted["mute_id"]] == "alice"


def _who(http: httpx.Client, *photos: bytes) -> list[str | None]:
    results = http.post("/v1/identify", files=_files("images", *photos)).raise_for_status().json()["results"]
    return [result["faces"][0]["person_id"] if result["faces"] else None for result in results]


def test_a_bad_image_does_not_spoil_the_others(http: httpx.Client) -> None:
    _enrol(http, "alice", _face_of(ALICE))
    photos = _files("images", _face_of(ALICE), b"no picture", jpeg(astronaut()))
    results = http.post("/v1/identify", files=photos).raise_for_status().json()["results"]
    assert [result["index"] for result in results] == [0, 1, 2]
    assert results[0]["faces"][0]["person_id"] == "alice"
    assert (results[1]["error"]["code"], results[1]["faces"]) == ("unsupported_format", [])
    assert results[2]["faces"][0]["decision"] == "unknown"


def test_an_embedding_finds_the_person_it_came_from_and_another_models_is_refused(http: httpx.Client) -> None:
    _enrol(http, "alice", _face_of(ALICE))
    embedded = http.post("/v1/embed", files=_files("image", _face_of(ALICE))).raise_for_status().json()
    probe = {"model": embedded["model"], "embedding": embedded["faces"][0]["embedding"]}
    assert http.post("/v1/identify/embedding", json=probe).json()["person_id"] == "alice"
    refused = http.post("/v1/identify/embedding", json=probe | {"model": "another"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "model_mismatch")
    short = http.post("/v1/identify/embedding", json=probe | {"embedding": [1.0, 2.0]})
    assert short.status_code == 422


def test_verify_compares_two_images_or_an_image_and_a_person(http: httpx.Client) -> None:
    _enrol(http, "alice", _face_of(ALICE))
    other = jpeg(other_photos(person_crop(ALICE))[0])
    pair = http.post("/v1/verify", files=[*_files("image", _face_of(ALICE)), *_files("other", other)]).json()
    stranger = http.post("/v1/verify", files=_files("image", _face_of(BOB)), data={"person_id": "alice"}).json()
    assert (pair["same"], stranger["same"]) == (True, False)
    nobody = http.post("/v1/verify", files=_files("image", _face_of(BOB)), data={"person_id": "nobody"})
    neither = http.post("/v1/verify", files=_files("image", _face_of(BOB)))
    assert (nobody.status_code, neither.status_code) == (404, 422)


def test_detect_finds_six_faces_in_a_photo_of_six(http: httpx.Client) -> None:
    faces = http.post("/v1/detect", files=_files("image", jpeg(group_photo()))).raise_for_status().json()["faces"]
    sizes = [face["box"]["width"] * face["box"]["height"] for face in faces]
    assert len(faces) == 6
    assert sizes == sorted(sizes, reverse=True)
