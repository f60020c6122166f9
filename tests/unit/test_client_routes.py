"""What the client sends for rules, channels, deliveries and cameras, and what it makes of the answers."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from backend.client import FaceServerClient, Missing, UnexpectedAnswer
from backend.domain.notification import ChannelKind, DeliveryState
from backend.domain.rule import Who
from backend.schemas.channels import ChannelChange, WebhookChannel, WebhookSettings
from backend.schemas.profiles import ProfileChange
from backend.schemas.rules import MuteRequest, RuleRequest
from tests.rig.canned_http import Asked, Canned, CannedHttp

TOKEN = "token-of-the-tests"
CHANNEL = {"channel_id": "01C", "kind": "webhook", "name": "Door bell", "settings": {"url": "https://example.org/***"}}
RULE = {"rule_id": "01R", "name": "Night", "channel_ids": ["01C"], "sentence": "Tell.", "of_camera": False}
DELIVERY = {
    "delivery_id": "01D",
    "sighting_id": "01S",
    "channel_id": "01C",
    "state": "pending",
    "attempts": 0,
    "created_at": "2026-05-03T12:00:00Z",
    "next_attempt_at": "2026-05-03T12:00:00Z",
    "last_error": None,
    "digest_id": None,
    "history": [],
}
PROFILE = {"person_id": "alice", "embeddings": 2, "display_name": None, "note": None, "groups": []}


def _sent(call: Callable[[FaceServerClient], object], answer: object) -> tuple[str, str, Any]:
    """The method, the path and the JSON of the one request that a call sends."""
    canned = Canned(200, json.dumps(answer))
    with CannedHttp(lambda _: canned) as server, FaceServerClient(server.url, TOKEN, timeout=5) as client:
        call(client)
        (asked,) = server.requests
    return asked.method, asked.path, json.loads(asked.body) if asked.body else None


def test_a_rule_is_sent_with_what_was_said_of_it() -> None:
    rule = RuleRequest(name="Night", who=Who.UNKNOWN, channel_ids=["01C"], cooldown_seconds=60)
    expected = {"name": "Night", "who": "unknown", "channel_ids": ["01C"], "cooldown_seconds": 60}
    assert _sent(lambda client: client.add_rule(rule), RULE) == ("POST", "/rules", expected)
    assert _sent(lambda client: client.change_rule("01R", rule), RULE) == ("PUT", "/rules/01R", expected)


def test_a_mute_is_sent_with_its_end_and_its_zone() -> None:
    until = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)
    muted = {
        "mute_id": "01M",
        "until": until.isoformat(),
        "rule_id": None,
        "camera_id": None,
        "person_id": "alice",
        "stranger": False,
    }
    call = _sent(lambda client: client.mute(MuteRequest(until=until, person_id="alice")), muted)
    assert call == ("POST", "/mutes", {"until": "2026-05-03T12:00:00Z", "person_id": "alice"})


def test_arming_is_one_word() -> None:
    assert _sent(lambda client: client.arm(armed=False), {"armed": False}) == ("PUT", "/arming", {"armed": False})


def test_the_secrets_of_a_new_channel_reach_the_server_in_the_clear() -> None:
    settings = WebhookSettings.model_validate({"url": "https://example.org/hook", "secret": "shared"})
    channel = WebhookChannel(kind=ChannelKind.WEBHOOK, name="Door bell", settings=settings)
    _, _, body = _sent(lambda client: client.add_channel(channel), CHANNEL)
    assert body == {
        "kind": "webhook",
        "name": "Door bell",
        "settings": {"url": "https://example.org/hook", "secret": "shared"},
    }


def test_a_change_of_a_channel_leaves_out_what_stays() -> None:
    change = ChannelChange(settings={"picture": False})
    call = _sent(lambda client: client.change_channel("01C", change), CHANNEL)
    assert call == ("PATCH", "/channels/01C", {"settings": {"picture": False}})


def test_a_change_of_a_person_can_take_something_away_and_leave_the_rest() -> None:
    call = _sent(lambda client: client.change_profile("alice", ProfileChange(note=None)), PROFILE)
    assert call == ("PATCH", "/persons/alice", {"note": None})


def test_the_faces_of_a_person_are_listed_and_shown_one_by_one() -> None:
    _, path, _ = _sent(lambda client: client.faces("Zoë / 1", limit=12), {"faces": [], "total": 0, "next_cursor": None})
    assert path == "/v1/persons/Zo%C3%AB%20%2F%201/faces?limit=12"


def test_deliveries_are_asked_for_by_state() -> None:
    _, path, _ = _sent(
        lambda client: client.deliveries(state=DeliveryState.FAILED, limit=5), {"deliveries": [], "next_cursor": None}
    )
    assert path == "/deliveries?state=failed&limit=5"


def test_a_message_is_sent_again_by_its_id() -> None:
    method, path, _ = _sent(lambda client: client.send_again("01D"), DELIVERY)
    assert (method, path) == ("POST", "/deliveries/01D/retry")


def test_everybody_comes_from_as_many_pages_as_there_are() -> None:
    def answer(asked: Asked) -> Canned:
        person, following = ("bob", None) if "cursor=alice" in asked.path else ("alice", "alice")
        page = {"persons": [{**PROFILE, "person_id": person}], "total": 2, "next_cursor": following}
        return Canned(200, json.dumps(page))

    with CannedHttp(answer) as server, FaceServerClient(server.url, TOKEN, timeout=5) as client:
        assert [person.person_id for person in client.everybody()] == ["alice", "bob"]
        assert len(server.requests) == 2


def _stream(*pictures: bytes) -> Canned:
    parts = b"".join(
        b"\r\n--picture\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s" % (len(picture), picture)
        for picture in pictures
    )
    return Canned(200, parts, "multipart/x-mixed-replace; boundary=picture")


def test_live_pictures_come_one_by_one_whatever_is_in_them() -> None:
    pictures = [b"one", b"", b"\r\n\r\nContent-Length: 5\r\n\r\n", b"x" * 200_000]
    with CannedHttp(lambda _: _stream(*pictures)) as server, FaceServerClient(server.url, TOKEN, timeout=5) as client:
        assert list(client.live("01CAMERA")) == pictures
        assert server.requests[0].path == "/cameras/01CAMERA/live"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Canned(200, "<html></html>", "text/html"), UnexpectedAnswer),
        (
            Canned(404, json.dumps({"error": {"code": "c", "message": "m", "details": {}}, "request_id": "r"})),
            Missing,
        ),
    ],
)
def test_live_pictures_that_do_not_come_are_an_error(answer: Canned, kind: type[Exception]) -> None:
    with (
        CannedHttp(lambda _: answer) as server,
        FaceServerClient(server.url, TOKEN, timeout=5) as client,
        pytest.raises(kind),
    ):
        next(client.live("01CAMERA"))


def test_the_pictures_of_a_sighting_are_asked_for_by_its_id() -> None:
    picture = b"\xff\xd8 a picture"
    canned = Canned(200, picture, "image/jpeg")
    with CannedHttp(lambda _: canned) as server, FaceServerClient(server.url, TOKEN, timeout=5) as client:
        assert client.picture("01S") == client.face("01S") == picture
        assert [asked.path for asked in server.requests] == ["/sightings/01S/picture", "/sightings/01S/face"]
