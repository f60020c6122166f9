"""Who did what: every change over HTTP leaves an entry that names the caller, the address and the request."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from backend.client import FaceServerClient
from backend.domain.audit import Deed
from tests.api.conftest import TOKEN, LiveServer, Post
from tests.rig.photos import jpeg, person_crop

CAMERA = {"rtsp_link": "rtsp://127.0.0.1:9/", "camera_nickname": "Nowhere"}
CHANNEL = {"kind": "webhook", "name": "a channel", "settings": {"url": "http://127.0.0.1:9/secret"}}
LATER = (datetime.now(UTC) + timedelta(hours=1)).isoformat()

Call = Callable[[httpx.Client], httpx.Response]


def _newest(api: httpx.Client, count: int = 1) -> Any:
    entries = api.get("/v1/audit", params={"limit": count}).raise_for_status().json()["entries"]
    return entries[0] if count == 1 else entries


def _alice(api: httpx.Client) -> None:
    api.post("/v1/persons", json={"person_id": "alice"}).raise_for_status()


def _made(api: httpx.Client, path: str, body: dict[str, Any], field: str) -> str:
    made: str = api.post(path, json=body).raise_for_status().json()[field]
    return made


def _camera(api: httpx.Client) -> str:
    cameras = api.post("/cameras/schedule", json=CAMERA).raise_for_status().json()["cameras"]
    return str(cameras[0]["camera_id"])


def _removed_camera(api: httpx.Client) -> httpx.Response:
    return api.delete(f"/cameras/{_camera(api)}")


def _changed_camera(api: httpx.Client) -> httpx.Response:
    _camera(api)
    return api.post("/cameras/schedule", json={**CAMERA, "threshold": 0.6})


def _renamed(api: httpx.Client) -> httpx.Response:
    _alice(api)
    return api.post("/v1/persons/alice/rename", json={"person_id": "alicia"})


def _changed(api: httpx.Client) -> httpx.Response:
    _alice(api)
    return api.patch("/v1/persons/alice", json={"note": "private"})


def _merged(api: httpx.Client) -> httpx.Response:
    _alice(api)
    api.post("/v1/persons", json={"person_id": "bob"})
    return api.post("/v1/persons/alice/merge", json={"into": "bob"})


def _removed(api: httpx.Client) -> httpx.Response:
    _alice(api)
    return api.delete("/v1/persons/alice")


def _rule(api: httpx.Client) -> dict[str, Any]:
    return {"name": "a rule", "channel_ids": [_made(api, "/channels", CHANNEL, "channel_id")]}


def _changed_rule(api: httpx.Client) -> httpx.Response:
    rule = _rule(api)
    return api.put(f"/rules/{_made(api, '/rules', rule, 'rule_id')}", json=rule)


def _removed_rule(api: httpx.Client) -> httpx.Response:
    return api.delete(f"/rules/{_made(api, '/rules', _rule(api), 'rule_id')}")


def _unmuted(api: httpx.Client) -> httpx.Response:
    mute_id = _made(api, "/mutes", {"until": LATER, "person_id": "alice"}, "mute_id")
    return api.delete(f"/mutes/{mute_id}")


def _changed_channel(api: httpx.Client) -> httpx.Response:
    return api.patch(f"/channels/{_made(api, '/channels', CHANNEL, 'channel_id')}", json={"name": "another"})


def _removed_channel(api: httpx.Client) -> httpx.Response:
    return api.delete(f"/channels/{_made(api, '/channels', CHANNEL, 'channel_id')}")


def _revoked(api: httpx.Client) -> httpx.Response:
    key_id = _made(api, "/v1/keys", {"name": "nas", "scopes": ["read"]}, "key_id")
    return api.delete(f"/v1/keys/{key_id}")


CALLS: dict[Deed, Call] = {
    Deed.PERSON_CREATED: lambda api: api.post("/v1/persons", json={"person_id": "alice"}),
    Deed.PERSON_CHANGED: _changed,
    Deed.PERSON_RENAMED: _renamed,
    Deed.PERSON_MERGED: _merged,
    Deed.PERSON_REMOVED: _removed,
    Deed.CAMERA_SCHEDULED: lambda api: api.post("/cameras/schedule", json=CAMERA),
    Deed.CAMERA_CHANGED: _changed_camera,
    Deed.CAMERA_REMOVED: _removed_camera,
    Deed.RULE_ADDED: lambda api: api.post("/rules", json=_rule(api)),
    Deed.RULE_CHANGED: _changed_rule,
    Deed.RULE_REMOVED: _removed_rule,
    Deed.MUTE_ADDED: lambda api: api.post("/mutes", json={"until": LATER, "person_id": "alice"}),
    Deed.MUTE_REMOVED: _unmuted,
    Deed.ARMING_CHANGED: lambda api: api.put("/arming", json={"armed": True}),
    Deed.CHANNEL_ADDED: lambda api: api.post("/channels", json=CHANNEL),
    Deed.CHANNEL_CHANGED: _changed_channel,
    Deed.CHANNEL_REMOVED: _removed_channel,
    Deed.KEY_CREATED: lambda api: api.post("/v1/keys", json={"name": "nas", "scopes": ["read"]}),
    Deed.KEY_REVOKED: _revoked,
}


@pytest.mark.parametrize("deed", CALLS)
def test_a_change_is_told_with_who_from_where_and_in_which_request(api: httpx.Client, deed: Deed) -> None:
    reply = CALLS[deed](api).raise_for_status()
    entry = _newest(api)
    assert entry["deed"] == deed
    assert (entry["actor"], entry["key_id"], entry["address"]) == ("administrator", None, "127.0.0.1")
    assert entry["request_id"] == reply.headers["X-Request-ID"]
    assert entry["subject"]


@pytest.mark.parametrize(
    ("remove", "facts"),
    [
        (_removed_camera, {"nickname": CAMERA["camera_nickname"]}),
        (_removed_rule, {"name": "a rule"}),
        (_removed_channel, {"name": CHANNEL["name"]}),
    ],
)
def test_what_is_gone_is_told_by_what_it_was_called(api: httpx.Client, remove: Call, facts: dict[str, str]) -> None:
    remove(api).raise_for_status()
    assert _newest(api)["facts"] == facts


def test_an_enrolment_and_the_removal_of_a_face_are_told(api: httpx.Client, post: Post) -> None:
    post("add", jpeg(person_crop(2)), person_id="alice").raise_for_status()
    assert (_newest(api)["deed"], _newest(api)["facts"]) == ("person.enrolled", {"faces": 1})
    (face,) = api.get("/v1/persons/alice/faces").json()["faces"]
    api.delete(f"/v1/persons/alice/faces/{face['face_id']}").raise_for_status()
    assert (_newest(api)["deed"], _newest(api)["facts"]) == ("face.removed", {"face_id": face["face_id"]})


def test_what_is_refused_is_not_told(api: httpx.Client) -> None:
    before = _newest(api, 5)
    assert api.delete("/v1/persons/nobody").status_code == 404
    assert api.post("/v1/keys", json={"name": "nas", "scopes": []}).status_code == 422
    assert _newest(api, 5) == before


def test_a_key_is_named_in_what_is_done_with_it(api: httpx.Client, server: LiveServer) -> None:
    key = api.post("/v1/keys", json={"name": "nas", "scopes": ["enrol"]}).json()
    with server.client(key["key"]) as holder:
        holder.post("/v1/persons", json={"person_id": "alice"}).raise_for_status()
    entry = _newest(api)
    assert (entry["deed"], entry["actor"], entry["key_id"]) == ("person.created", "nas", key["key_id"])


def test_no_entry_holds_a_secret(api: httpx.Client) -> None:
    for call in (_changed_channel, _revoked, CALLS[Deed.CAMERA_SCHEDULED]):
        call(api).raise_for_status()
    told = api.get("/v1/audit").text
    assert not [secret for secret in ("fs_", "127.0.0.1:9", "/secret") if secret in told]


def test_the_client_reads_the_log_page_by_page(api: httpx.Client, server: LiveServer) -> None:
    for _ in range(3):
        api.put("/arming", json={"armed": True}).raise_for_status()
    with FaceServerClient(server.url, TOKEN) as client:
        first = client.audit(deed=Deed.ARMING_CHANGED, limit=2)
        second = client.audit(deed=Deed.ARMING_CHANGED, limit=1, cursor=first.next_cursor)
    ids = [entry.audit_id for entry in (*first.entries, *second.entries)]
    assert (len(ids), ids) == (3, sorted(ids, reverse=True))
