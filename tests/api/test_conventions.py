"""What holds for all of `/v1`: requests sent twice, edits that meet, lists in pages, groups."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, update

from backend.storage import keyed_requests as keyed
from backend.storage.tables import keyed_requests, mutes
from tests.api.conftest import LiveServer
from tests.rig.photos import jpeg, person_crop

ALICE, BOB = 2, 5
KEY = {"Idempotency-Key": "b8a1"}


@pytest.fixture(autouse=True)
def _no_keys_are_known(server: LiveServer) -> None:
    with server.services.recognition.database.write() as tx:
        tx.execute(delete(keyed_requests))


def _face(index: int) -> bytes:
    return jpeg(person_crop(index))


def _enrol(api: httpx.Client, person_id: str, photo: bytes, **headers: str) -> httpx.Response:
    files = {"images": ("a.jpg", photo, "image/jpeg")}
    return api.post(f"/v1/persons/{person_id}/faces", files=files, headers=headers)


def _code(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def test_a_request_that_is_sent_again_is_answered_and_not_done_again(api: httpx.Client) -> None:
    first = api.post("/v1/persons", json={"note": "x"}, headers=KEY)
    again = api.post("/v1/persons", json={"note": "x"}, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert api.get("/v1/persons").json()["total"] == 1


def test_the_same_form_is_the_same_request_whatever_its_boundary_is(api: httpx.Client) -> None:
    first, again = _enrol(api, "alice", _face(ALICE), **KEY), _enrol(api, "alice", _face(ALICE), **KEY)
    assert first.request.headers["Content-Type"] != again.request.headers["Content-Type"]
    assert first.json() == again.json()
    # Without the key, the second photo would be a duplicate.
    assert first.json()["accepted"]


def test_a_person_who_is_added_twice_by_one_request_is_added_once(api: httpx.Client) -> None:
    def added() -> httpx.Response:
        files = {"image": ("a.jpg", _face(ALICE), "image/jpeg")}
        return api.post("/person", data={"action": "add"}, files=files, headers=KEY)

    first, again = added(), added()
    assert (first.status_code, again.json()) == (200, first.json())
    assert api.get("/persons").json()["total"] == 1


def test_what_only_asks_is_answered_anew_whatever_its_key_is(api: httpx.Client) -> None:
    def who() -> httpx.Response:
        files = {"image": ("a.jpg", _face(ALICE), "image/jpeg")}
        return api.post("/person", data={"action": "retrieve"}, files=files, headers=KEY).raise_for_status()

    assert who().json()["decision"] == "unknown"
    _enrol(api, "alice", _face(ALICE)).raise_for_status()
    assert who().json()["person_id"] == "alice"


def test_another_request_with_the_same_key_is_refused(api: httpx.Client) -> None:
    api.post("/v1/persons", json={"note": "x"}, headers=KEY).raise_for_status()
    assert _code(api.post("/v1/persons", json={"note": "y"}, headers=KEY)) == (422, "idempotency_key_reused")
    assert _code(_enrol(api, "alice", _face(ALICE), **KEY)) == (422, "idempotency_key_reused")
    api.post("/v1/persons", json={"note": "y"}, headers={"Idempotency-Key": "another"}).raise_for_status()


def test_a_request_that_failed_may_be_sent_again(api: httpx.Client) -> None:
    assert _enrol(api, "alice", b"no picture", **KEY).status_code == 422
    assert _enrol(api, "alice", _face(ALICE), **KEY).status_code == 200
    bad = {"Idempotency-Key": "bad"}
    assert api.post("/v1/persons", json={"nope": 1}, headers=bad).status_code == 422
    assert api.post("/v1/persons", json={}, headers=bad).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "\u00e9", "a\tb"])
def test_a_key_that_is_no_word_is_refused(api: httpx.Client, key: str) -> None:
    reply = api.post("/v1/persons", json={}, headers=[(b"Idempotency-Key", key.encode())])
    assert _code(reply) == (422, "invalid_field")


def test_of_requests_at_once_with_one_key_one_is_done(api: httpx.Client, server: LiveServer) -> None:
    together = threading.Barrier(6)

    def sent(_number: int) -> httpx.Response:
        with server.client() as client:
            together.wait(10)
            return client.post("/v1/persons", json={}, headers=KEY)

    with ThreadPoolExecutor(6) as threads:
        replies = list(threads.map(sent, range(6)))
    assert {reply.status_code for reply in replies} <= {201, 409}
    made = {reply.json()["person_id"] for reply in replies if reply.status_code == 201}
    assert [person["person_id"] for person in api.get("/v1/persons").json()["persons"]] == list(made)


def _claimed(server: LiveServer, ago: timedelta, **values: Any) -> None:
    with server.services.recognition.database.write() as tx:
        tx.execute(update(keyed_requests).values(claimed_at=datetime.now(UTC) - ago, **values))


def test_a_request_whose_server_died_is_done_again_in_time(api: httpx.Client, server: LiveServer) -> None:
    api.post("/v1/persons", json={}, headers=KEY).raise_for_status()
    _claimed(server, timedelta(0), status=None)
    underway = api.post("/v1/persons", json={}, headers=KEY)
    assert _code(underway) == (409, "request_underway")
    assert underway.headers["Retry-After"] == "1"
    _claimed(server, keyed.PATIENCE + timedelta(seconds=1), status=None)
    assert api.post("/v1/persons", json={}, headers=KEY).status_code == 201


def test_an_answer_is_remembered_for_a_day(api: httpx.Client, server: LiveServer) -> None:
    first = api.post("/v1/persons", json={}, headers=KEY).json()
    _claimed(server, keyed.KEPT - timedelta(minutes=1))
    assert api.post("/v1/persons", json={}, headers=KEY).json() == first
    _claimed(server, keyed.KEPT + timedelta(minutes=1))
    assert api.post("/v1/persons", json={}, headers=KEY).json() != first


def _a_person(api: httpx.Client) -> tuple[str, dict[str, Any]]:
    api.post("/v1/persons", json={"person_id": "alice"}).raise_for_status()
    return "/v1/persons/alice", {"note": "changed"}


def _a_channel(api: httpx.Client) -> tuple[str, dict[str, Any]]:
    wanted = {"kind": "webhook", "name": "a", "settings": {"url": "http://127.0.0.1:9/hook"}}
    channel = api.post("/v1/channels", json=wanted).raise_for_status().json()
    return f"/v1/channels/{channel['channel_id']}", {"name": "changed"}


@pytest.mark.parametrize("made", [_a_person, _a_channel])
def test_an_edit_of_what_was_changed_meanwhile_is_refused(api: httpx.Client, made: Any) -> None:
    path, change = made(api)
    read = api.get(path).headers["ETag"]
    changed = api.patch(path, json=change, headers={"If-Match": read}).raise_for_status()
    assert changed.headers["ETag"] == api.get(path).headers["ETag"] != read
    assert _code(api.patch(path, json=change, headers={"If-Match": read})) == (412, "changed_meanwhile")
    assert api.patch(path, json=change, headers={"If-Match": f'"x", {changed.headers["ETag"]}'}).is_success
    assert api.patch(path, json=change, headers={"If-Match": "*"}).is_success
    assert api.patch(path, json=change).is_success
    if "channels" in path:
        api.delete(path).raise_for_status()


def test_a_rule_is_replaced_only_as_it_was_read(api: httpx.Client) -> None:
    channel, _ = _a_channel(api)
    wanted = {"name": "a", "channel_ids": [channel.rpartition("/")[2]]}
    rule = api.post("/v1/rules", json=wanted).raise_for_status().json()
    path = f"/v1/rules/{rule['rule_id']}"
    read = {"If-Match": api.get(path).headers["ETag"]}
    assert api.put(path, json=wanted | {"name": "b"}, headers=read).json()["name"] == "b"
    assert _code(api.put(path, json=wanted | {"name": "c"}, headers=read)) == (412, "changed_meanwhile")
    api.delete(path).raise_for_status()
    api.delete(channel).raise_for_status()


def test_of_edits_at_once_that_read_the_same_one_is_made(api: httpx.Client, server: LiveServer) -> None:
    path, _ = _a_person(api)
    read = {"If-Match": api.get(path).headers["ETag"]}
    together = threading.Barrier(6)

    def edited(number: int) -> int:
        with server.client() as client:
            together.wait(10)
            return client.patch(path, json={"note": str(number)}, headers=read).status_code

    with ThreadPoolExecutor(6) as threads:
        assert sorted(threads.map(edited, range(6))) == [200, 412, 412, 412, 412, 412]


def test_a_list_is_answered_in_pages(api: httpx.Client, server: LiveServer) -> None:
    with server.services.recognition.database.write() as tx:
        tx.execute(delete(mutes))
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    made = [api.post("/v1/mutes", json={"until": until}).json()["mute_id"] for _ in range(5)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get("/v1/mutes", params={"limit": 2, **cursor}).raise_for_status().json()
        assert page["total"] >= len(page["mutes"])
        seen += [mute["mute_id"] for mute in page["mutes"]]
        # What is removed meanwhile has no other one skipped.
        for mute in page["mutes"]:
            api.delete(f"/v1/mutes/{mute['mute_id']}").raise_for_status()
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == sorted(made)


@pytest.mark.parametrize("path", ["/v1/mutes", "/v1/rules", "/v1/channels", "/v1/cameras"])
@pytest.mark.parametrize("cursor", ["x", "bnVsbA==", "WzFd", "[" * 1000, "é"])
def test_a_cursor_that_is_none_is_refused(api: httpx.Client, path: str, cursor: str) -> None:
    assert _code(api.get(path, params={"cursor": cursor})) == (422, "invalid_field")


def test_people_are_looked_for_in_groups(api: httpx.Client) -> None:
    for person_id, index, group in (("alice", ALICE, "family"), ("bob", BOB, "staff")):
        _enrol(api, person_id, _face(index)).raise_for_status()
        api.patch(f"/v1/persons/{person_id}", json={"groups": [group]}).raise_for_status()

    def who(*groups: str) -> str | None:
        files = {"images": ("a.jpg", _face(ALICE), "image/jpeg")}
        data = {"group": list(groups)}
        answer = api.post("/v1/identify", files=files, data=data).raise_for_status().json()
        person_id: str | None = answer["results"][0]["faces"][0]["person_id"]
        return person_id

    assert [who("family"), who("staff"), who("staff", "family"), who(), who("nobody's")] == [
        "alice",
        None,
        "alice",
        "alice",
        None,
    ]
