"""API keys over HTTP: shown once, kept as hashes, revoked at once."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import delete

from backend.client import FaceServerClient, Forbidden, Missing
from backend.domain.access import Scope
from backend.storage import api_keys
from backend.storage.tables import api_keys as rows
from tests.api.conftest import TOKEN, LiveServer


@pytest.fixture(autouse=True)
def without_keys(server: LiveServer) -> None:
    """Other tests keep some for all of theirs."""
    with server.services.recognition.database.write() as tx:
        tx.execute(delete(rows))


def made(api: httpx.Client, *scopes: str, **fields: Any) -> Any:
    wanted = {"name": "nas", "scopes": scopes or ["read"], **fields}
    return api.post("/v1/keys", json=wanted).raise_for_status().json()


def test_a_key_opens_what_its_scopes_say_until_it_is_revoked(api: httpx.Client, server: LiveServer) -> None:
    key = made(api, "read")
    with server.client(key["key"]) as holder:
        assert holder.get("/persons").status_code == 200
        assert holder.delete("/v1/persons/alice").status_code == 403
        assert api.delete(f"/v1/keys/{key['key_id']}").json()["state"] == "revoked"
        assert holder.get("/persons").json()["error"]["code"] == "key_revoked"
    assert api.delete(f"/v1/keys/{key['key_id']}").status_code == 404


def test_a_key_is_shown_once_and_kept_as_a_hash(api: httpx.Client, server: LiveServer) -> None:
    key = made(api, expires_at=(datetime.now(UTC) + timedelta(days=1)).isoformat())
    assert api_keys.KEY.fullmatch(key["key"])
    assert key["key"] not in api.get("/v1/keys").text
    with server.services.recognition.database.read() as tx:
        (row,) = tx.execute(rows.select())
    assert row.key_hash == hashlib.sha256(key["key"].encode()).hexdigest()
    assert key["key"] not in str(row)


def test_a_key_that_is_used_says_when(api: httpx.Client, server: LiveServer) -> None:
    key = made(api)
    assert api.get("/v1/keys").json()["keys"][0]["last_used_at"] is None
    with server.client(key["key"]) as holder:
        holder.get("/persons").raise_for_status()
        first = api.get("/v1/keys").json()["keys"][0]["last_used_at"]
        holder.get("/persons").raise_for_status()
    assert first is not None
    # Noted at most once a minute.
    assert api.get("/v1/keys").json()["keys"][0]["last_used_at"] == first


def test_keys_are_listed_in_pages_newest_first(api: httpx.Client) -> None:
    names = [made(api, name=name)["name"] for name in ("a", "b", "c")]
    first = api.get("/v1/keys", params={"limit": 2}).json()
    second = api.get("/v1/keys", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [key["name"] for page in (first, second) for key in page["keys"]] == names[::-1]
    assert (first["total"], second["next_cursor"]) == (3, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"name": " "},
        {"name": "a\nb"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2099-01-01T00:00:00"},
        {"expires_at": "9999-12-31T23:59:59-12:00"},
        {"key": "fs_chosen"},
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(api: httpx.Client, wrong: dict[str, Any]) -> None:
    assert api.post("/v1/keys", json={"name": "nas", "scopes": ["read"], **wrong}).status_code == 422
    assert api.get("/v1/keys").json()["total"] == 0


def test_the_client_manages_keys(api: httpx.Client, server: LiveServer) -> None:
    with FaceServerClient(server.url, TOKEN) as administrator:
        key = administrator.create_key("nas", [Scope.READ, Scope.ENROL])
        assert [(entry.name, entry.scopes) for entry in administrator.keys().keys] == [("nas", ["enrol", "read"])]
        with FaceServerClient(server.url, key.key) as holder:
            assert holder.persons().total == 0
            with pytest.raises(Forbidden, match="scope 'admin'"):
                holder.keys()
        assert administrator.revoke_key(key.key_id).state == "revoked"
        with pytest.raises(Missing):
            administrator.revoke_key(key.key_id)
