"""Rules, mutes, arming, channels, deliveries and traces over HTTP, on a real server whose home was lived in before."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.domain.identity import Candidate, Decision, Verdict
from backend.domain.notification import ChannelKind
from backend.domain.sighting import Evidence
from backend.notifications.routing import Router
from backend.storage import cameras, channels, outbox, people, sightings
from tests.rig.bot_answers import Refused
from tests.rig.bot_api import BotApi
from tests.rig.server import ServerProcess
from tests.rig.watching import wait_until
from tests.rig.webhook import WebhookReceiver
from tests.unit.notifications.situations import a_camera, a_home, a_look, a_sighting

DECISION = Decision(Verdict.MATCH, 0.5, (Candidate("alice", 0.71), Candidate("bob", 0.21)))
EVIDENCE = Evidence(DECISION, a_look(), 3, 0.8, (0.8, 0.7, 0.4))
RULE = {"name": "Strangers at night", "who": "unknown", "hours": [{"begins": "22:00", "ends": "06:00"}]}
NEVER = "0" * 26


@dataclass(frozen=True)
class Lived:
    """A server with a camera, a sighting that was told, and one whose message was given up."""

    http: httpx.Client
    told: str
    given_up: str
    channel_id: str


@pytest.fixture(scope="module")
def phone() -> Iterator[BotApi]:
    with BotApi() as phone:
        yield phone


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, phone: BotApi) -> Iterator[Lived]:
    folder = tmp_path_factory.mktemp("home") / "data"
    folder.mkdir()
    told, given_up, channel_id = _live_in(folder, phone)
    with ServerProcess(folder, {"TELEGRAM_API_URL": phone.url}) as server, closing(server.client()) as http:
        # Not when the phone has it: it is recorded a moment later.
        wait_until(lambda: not http.get("/deliveries", params={"state": "pending"}).json()["deliveries"])
        yield Lived(http, told, given_up, channel_id)


def _live_in(folder: Path, phone: BotApi) -> tuple[str, str, str]:
    told, given_up = a_sighting("alice"), a_sighting("bob")
    with a_home(folder) as home, home.database.write() as tx:
        people.add(tx, "alice")
        channel_id = channels.add(tx, ChannelKind.TELEGRAM, {"api_token": phone.token, "chat_id": "5"})
        # Its link leads nowhere: no camera of this test is ever seen.
        camera = a_camera(channel_id, link="rtsp://127.0.0.1:9/front")
        cameras.add(tx, camera)
        for sighting in (told, given_up):
            sightings.add(tx, sighting, a_look())
            Router(None).tell(tx, sighting, EVIDENCE, camera)
        (lost,) = outbox.of_sighting(tx, given_up.sighting_id)
        outbox.failed(tx, lost.delivery_id, "chat not found")
    return told.sighting_id, given_up.sighting_id, channel_id


@pytest.fixture
def http(lived: Lived) -> httpx.Client:
    return lived.http


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def a_hook(http: httpx.Client, receiver: WebhookReceiver, **more: Any) -> Any:
    body = {"kind": "webhook", "name": "Home", "settings": {"url": receiver.url, "secret": "hidden", **more}}
    return http.post("/channels", json=body).raise_for_status().json()


def _error(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def test_a_channel_is_added_shown_without_its_secrets_tried_changed_and_removed(
    http: httpx.Client, receiver: WebhookReceiver
) -> None:
    hook = a_hook(http, receiver)
    assert hook["settings"] == {"url": "http://127.0.0.1/***", "secret": "***", "picture": True}
    path = f"/channels/{hook['channel_id']}"
    assert http.post(f"{path}/test").json() == {"answer": "The webhook answered 200."}
    assert "x-face-server-signature" in receiver.posted()[0].headers
    changed = http.patch(path, json={"name": "Other", "settings": {"picture": False}}).json()
    assert (changed["name"], changed["settings"]["picture"]) == ("Other", False)
    http.post(f"{path}/test").raise_for_status()
    assert "x-face-server-signature" in receiver.posted()[1].headers
    assert http.delete(path).json() == {"channel_id": hook["channel_id"]}
    assert _error(http.post(f"{path}/test")) == (404, "channel_not_found")


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("telegram", {"chat_id": "7", "api_token": "1:x"}),
        ("webhook", {"picture": False, "url": "http://127.0.0.1/"}),
        ("mqtt", {"host": "broker", "port": 8883, "tls": True, "discovery": ""}),
    ],
)
def test_what_is_read_of_a_channel_can_be_sent_back(http: httpx.Client, kind: str, settings: dict[str, Any]) -> None:
    body = {"kind": kind, "name": "Home", "settings": settings}
    made = http.post("/channels", json=body).raise_for_status().json()
    shown = {name: value for name, value in made["settings"].items() if "***" not in str(value)}
    assert shown.items() >= {name: value for name, value in settings.items() if name in shown}.items()
    again = http.patch(f"/channels/{made['channel_id']}", json={"settings": shown}).raise_for_status()
    assert again.json() == made


def test_a_test_message_that_is_refused_says_why(http: httpx.Client, receiver: WebhookReceiver) -> None:
    hook = a_hook(http, receiver)
    receiver.script([Refused(410, "gone for good")])
    reply = http.post(f"/channels/{hook['channel_id']}/test")
    assert _error(reply) == (503, "delivery_refused")
    assert "410: gone for good" in reply.json()["error"]["message"]


def test_a_telegram_channel_is_tried_with_a_real_message(http: httpx.Client, phone: BotApi) -> None:
    body = {"kind": "telegram", "name": "Phone", "settings": {"api_token": phone.token, "chat_id": 7}}
    channel = http.post("/channels", json=body).raise_for_status().json()
    assert "message" in http.post(f"/channels/{channel['channel_id']}/test").json()["answer"]
    assert any(call.chat_id == 7 for call in phone.calls("sendMessage", delivered=True))


@pytest.mark.parametrize(
    "channel",
    [
        {"kind": "pigeon", "name": "x", "settings": {}},
        {"kind": "webhook", "name": "x", "settings": {}},
        {"kind": "webhook", "name": " ", "settings": {"url": "http://127.0.0.1/"}},
        {"kind": "webhook", "name": "x", "settings": {"url": "http://127.0.0.1/", "chat_id": "1"}},
        {"kind": "mqtt", "name": "x", "settings": {"host": "127.0.0.1", "topic": "a/#"}},
    ],
)
def test_a_channel_that_makes_no_sense_is_refused(http: httpx.Client, channel: dict[str, Any]) -> None:
    assert _error(http.post("/channels", json=channel)) == (422, "invalid_field")


def test_a_cameras_own_channel_is_listed_and_changed_only_with_the_camera(lived: Lived) -> None:
    listed = {channel["channel_id"]: channel for channel in lived.http.get("/channels").json()["channels"]}
    own = listed[lived.channel_id]
    assert (own["name"], own["settings"]) == (None, {"api_token": "***", "chat_id": "5"})
    assert lived.http.delete(f"/channels/{lived.channel_id}").status_code == 422


def test_a_rule_is_written_read_as_a_sentence_replaced_and_removed(
    http: httpx.Client, receiver: WebhookReceiver
) -> None:
    channel_id = a_hook(http, receiver)["channel_id"]
    rule = http.post("/rules", json=RULE | {"channel_ids": [channel_id]}).raise_for_status().json()
    assert rule["sentence"] == "Tell Home about strangers at any camera, every day 22:00–06:00, while armed."
    path = f"/rules/{rule['rule_id']}"
    whole = {"name": "Alice", "who": "person", "subject": "alice", "channel_ids": [channel_id], "enabled": False}
    assert http.put(path, json=whole).json()["sentence"].startswith("Tell Home about alice at any camera")
    assert http.delete(path).json() == {"rule_id": rule["rule_id"]}
    assert _error(http.delete(path)) == (404, "rule_not_found")


def test_a_rule_whose_channel_is_removed_tells_nobody(http: httpx.Client, receiver: WebhookReceiver) -> None:
    channel_id = a_hook(http, receiver)["channel_id"]
    rule_id = http.post("/rules", json=RULE | {"channel_ids": [channel_id]}).json()["rule_id"]
    http.delete(f"/channels/{channel_id}").raise_for_status()
    (rule,) = [rule for rule in http.get("/rules").json()["rules"] if rule["rule_id"] == rule_id]
    assert rule["sentence"].startswith("Tell nobody")


@pytest.mark.parametrize(
    "change",
    [
        {"channel_ids": [NEVER]},
        {"channel_ids": []},
        {"camera_id": NEVER},
        {"who": "person"},
        {"subject": "alice"},
        {"hours": [{"days": ["someday"], "begins": "22:00", "ends": "06:00"}]},
        {"cooldown_seconds": -1},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    http: httpx.Client, receiver: WebhookReceiver, change: dict[str, Any]
) -> None:
    rule = RULE | {"channel_ids": [a_hook(http, receiver)["channel_id"]]} | change
    assert _error(http.post("/rules", json=rule)) == (422, "invalid_field")


def test_a_cameras_own_rule_is_listed_first_and_changed_only_with_the_camera(http: httpx.Client) -> None:
    first = http.get("/rules").json()["rules"][0]
    assert first["of_camera"]
    assert first["sentence"] == (
        "Tell its Telegram chat about anyone who is known at Front door, while armed, "
        "at most once in 1 hour for each person."
    )
    assert _error(http.delete(f"/rules/{first['rule_id']}")) == (404, "rule_not_found")


def test_a_mute_lasts_until_it_is_ended(http: httpx.Client) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    mute = http.post("/mutes", json={"until": until, "person_id": "alice"}).raise_for_status().json()
    assert mute in http.get("/mutes").json()["mutes"]
    assert http.delete(f"/mutes/{mute['mute_id']}").json() == {"mute_id": mute["mute_id"]}
    assert _error(http.delete(f"/mutes/{mute['mute_id']}")) == (404, "mute_not_found")


@pytest.mark.parametrize("until", ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00"])
def test_a_mute_needs_a_time_to_come_with_its_zone(http: httpx.Client, until: str) -> None:
    assert _error(http.post("/mutes", json={"until": until})) == (422, "invalid_field")


def test_the_house_is_armed_until_it_is_disarmed(http: httpx.Client) -> None:
    assert http.get("/arming").json() == {"armed": True}
    for armed in (False, True):
        assert http.put("/arming", json={"armed": armed}).json() == {"armed": armed}
        assert http.get("/arming").json() == {"armed": armed}


def test_a_person_is_called_and_grouped_as_wanted(http: httpx.Client) -> None:
    wanted = {"display_name": "Alice", "groups": ["family", "choir", "family"]}
    assert http.patch("/persons/alice", json=wanted).json()["groups"] == ["choir", "family"]
    http.patch("/persons/alice", json={"note": "sings"}).raise_for_status()
    profile = http.get("/persons/alice").json()
    assert (profile["display_name"], profile["note"], profile["groups"]) == ("Alice", "sings", ["choir", "family"])
    assert _error(http.get("/persons/nobody")) == (404, "person_not_found")


def test_a_trace_tells_why_and_how_a_sighting_was_told(lived: Lived) -> None:
    trace = lived.http.get(f"/sightings/{lived.told}/trace").raise_for_status().json()
    (ruling,) = trace["rulings"]
    assert (ruling["outcome"], ruling["looks"], ruling["margin"]) == ("fired", 3, pytest.approx(0.5))
    assert (ruling["qualities"], ruling["above_threshold"]) == ([0.8, 0.7, 0.4], pytest.approx(0.21))
    (delivery,) = trace["deliveries"]
    assert delivery["digest_id"] is None
    assert [attempt["outcome"] for attempt in delivery["history"]] == ["delivered"]
    decided, judged, delivered = trace["words"]
    assert "It is alice: similarity 0.71, 0.21 above the threshold 0.50, 0.50 ahead of bob" in decided
    assert "(3 looks of quality 0.80, 0.70, 0.40)" in decided
    assert judged == "Rule “Front door”: It sends a message."
    assert "delivered. Telegram took it as message" in delivered


def test_there_is_no_trace_of_no_sighting(http: httpx.Client) -> None:
    assert _error(http.get(f"/sightings/{NEVER}/trace")) == (404, "sighting_not_found")


def test_a_message_that_was_given_up_is_listed_and_sent_again(lived: Lived, phone: BotApi) -> None:
    listed = lived.http.get("/deliveries", params={"state": "failed"}).json()["deliveries"]
    (lost,) = [delivery for delivery in listed if delivery["sighting_id"] == lived.given_up]
    assert lost["last_error"] == "chat not found"
    before = len(phone.calls("sendMessage", delivered=True))
    again = lived.http.post(f"/deliveries/{lost['delivery_id']}/retry").raise_for_status().json()
    assert again["state"] in {"pending", "delivered"}
    phone.wait_for("sendMessage", before + 1, delivered=True)
    assert _error(lived.http.post(f"/deliveries/{NEVER}/retry")) == (404, "delivery_not_found")


def test_deliveries_are_listed_in_pages_the_newest_first(http: httpx.Client) -> None:
    first = http.get("/deliveries", params={"limit": 1}).json()
    second = http.get("/deliveries", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    ids = [page["deliveries"][0]["delivery_id"] for page in (first, second)]
    assert ids == sorted(ids, reverse=True)
    assert second["next_cursor"] is None
