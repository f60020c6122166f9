"""Rules, channels, deliveries and traces on their pages, without a browser."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend.vision.image import encode_png
from tests.rig.canned_http import Canned
from tests.rig.photos import person_crop
from tests.unit.ui.prepared import EMPTY, Answers, answering, opened, person, refusal, sent, text

NOW = datetime.now(UTC)
PHONE = {
    "channel_id": "01PHONE",
    "kind": "telegram",
    "name": "Family **phone**",
    "settings": {"api_token": "***", "chat_id": "5"},
}
HOOK = {
    "channel_id": "01HOOK",
    "kind": "webhook",
    "name": "Door bell",
    "settings": {"url": "https://example.org/***", "secret": "***", "picture": True},
}
RULE = {
    "rule_id": "01RULE",
    "name": "Night",
    "who": "unknown",
    "subject": None,
    "camera_id": None,
    "channel_ids": ["01PHONE"],
    "hours": [{"days": ["sat", "sun"], "begins": "22:00:00", "ends": "06:00:00"}],
    "quiet_hours": [],
    "armed_only": True,
    "threshold": None,
    "cooldown_seconds": 900,
    "enabled": True,
    "sentence": "Tell phone about strangers at any camera.",
    "of_camera": False,
}
MUTE = {
    "mute_id": "01MUTE",
    "until": (NOW + timedelta(minutes=90, seconds=30)).isoformat(),
    "rule_id": None,
    "camera_id": None,
    "person_id": "alice",
    "stranger": False,
}
DELIVERY = {
    "delivery_id": "01DELIVERY",
    "sighting_id": "01SIGHTING",
    "channel_id": "01HOOK",
    "state": "failed",
    "attempts": 2,
    "created_at": NOW.isoformat(),
    "next_attempt_at": NOW.isoformat(),
    "last_error": "The webhook refuses with 410.",
    "digest_id": "01DIGEST",
    "history": [
        {
            "began_at": NOW.isoformat(),
            "ended_at": (NOW + timedelta(seconds=1.5)).isoformat(),
            "outcome": outcome,
            "answer": answer,
        }
        for outcome, answer in (("delayed", "It answered 503."), ("failed", "It refuses with 410."))
    ],
}
SIGHTING = {
    "sighting_id": "01SIGHTING",
    "camera_id": "01CAMERA",
    "camera_nickname": "FrontDoor",
    "person_id": "alice",
    "display_name": "Alice A.",
    "similarity": 0.61,
    "threshold": 0.5,
    "started_at": NOW.isoformat(),
    "last_seen_at": NOW.isoformat(),
    "ended_at": NOW.isoformat(),
    "looks": 5,
    "picture": None,
    "face_box": {"x": 40, "y": 30, "width": 20, "height": 25},
    "face": "/sightings/01S/face",
}
HOME: dict[str, Any] = {
    **EMPTY,
    "/v1/persons": {
        "persons": [person("alice", display_name="Alice A.", groups=["family"])],
        "total": 1,
        "next_cursor": None,
    },
    "/channels": {"channels": [PHONE, HOOK], "total": 2},
    "/rules": {"rules": [RULE], "total": 1},
    "/mutes": {"mutes": [MUTE], "total": 1},
    "/deliveries": {"deliveries": [DELIVERY], "next_cursor": None},
    "/sightings": {"sightings": [SIGHTING], "next_cursor": None},
}
TRACE = {
    "sighting_id": "01SIGHTING",
    "words": ["It is alice.", "A fact that this page knows nothing of."],
    "rulings": [
        {
            "decided_at": NOW.isoformat(),
            "decision": "match",
            "threshold": 0.5,
            "above_threshold": 0.11,
            "margin": 0.2,
            "candidates": [{"person_id": "alice", "similarity": 0.61}],
            "looks": 3,
            "quality": 0.8,
            "qualities": [0.8, 0.75, 0.6],
            "outcome": "cooldown",
            "judgements": [
                {
                    "rule_id": "01RULE",
                    "rule_name": "Night",
                    "outcome": "cooldown",
                    "reason": "Its cooldown has 43 s left.",
                    "channel_ids": [],
                }
            ],
            "a_later_fact": 1,
        }
    ],
    "deliveries": [DELIVERY],
}


def _plain(said: str) -> str:
    return said.replace("\\", "").replace(":small[]", "")


def test_a_rule_is_its_sentence_and_a_mute_has_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    # Counted from now and not from when this file was read, which may be long ago.
    mute = {**MUTE, "until": (datetime.now(UTC) + timedelta(minutes=90, seconds=30)).isoformat()}
    with answering({**HOME, "/mutes": {"mutes": [mute], "total": 1}}) as server:
        said = _plain(text(opened("rules", server.url, monkeypatch)))
    assert str(RULE["sentence"]) in said
    assert "Alice A. (alice), until" in said
    assert re.search(r"\(1 h (30|29|28) min left\)", said)
    assert "**Armed**" in said


def test_without_a_channel_the_way_to_one_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(EMPTY) as server:
        app = opened("rules", server.url, monkeypatch)
    assert "Add one first" in app.info[0].value
    assert "new_rule" not in [button.key for button in app.button]


def test_a_new_rule_is_sent_as_it_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({**HOME, "POST /rules": RULE}) as server:
        app = opened("rules", server.url, monkeypatch)
        app.button(key="new_rule").click().run()
        app.text_input(key="rule-1-name").input("Family")
        app.segmented_control(key="rule-1-who").set_value("group").run()
        app.selectbox(key="rule-1-group").select("family")
        app.pills(key="rule-1-channels").set_value(["01HOOK"])
        app.button(key="rule-1-quiet-add").click().run()
        app.pills(key="rule-1-quiet-0-days").set_value(["sun"])
        app.number_input(key="rule-1-pause-number").set_value(5)
        app.button(key="rule-1-save").click().run()
        assert not app.exception
        rule = sent(server, "POST", "/rules")
    assert rule == {
        "name": "Family",
        "who": "group",
        "subject": "family",
        "camera_id": None,
        "channel_ids": ["01HOOK"],
        "hours": [],
        "quiet_hours": [{"days": ["sun"], "begins": "22:00:00", "ends": "06:00:00"}],
        "armed_only": True,
        "threshold": None,
        "cooldown_seconds": 300,
        "enabled": True,
    }


def test_a_rule_that_is_edited_keeps_what_was_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({**HOME, "/rules/01RULE": RULE}) as server:
        app = opened("rules", server.url, monkeypatch)
        app.button(key="edit-01RULE").click().run()
        app.toggle(key="rule-1-armed").set_value(False)
        app.button(key="rule-1-save").click().run()
        rule = sent(server, "PUT", "/rules/01RULE")
    assert rule == {key: value for key, value in RULE.items() if key not in ("rule_id", "sentence", "of_camera")} | {
        "armed_only": False
    }


def test_a_rule_without_a_channel_is_told_before_the_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(HOME) as server:
        app = opened("rules", server.url, monkeypatch)
        app.button(key="new_rule").click().run()
        app.button(key="rule-1-save").click().run()
        assert all(asked.method == "GET" for asked in server.requests)
    assert "choose at least one channel" in app.error[0].value


def test_the_house_is_disarmed_and_everything_muted(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({**HOME, "PUT /arming": {"armed": False}, "POST /mutes": MUTE}) as server:
        app = opened("rules", server.url, monkeypatch)
        app.button(key="arm").click().run()
        assert sent(server, "PUT", "/arming") == {"armed": False}
        app.button(key="mute_now").click().run()
        mute = sent(server, "POST", "/mutes")
    assert mute.keys() == {"until"}
    assert datetime.fromisoformat(mute["until"]) - NOW > timedelta(minutes=59)


def test_a_rule_is_switched_off_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({**HOME, "/rules/01RULE": RULE, "DELETE /rules/01RULE": {"rule_id": "01RULE"}}) as server:
        app = opened("rules", server.url, monkeypatch)
        app.button(key="switch-01RULE").click().run()
        assert sent(server, "PUT", "/rules/01RULE")["enabled"] is False
        app.button(key="remove-01RULE").click().run()
        assert sent(server, "DELETE", "/rules/01RULE") is None


def test_a_channel_shows_its_settings_masked_and_who_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(HOME) as server:
        said = _plain(text(opened("channels", server.url, monkeypatch)))
    assert "**Family **phone****" in said
    assert "Chat id: 5" in said
    assert "Used by 1 rule: Night" in said
    assert "no rule uses it yet" in said


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"answer": "The webhook answered 200."}, "It answered: The webhook answered 200."),
        (refusal(503, "delivery_failed", "The webhook cannot be reached."), "not taken.** The webhook cannot be"),
    ],
)
def test_a_test_shows_what_the_channel_said(answer: Any, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({**HOME, "POST /channels/01HOOK/test": answer}) as server:
        app = opened("channels", server.url, monkeypatch)
        app.button(key="test-01HOOK").click().run()
    assert words in _plain("".join(element.value for element in (*app.success, *app.error)))


@pytest.mark.parametrize(
    ("kind", "typed", "expected"),
    [
        ("telegram", {"api_token": "1:A", "chat_id": "5"}, {"api_token": "1:A", "chat_id": "5"}),
        ("webhook", {"url": "https://example.org/"}, {"url": "https://example.org/", "picture": True}),
        (
            "mqtt",
            {"host": "broker", "password": "secret"},
            {
                "host": "broker",
                "port": 1883,
                "password": "secret",
                "tls": False,
                "topic": "face-server",
                "discovery": "homeassistant",
            },
        ),
        ("apprise", {"url": "ntfy://topic"}, {"url": "ntfy://topic"}),
    ],
)
def test_a_channel_of_each_kind_is_added(
    kind: str, typed: dict[str, str], expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering({**EMPTY, "POST /channels": HOOK}) as server:
        app = opened("channels", server.url, monkeypatch)
        app.button(key="new_channel").click().run()
        app.segmented_control(key="channel-1-kind").set_value(kind).run()
        app.text_input(key=f"channel-1-{kind}-name").input("A name")
        for name, value in typed.items():
            app.text_input(key=f"channel-1-{kind}-{name}").input(value)
        app.button(key="channel-1-save").click().run()
        assert not app.exception
        assert sent(server, "POST", "/channels") == {"kind": kind, "name": "A name", "settings": expected}


def test_an_incomplete_channel_is_told_by_its_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(EMPTY) as server:
        app = opened("channels", server.url, monkeypatch)
        app.button(key="new_channel").click().run()
        app.text_input(key="channel-1-telegram-api_token").input("1:secret")
        app.button(key="channel-1-save").click().run()
    assert "Name: please fill this in" in app.error[0].value.replace("\\", "")
    assert "Chat id: please fill this in" in app.error[0].value.replace("\\", "")
    assert "secret" not in app.error[0].value


def test_a_broker_that_is_edited_keeps_its_port_and_its_encryption(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"host": "broker", "port": 8883, "password": "***", "tls": True, "topic": "faces", "discovery": ""}
    broker = {"channel_id": "01MQTT", "kind": "mqtt", "name": "Home", "settings": settings}
    channels = {"channels": [broker], "total": 1}
    with answering({**HOME, "/channels": channels, "/channels/01MQTT": broker}) as server:
        app = opened("channels", server.url, monkeypatch)
        assert "Port: 8883" in _plain(text(app))
        assert "(TLS): yes" in _plain(text(app))
        app.button(key="edit-01MQTT").click().run()
        app.button(key="channel-1-save").click().run()
        change = sent(server, "PATCH", "/channels/01MQTT")
    kept = {name: value for name, value in settings.items() if name != "password"}
    assert change == {"name": "Home", "settings": kept | {"username": None, "ca_file": None}}


def test_a_secret_that_is_not_typed_again_stays_and_one_can_be_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({**HOME, "/channels/01HOOK": HOOK}) as server:
        app = opened("channels", server.url, monkeypatch)
        app.button(key="edit-01HOOK").click().run()
        app.checkbox(key="channel-1-webhook-secret-no-more").check()
        app.button(key="channel-1-save").click().run()
        change = sent(server, "PATCH", "/channels/01HOOK")
    assert change == {"name": "Door bell", "settings": {"secret": None, "picture": True}}


def test_a_delivery_shows_every_attempt_and_what_was_given_up_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({**HOME, "POST /deliveries/01DELIVERY/retry": DELIVERY}) as server:
        app = opened("deliveries", server.url, monkeypatch)
        said = _plain(text(app))
        app.button(key="again-01DELIVERY").click().run()
        assert sent(server, "POST", "/deliveries/01DELIVERY/retry") is None
    assert "**Alice A. at FrontDoor**" in said
    assert "after 1.5 s: It answered 503." in said
    assert "after 1.5 s: It refuses with 410." in said
    assert "1 message given up" in said
    assert "one message with others" in said


@pytest.mark.parametrize("page", ["deliveries", "sightings"])
def test_the_trace_tells_why_or_why_not_and_all_that_is_new_to_it(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({**HOME, "/sightings/01SIGHTING/trace": TRACE}) as server:
        app = opened(page, server.url, monkeypatch)
        app.button(key="why-01DELIVERY" if page == "deliveries" else "open-01SIGHTING").click().run()
        assert not app.exception
        said = _plain(text(app))
    assert "0.61, 0.11 above the threshold" in said
    assert "0.80, 0.75, 0.60" in said
    assert "**Night**: Its cooldown has 43 s left." in said
    assert "Message to **Door bell**" in said
    assert "A fact that this page knows nothing of." in said


def test_the_faces_that_a_person_is_recognised_by_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = "/v1/persons/alice/faces"
    faces = [
        {
            "face_id": f"01F{number}",
            "model": "sface",
            "quality": 0.9,
            "source_name": "Front door 2026-11-22 12:00:05",
            "created_at": "2026-11-22T12:00:05Z",
            "picture": f"{pictures}/01F{number}/picture" if number else None,
        }
        for number in range(2)
    ]
    prepared: Answers = {
        **HOME,
        pictures: {"faces": faces, "total": 14, "next_cursor": "x"},
        f"{pictures}/01F1/picture": Canned(200, encode_png(person_crop(2)[:112, :112]), "image/png"),
    }
    with answering(prepared) as server:
        app = opened("people", server.url, monkeypatch)
        app.button(key="edit-alice").click().run()
        assert not app.exception
        assert "and 13 faces more" in text(app)
        assert [asked.path for asked in server.requests if asked.path.endswith("/picture")] == [
            f"{pictures}/01F1/picture"
        ]


def test_a_profile_is_changed_and_what_is_emptied_is_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({**HOME, "/persons/alice": person("alice")}) as server:
        app = opened("people", server.url, monkeypatch)
        assert "Alice A." in _plain(text(app))
        app.button(key="edit-alice").click().run()
        app.text_input(key="profile-1-name").input("")
        app.text_area(key="profile-1-note").input("Lives here.")
        app.button(key="profile-1-save").click().run()
        change = sent(server, "PATCH", "/persons/alice")
    assert change == {"display_name": None, "note": "Lives here.", "groups": ["family"]}
