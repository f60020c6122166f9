"""What is a webhook's own: its document, its signature, and redirects."""

import base64
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from backend.domain.errors import DeliveryDelayed, DeliveryRefused
from backend.domain.notification import Channel, ChannelKind, Digest, DigestEntry, Notification
from backend.notifications.webhook import WebhookNotifier, signature
from tests.rig.bot_answers import Refused
from tests.rig.photos import jpeg, person_crop
from tests.rig.webhook import WebhookReceiver
from tests.unit.notifications.situations import a_sighting

PICTURE = jpeg(person_crop(2))
SECRET = "secret-of-the-tests"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def notifier() -> Iterator[WebhookNotifier]:
    with closing(WebhookNotifier()) as notifier:
        yield notifier


def a_hook(receiver: WebhookReceiver, **settings: str) -> Channel:
    return Channel("hook", ChannelKind.WEBHOOK, {"url": receiver.url, **settings})


def test_it_tells_all_of_a_sighting(receiver: WebhookReceiver, notifier: WebhookNotifier) -> None:
    sighting = a_sighting("alice", sighting_id="01SIGHTING")
    notifier.send(a_hook(receiver), Notification("alice at Front door", PICTURE, "01EVENT", sighting))
    (posted,) = receiver.posted()
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["x-face-server-event"] == "01EVENT"
    assert posted.json == {
        "version": 1,
        "event_id": "01EVENT",
        "type": "sighting",
        "text": "alice at Front door",
        "sighting": {
            "sighting_id": "01SIGHTING",
            "camera_id": "front",
            "camera_nickname": "Front door",
            "person_id": "alice",
            "similarity": 0.714,
            "threshold": 0.5,
            "started_at": "2026-11-22T12:00:05+00:00",
            "last_seen_at": "2026-11-22T12:00:05+00:00",
        },
        "picture": base64.b64encode(PICTURE).decode(),
        "sightings": [],
    }


def test_a_burst_is_told_in_one_message_with_each_sighting_and_its_own_event(
    receiver: WebhookReceiver, notifier: WebhookNotifier
) -> None:
    entries = (DigestEntry("01A", a_sighting("alice"), PICTURE), DigestEntry("01B", a_sighting(None), None))
    notifier.send_together(a_hook(receiver), Digest("2 visits", entries, "01DIGEST"))
    (posted,) = receiver.posted()
    assert posted.headers["x-face-server-event"] == "01DIGEST"
    told = posted.json
    assert (told["type"], told["event_id"], told["text"], told["sighting"]) == ("digest", "01DIGEST", "2 visits", None)
    assert [(one["event_id"], one["sighting"]["person_id"], bool(one["picture"])) for one in told["sightings"]] == [
        ("01A", "alice", True),
        ("01B", None, False),
    ]


def test_a_message_that_tries_the_channel_is_about_no_sighting(
    receiver: WebhookReceiver, notifier: WebhookNotifier
) -> None:
    notifier.send(a_hook(receiver), Notification("a test", None, "01EVENT"))
    assert (receiver.posted()[0].json["type"], receiver.posted()[0].json["sighting"]) == ("test", None)


def test_the_picture_can_be_left_out(receiver: WebhookReceiver, notifier: WebhookNotifier) -> None:
    notifier.send(a_hook(receiver, picture="false"), Notification("alice", PICTURE))
    assert receiver.posted()[0].json["picture"] is None


def test_the_signature_is_over_the_time_stamp_and_the_body(
    receiver: WebhookReceiver, notifier: WebhookNotifier
) -> None:
    notifier.send(a_hook(receiver, secret=SECRET), Notification("alice", PICTURE))
    (posted,) = receiver.posted()
    timestamp = posted.headers["x-face-server-timestamp"]
    assert posted.headers["x-face-server-signature"] == signature(SECRET, timestamp, posted.body)


def test_the_signature_is_the_one_that_the_documentation_promises() -> None:
    # openssl: printf '1700000000.{}' | openssl dgst -sha256 -hmac key
    expected = "sha256=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"
    assert signature("key", "1700000000", b"{}") == expected


def test_without_a_secret_there_is_no_signature(receiver: WebhookReceiver, notifier: WebhookNotifier) -> None:
    notifier.send(a_hook(receiver), Notification("alice", PICTURE))
    assert "x-face-server-signature" not in receiver.posted()[0].headers


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("7", 7.0),
        ("-7", None),
        ("7.5", None),
        ("soon", None),
        ("9" * 400, float("inf")),
        ("Sun, 22 Nov 1926 12:00:00 GMT", 0.0),
    ],
)
def test_how_long_to_wait_may_be_told_in_seconds_or_as_a_date(asked: str, seconds: float | None) -> None:
    with answering(503, asked) as url, closing(WebhookNotifier()) as notifier, pytest.raises(DeliveryDelayed) as caught:
        notifier.send(Channel("hook", ChannelKind.WEBHOOK, {"url": url}), Notification("alice", None))
    assert caught.value.retry_after == seconds


def test_a_date_to_come_is_waited_for() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True)
    with answering(429, date) as url, closing(WebhookNotifier()) as notifier, pytest.raises(DeliveryDelayed) as caught:
        notifier.send(Channel("hook", ChannelKind.WEBHOOK, {"url": url}), Notification("alice", None))
    assert caught.value.retry_after is not None
    assert 50 < caught.value.retry_after <= 60


@contextmanager
def answering(status: int, retry_after: str) -> Iterator[str]:
    """A server that always asks to wait; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Retry-After", retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_redirect_is_not_followed(receiver: WebhookReceiver, notifier: WebhookNotifier) -> None:
    receiver.script([Refused(307, "elsewhere")])
    with pytest.raises(DeliveryRefused, match="redirects are not followed"):
        notifier.send(a_hook(receiver), Notification("alice", PICTURE))
    assert len(receiver.posted()) == 1


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "nonsense", "http://"])
def test_an_address_that_cannot_be_used_is_refused(notifier: WebhookNotifier, url: str) -> None:
    with pytest.raises(DeliveryRefused, match="cannot be used"):
        notifier.send(Channel("hook", ChannelKind.WEBHOOK, {"url": url}), Notification("alice", None))
