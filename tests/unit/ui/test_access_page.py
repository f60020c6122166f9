"""API keys and the audit log on their page, without a browser."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from backend.domain.audit import Deed
from backend.schemas.audit import AuditReply
from backend.ui.deeds import LABELS, actor_said, deed_said
from tests.rig.canned_http import Asked, Canned, CannedHttp
from tests.unit.ui.prepared import EMPTY, answering, opened, refusal, sent, text

NOW = datetime.now(UTC)
KEY = {
    "key_id": "01NAS",
    "name": "N*A*S",
    "scopes": ["enrol", "read"],
    "state": "active",
    "created_at": NOW.isoformat(),
    "expires_at": (NOW + timedelta(days=3)).isoformat(),
    "last_used_at": None,
    "revoked_at": None,
}
REVOKED = {**KEY, "key_id": "01OLD", "name": "old", "state": "revoked", "revoked_at": NOW.isoformat()}
SECRET = "fs_" + "k" * 43
ENTRY = {
    "audit_id": "01AUDIT",
    "done_at": NOW.isoformat(),
    "actor": "server",
    "key_id": "01NAS",
    "address": "192.0.2.7",
    "request_id": "01REQUEST",
    "deed": "person.enrolled",
    "subject": "alice",
    "facts": {"faces": 2},
}


def _kept() -> dict[str, Any]:
    """A key, another that was revoked just now, and a deed of just now: at midnight the import was yesterday."""
    now = datetime.now(UTC).isoformat()
    revoked, entry = {**REVOKED, "revoked_at": now}, {**ENTRY, "done_at": now}
    return {
        **EMPTY,
        "/v1/keys": {"keys": [KEY, revoked], "total": 2, "next_cursor": None},
        "/v1/audit": {"entries": [entry], "next_cursor": None},
    }


def _plain(said: str) -> str:
    return said.replace("\\", "").replace(":small[]", "")


def _entry(deed: Deed, facts: dict[str, Any], subject: str = "01SUBJECT") -> AuditReply:
    return AuditReply.model_validate({**ENTRY, "deed": deed, "subject": subject, "facts": facts})


def _made(app: AppTest) -> list[str]:
    return [element.value for element in app.code]


def test_a_key_says_what_it_may_and_until_when_and_a_revoked_one_offers_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering(_kept()) as server:
        app = opened("access", server.url, monkeypatch)
    said = _plain(text(app))
    assert "**N*A*S**" in said
    assert "May look at everything and recognise faces; add, change and remove people and their faces." in said
    assert "never used" in said
    assert "expires soon" in said
    assert "Revoked today" in said
    assert [button.key for button in app.button if (button.key or "").startswith("revoke-")] == ["revoke-01NAS"]


def test_without_a_key_the_page_says_what_keys_are_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(EMPTY) as server:
        app = opened("access", server.url, monkeypatch)
    assert "Only `AUTH_TOKEN` opens this server" in app.info[0].value
    assert "Nothing was changed yet" in app.info[1].value


def test_a_new_key_is_shown_until_it_is_kept_and_then_never_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {**KEY, "key": SECRET}
    with answering({**_kept(), "POST /v1/keys": Canned(201, json.dumps(made))}) as server:
        app = opened("access", server.url, monkeypatch)
        app.button(key="new_key").click().run()
        app.text_input(key="key-1-name").input("N*A*S")
        app.checkbox(key="key-1-enrol").check()
        asked_at = datetime.now(UTC)
        app.button(key="key-1-save").click().run()
        wanted = sent(server, "POST", "/v1/keys")
        app.run()
        assert _made(app) == [SECRET]
        assert "never shown again" in text(app)
        app.button(key="key_kept").click().run()
        assert _made(app) == []
        assert SECRET not in repr(app.session_state)
    assert wanted.keys() == {"name", "scopes", "expires_at"}
    assert (wanted["name"], wanted["scopes"]) == ("N*A*S", ["read", "enrol"])
    lasts = datetime.fromisoformat(wanted["expires_at"]) - asked_at
    assert timedelta(days=90) <= lasts < timedelta(days=90, minutes=5)


def test_an_administrators_key_for_ever_names_that_scope_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {**KEY, "key": SECRET}
    with answering({**_kept(), "POST /v1/keys": Canned(201, json.dumps(made))}) as server:
        app = opened("access", server.url, monkeypatch)
        app.button(key="new_key").click().run()
        app.text_input(key="key-1-name").input("console")
        app.checkbox(key="key-1-admin").check().run()
        assert app.checkbox(key="key-1-read").disabled
        app.selectbox(key="key-1-span").select("For ever").run()
        app.button(key="key-1-save").click().run()
        assert sent(server, "POST", "/v1/keys") == {"name": "console", "scopes": ["admin"], "expires_at": None}


def test_a_key_may_end_with_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    last = (NOW + timedelta(days=5)).date()
    with answering({**_kept(), "POST /v1/keys": Canned(201, json.dumps({**KEY, "key": SECRET}))}) as server:
        app = opened("access", server.url, monkeypatch)
        app.button(key="new_key").click().run()
        app.text_input(key="key-1-name").input("guest")
        app.selectbox(key="key-1-span").select("Until a day").run()
        app.date_input(key="key-1-day").set_value(last)
        app.button(key="key-1-save").click().run()
        end = datetime.fromisoformat(sent(server, "POST", "/v1/keys")["expires_at"])
    assert (end - timedelta(seconds=1)).date() == last


@pytest.mark.parametrize(
    ("name", "scopes", "words"), [("", ["read"], "please fill this in"), ("nas", [], "Choose at least one thing")]
)
def test_an_incomplete_key_is_told_before_the_server_is_asked(
    name: str, scopes: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(_kept()) as server:
        app = opened("access", server.url, monkeypatch)
        app.button(key="new_key").click().run()
        app.text_input(key="key-1-name").input(name)
        if not scopes:
            app.checkbox(key="key-1-read").uncheck()
        app.button(key="key-1-save").click().run()
        assert all(asked.method == "GET" for asked in server.requests)
    assert words in _plain(app.error[0].value)


@pytest.mark.parametrize("answer", [REVOKED, refusal(404, "key_not_found")])
def test_a_key_is_revoked_also_where_somebody_else_was_first(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({**_kept(), "DELETE /v1/keys/01NAS": answer}) as server:
        app = opened("access", server.url, monkeypatch)
        app.button(key="revoke-01NAS").click().run()
        assert sent(server, "DELETE", "/v1/keys/01NAS") is None
    assert not app.error
    assert "opens nothing any more" in app.toast[0].value


def test_a_key_without_the_scope_is_told_that_the_page_is_for_administrators(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({**EMPTY, "/v1/keys": refusal(403, "scope_missing")}) as server:
        app = opened("access", server.url, monkeypatch)
        assert "/v1/audit" not in [urlsplit(asked.path).path for asked in server.requests]
    assert "This page is for administrators" in app.warning[0].value
    assert "new_key" not in [button.key for button in app.button]
    assert not app.error


def test_the_audit_log_tells_who_did_what_when_and_from_where(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(_kept()) as server:
        app = opened("access", server.url, monkeypatch)
    (row,) = app.table[0].value.to_dict("records")
    assert {name: _plain(value) for name, value in row.items() if name != "When"} == {
        "Who": "Key **server**",
        "What": "Enrolled 2 faces of **alice**",
        "From": "192.0.2.7",
    }
    assert row["When"].startswith("today")


def test_older_entries_come_on_demand_and_a_kind_is_asked_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(asked: Asked) -> Canned:
        url = urlsplit(asked.path)
        if url.path != "/v1/audit":
            return Canned(200, EMPTY[url.path])
        query = parse_qs(url.query)
        found = [{**ENTRY, "subject": "bob" if "cursor" in query else "alice"}] if "deed" not in query else []
        more = None if "cursor" in query or "deed" in query else "01CURSOR"
        return Canned(200, json.dumps({"entries": found, "next_cursor": more}))

    with CannedHttp(answer) as server:
        app = opened("access", server.url, monkeypatch)
        assert len(app.table[0].value) == 1
        app.button(key="more_audit").click().run()
        assert [_plain(what) for what in app.table[0].value["What"]] == [
            "Enrolled 2 faces of **alice**",
            "Enrolled 2 faces of **bob**",
        ]
        assert "more_audit" not in [button.key for button in app.button]
        app.selectbox(key="audit_deed").select(Deed.KEY_REVOKED).run()
        asked = [parse_qs(urlsplit(request.path).query) for request in server.requests]
    assert {"deed": ["key.revoked"], "limit": ["25"]} in asked
    assert "Nothing of this kind" in text(app)


def test_every_deed_has_a_label_of_its_own() -> None:
    assert LABELS.keys() == set(Deed)
    assert len(set(LABELS.values())) == len(Deed)


@pytest.mark.parametrize("deed", list(Deed))
def test_every_deed_is_told_even_where_nothing_else_is_known(deed: Deed) -> None:
    said = deed_said(_entry(deed, {}), UTC, NOW)
    assert said
    assert "{" not in said
    assert LABELS[deed] not in said or ":" not in said


@pytest.mark.parametrize(
    ("deed", "subject", "facts", "words"),
    [
        (Deed.PERSON_REMOVED, "*", {"people": 1}, "Removed everybody: 1 person"),
        (Deed.PERSON_REMOVED, "alice", {"faces": 3}, "Removed **alice** with 3 faces"),
        (Deed.PERSON_CHANGED, "alice", {"fields": "display_name, note"}, "Changed the display name, note of **alice**"),
        (Deed.SIGHTING_NAMED, "01S", {"person_id": None}, "Took the name off a sighting"),
        (Deed.ARMING_CHANGED, "arming", {"armed": False}, "Disarmed the house"),
        (
            Deed.MUTE_ADDED,
            "01M",
            {"until": "2026-05-03T12:00:00+00:00"},
            "Muted messages until 3 May 2026, 12:00:00",
        ),
        (Deed.CAMERA_REMOVED, "01C", {"nickname": "FrontDoor"}, "Removed the camera **FrontDoor**"),
        (Deed.RULE_REMOVED, "01R", {}, "Removed the rule **01R**"),
        (Deed.CHANNEL_REMOVED, "01C", {"name": "Hook"}, "Removed the channel **Hook**"),
        (Deed.KEY_CREATED, "01K", {"name": "n[a](b)s", "scopes": "enrol, read"}, "Made the key **n[a](b)s** for enrol"),
    ],
)
def test_what_is_known_of_a_deed_is_told(deed: Deed, subject: str, facts: dict[str, Any], words: str) -> None:
    then = datetime(2026, 6, 1, tzinfo=UTC)
    assert _plain(deed_said(_entry(deed, facts, subject), UTC, then)).startswith(words)


def test_other_peoples_text_stays_text_in_a_deed() -> None:
    said = deed_said(_entry(Deed.KEY_CREATED, {"name": "[a](b)", "scopes": "read"}), UTC, NOW)
    assert "\\[a\\]\\(b\\)" in said


@pytest.mark.parametrize(
    ("actor", "key_id", "words"),
    [
        ("administrator", None, "Administrator"),
        ("administrator", "01NAS", "Key **administrator**"),
        ("Telegram chat 5", None, "Telegram chat 5"),
    ],
)
def test_a_key_that_is_called_administrator_is_told_from_the_administrator(
    actor: str, key_id: str | None, words: str
) -> None:
    entry = AuditReply.model_validate({**ENTRY, "actor": actor, "key_id": key_id})
    assert _plain(actor_said(entry)) == words
