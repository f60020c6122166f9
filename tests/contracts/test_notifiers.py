"""What every notifier promises: its errors are ours, and no text of theirs holds a secret."""

import base64
import json
import logging
import re
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias

import pytest
from apprise import Apprise

from backend.domain.errors import DeliveryDelayed, DeliveryError, DeliveryRefused
from backend.domain.notification import Channel, ChannelKind, Digest, DigestEntry, Notification, Receipt
from backend.notifications.apprise_services import AppriseNotifier
from backend.notifications.mqtt import MqttNotifier
from backend.notifications.notifier import Notifier
from backend.notifications.telegram.bot import TelegramNotifier
from backend.notifications.webhook import WebhookNotifier
from tests.rig.bot_api import Answer, BotApi, Cut, Garbage, Refused, ServerError, Slow, TooManyRequests
from tests.rig.broker import PASSWORD, USER, Broker
from tests.rig.broker_front import BrokerFront
from tests.rig.photos import jpeg, person_crop
from tests.rig.ports import closed_port
from tests.rig.tcp_proxy import TcpProxy
from tests.rig.watching import wait_until
from tests.rig.webhook import WebhookReceiver
from tests.unit.notifications.situations import a_sighting

PICTURE = jpeg(person_crop(2))
MESSAGE = Notification("alice at Front door\nsimilarity 0.71", PICTURE)
OTHER_PICTURE = jpeg(person_crop(3))
WORDS = Notification("alice at Front door", None)
DIGEST = Digest(
    "3 visits\nFront door: alice 12:00, bob 12:01–12:02 (2 times)",
    (
        DigestEntry("01A", a_sighting("alice"), PICTURE),
        DigestEntry("01B", a_sighting("bob"), OTHER_PICTURE),
        DigestEntry("01C", a_sighting("bob"), None),
    ),
    "01DIGEST",
)
PATIENT_S, IMPATIENT_S = 20.0, 2.0
"""How long a message may take where it is to arrive, however busy the machine is, and where it never will."""
LONG_S = 30.0
"""So long nothing is waited for here."""


class Service(Protocol):
    """A service that carries messages, with faults on command."""

    @property
    def notifier(self) -> Notifier: ...

    @property
    def nowhere(self) -> Notifier:
        """A notifier at whose address nobody answers."""

    @property
    def channel(self) -> Channel: ...

    @property
    def stranger(self) -> Channel:
        """A channel whose secret the service does not know."""

    @property
    def secret(self) -> str:
        """What the channel's messages are let in by."""

    @property
    def limit(self) -> int | None:
        """How many UTF-16 units a message may have; None where there is no limit."""

    @property
    def tells_how_long(self) -> bool:
        """Whether a request to wait that says how long is heard as such."""

    @property
    def tells_why(self) -> bool:
        """Whether a refusal's own words are passed on."""

    def script(self, *answers: Answer) -> None:
        """Have the next messages answered like this."""

    def hang(self, seconds: float) -> None:
        """Have the next message answered after so long."""

    def delivered(self) -> list[tuple[str, bytes | None]]:
        """The messages a person would have seen, each with its picture."""

    def together(self) -> list[tuple[str, list[bytes]]]:
        """The digests a person would have seen, each with its pictures."""

    def wait_for_one(self) -> None:
        """Wait until a message has come."""


@dataclass(frozen=True)
class TelegramService:
    """The Bot API server of the tests and the notifier that talks to it."""

    api: BotApi
    notifier: Notifier
    nowhere: Notifier
    channel: Channel
    stranger: Channel
    limit: int | None = 1024
    tells_how_long: bool = True
    tells_why: bool = True

    @property
    def secret(self) -> str:
        return self.channel.settings["api_token"]

    def script(self, *answers: Answer) -> None:
        self.api.script(answers)

    def hang(self, seconds: float) -> None:
        self.script(Slow(seconds))

    def delivered(self) -> list[tuple[str, bytes | None]]:
        calls = self.api.calls(delivered=True)
        return [(c.params.get("caption") or c.params["text"], c.photo if c.files else None) for c in calls]

    def together(self) -> list[tuple[str, list[bytes]]]:
        calls = self.api.calls(delivered=True)
        return [(json.loads(c.params["media"])[0]["caption"], list(c.files.values())) for c in calls]

    def wait_for_one(self) -> None:
        self.api.wait_for("sendPhoto")


def telegram(timeout_s: float) -> Iterator[Service]:
    with BotApi() as api, closed_port() as port:
        notifier = TelegramNotifier(api.url, timeout_s)
        nowhere = TelegramNotifier(f"http://127.0.0.1:{port}", timeout_s)
        with closing(notifier), closing(nowhere):
            yield TelegramService(
                api, notifier, nowhere, _chat(api.token), _chat("987654321:AAa-secret-of-another-bot")
            )


@dataclass(frozen=True)
class WebhookService:
    """A receiver that checks signatures, and the notifier that posts to it."""

    receiver: WebhookReceiver
    notifier: Notifier
    nowhere: Notifier
    channel: Channel
    stranger: Channel
    limit: int | None = None
    tells_how_long: bool = True
    tells_why: bool = True

    @property
    def secret(self) -> str:
        return self.channel.settings["secret"]

    def script(self, *answers: Answer) -> None:
        self.receiver.script(answers)

    def hang(self, seconds: float) -> None:
        self.script(Slow(seconds))

    def delivered(self) -> list[tuple[str, bytes | None]]:
        posted = [posted.json for posted in self.receiver.posted(delivered=True)]
        return [(json["text"], json["picture"] and base64.b64decode(json["picture"])) for json in posted]

    def together(self) -> list[tuple[str, list[bytes]]]:
        posted = [posted.json for posted in self.receiver.posted(delivered=True)]
        return [
            (json["text"], [base64.b64decode(entry["picture"]) for entry in json["sightings"] if entry["picture"]])
            for json in posted
        ]

    def wait_for_one(self) -> None:
        self.receiver.wait_for()


@dataclass(frozen=True)
class AppriseService:
    """Apprise's plugin for JSON over HTTP, and a receiver that wants a password."""

    receiver: WebhookReceiver
    notifier: Notifier
    nowhere: Notifier
    channel: Channel
    stranger: Channel
    limit: int | None = None
    tells_how_long: bool = False
    tells_why: bool = False
    secret: str = "AAsecret-of-the-service"

    def script(self, *answers: Answer) -> None:
        self.receiver.script(answers)

    def hang(self, seconds: float) -> None:
        self.script(Slow(seconds))

    def together(self) -> list[tuple[str, list[bytes]]]:
        return [(text, [picture] if picture else []) for text, picture in self.delivered()]

    def delivered(self) -> list[tuple[str, bytes | None]]:
        posted = [posted.json for posted in self.receiver.posted(delivered=True)]
        pictures = [[base64.b64decode(attached["base64"]) for attached in json["attachments"]] for json in posted]
        return [(json["message"], next(iter(kept), None)) for json, kept in zip(posted, pictures, strict=True)]

    def wait_for_one(self) -> None:
        self.receiver.wait_for()


@dataclass(frozen=True)
class MqttService:
    """A real broker behind a faulty network, and before both somebody who answers as no real broker does on command."""

    broker: Broker
    proxy: TcpProxy
    front: BrokerFront
    notifier: Notifier
    nowhere: Notifier
    channel: Channel
    stranger: Channel
    limit: int | None = None
    tells_how_long: bool = False
    tells_why: bool = False
    secret: str = PASSWORD

    def script(self, *answers: Answer) -> None:
        self.front.script(*answers)

    def hang(self, seconds: float) -> None:
        if seconds >= LONG_S:
            self.proxy.stall()
        else:
            # Two questions and two answers travel before a message is acknowledged.
            self.proxy.delay(seconds / 4)

    def together(self) -> list[tuple[str, list[bytes]]]:
        return [(json.loads(seen.payload)["text"], []) for seen in self.broker.wait_for("faces/events")]

    def delivered(self) -> list[tuple[str, bytes | None]]:
        events = [json.loads(seen.payload)["text"] for seen in self.broker.wait_for("faces/events")]
        pictures: list[bytes | None] = [seen.payload for seen in self.broker.seen("faces/picture")]
        return list(zip(events, pictures or [None], strict=True))

    def wait_for_one(self) -> None:
        wait_until(lambda: self.proxy.accepted > 0)


class Elsewhere:
    """A notifier that sends everything to an address where nobody answers."""

    def __init__(self, notifier: Notifier, setting: str, value: str) -> None:
        self._notifier = notifier
        self._settings = {setting: value}

    def send(self, channel: Channel, notification: Notification) -> Receipt:
        return self._notifier.send(self._elsewhere(channel), notification)

    def send_together(self, channel: Channel, digest: Digest) -> Receipt:
        return self._notifier.send_together(self._elsewhere(channel), digest)

    def _elsewhere(self, channel: Channel) -> Channel:
        return replace(channel, settings={**channel.settings, **self._settings})

    def close(self) -> None:
        self._notifier.close()


def webhook(timeout_s: float) -> Iterator[Service]:
    secret = "AAsecret-of-the-webhook"
    with WebhookReceiver(secret) as receiver, closing(WebhookNotifier(timeout_s)) as notifier, closed_port() as port:
        known, stranger = (
            Channel("hook", ChannelKind.WEBHOOK, {"url": receiver.url, "secret": value})
            for value in (secret, "AAsecret-of-another")
        )
        nowhere = Elsewhere(notifier, "url", f"http://127.0.0.1:{port}/hook")
        yield WebhookService(receiver, notifier, nowhere, known, stranger)


def apprise(timeout_s: float) -> Iterator[Service]:
    # At its first use the library loads a hundred plugins, which takes longer than a message may here.
    assert Apprise().add("json://127.0.0.1")
    with (
        WebhookReceiver(password=AppriseService.secret) as receiver,
        closing(AppriseNotifier(timeout_s)) as notifier,
        closed_port() as port,
    ):
        known, stranger = (
            Channel("a", ChannelKind.APPRISE, {"url": receiver.url.replace("http://", f"json://user:{password}@")})
            for password in (AppriseService.secret, "AAsecret-of-another")
        )
        nowhere = Elsewhere(notifier, "url", f"json://user:{AppriseService.secret}@127.0.0.1:{port}/")
        yield AppriseService(receiver, notifier, nowhere, known, stranger)


def mqtt(timeout_s: float) -> Iterator[Service]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Broker(Path(folder)) as broker,
        TcpProxy(broker.port) as proxy,
        BrokerFront(proxy.port) as front,
        closing(MqttNotifier(timeout_s)) as notifier,
        closed_port() as port,
    ):
        known, stranger = (
            Channel("home", ChannelKind.MQTT, _broker_settings(front.port, password))
            for password in (PASSWORD, "AApassword-of-another")
        )
        nowhere = Elsewhere(notifier, "port", str(port))
        yield MqttService(broker, proxy, front, notifier, nowhere, known, stranger)


def _broker_settings(port: int, password: str) -> dict[str, str]:
    return {"host": "127.0.0.1", "port": str(port), "username": USER, "password": password, "topic": "faces"}


def _chat(token: str) -> Channel:
    return Channel("phone", ChannelKind.TELEGRAM, {"api_token": token, "chat_id": "-100123"})


@pytest.fixture
def silent(caplog: pytest.LogCaptureFixture) -> Callable[[Service], None]:
    """Fails where the log holds a secret of the service."""
    caplog.set_level(logging.DEBUG)

    def check(service: Service) -> None:
        assert not [text for text in (*caplog.messages, caplog.text) if _holds_a_secret(text, service)]

    return check


Make: TypeAlias = Callable[[float], Iterator[Service]]
"""How a service is made whose notifier gives a message so many seconds."""
EVERY: list[Make] = [telegram, webhook, mqtt, apprise]


@pytest.fixture(params=EVERY)
def service(request: pytest.FixtureRequest, silent: Callable[[Service], None]) -> Iterator[Service]:
    yield from _made(request.param, PATIENT_S, silent)


@pytest.fixture(params=EVERY)
def impatient(request: pytest.FixtureRequest, silent: Callable[[Service], None]) -> Iterator[Service]:
    """The same where nobody waits long for an answer."""
    yield from _made(request.param, IMPATIENT_S, silent)


@pytest.fixture(params=[telegram, webhook, apprise])
def over_http(request: pytest.FixtureRequest, silent: Callable[[Service], None]) -> Iterator[Service]:
    """The services to which each message has a connection of its own."""
    yield from _made(request.param, PATIENT_S, silent)


def _made(make: Make, timeout_s: float, silent: Callable[[Service], None]) -> Iterator[Service]:
    for made in make(timeout_s):
        yield made
        silent(made)


def _holds_a_secret(text: str, service: Service) -> bool:
    return any(secret in text for secret in _secrets(service))


def _secrets(service: Service) -> list[str]:
    """What must never be seen; of a bot's token the part behind its number."""
    values = [value for channel in (service.channel, service.stranger) for value in channel.settings.values()]
    return [found[0] for found in (re.search(r"AA[\w-]+", value) for value in values) if found]


def sending(service: Service, channel: Channel | None = None, notifier: Notifier | None = None) -> DeliveryError:
    """Send a message that does not arrive; answers why, once that is seen to hold no secret."""
    with pytest.raises(DeliveryError) as caught:
        (notifier or service.notifier).send(channel or service.channel, MESSAGE)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value.details)
    assert not _holds_a_secret(told, service)
    return caught.value


def test_a_message_arrives_with_its_picture(service: Service) -> None:
    service.notifier.send(service.channel, MESSAGE)
    assert service.delivered() == [(MESSAGE.text, PICTURE)]


def test_a_message_without_a_picture_arrives(service: Service) -> None:
    service.notifier.send(service.channel, WORDS)
    assert service.delivered() == [(WORDS.text, None)]


def test_a_burst_arrives_as_one_message_that_tells_of_all(service: Service) -> None:
    service.notifier.send_together(service.channel, DIGEST)
    ((text, pictures),) = service.together()
    assert text == DIGEST.text
    assert set(pictures) <= {PICTURE, OTHER_PICTURE}


def test_a_burst_that_is_not_taken_is_delayed(service: Service) -> None:
    with pytest.raises(DeliveryDelayed):
        service.nowhere.send_together(service.channel, DIGEST)


def test_text_that_looks_like_markup_arrives_as_it_is(service: Service) -> None:
    text = "<b>alice</b> & *bob* _at_ [door](http://127.0.0.1)"
    service.notifier.send(service.channel, Notification(text, PICTURE))
    assert service.delivered() == [(text, PICTURE)]


def test_a_text_that_is_too_long_is_cut(service: Service) -> None:
    service.notifier.send(service.channel, Notification("🙂" * 9000, PICTURE))
    ((text, _),) = service.delivered()
    assert text.startswith("🙂🙂")
    assert text == "🙂" * 9000 if service.limit is None else text.endswith("🙂…")


def test_a_slow_answer_is_waited_for(service: Service) -> None:
    service.hang(0.5)
    service.notifier.send(service.channel, MESSAGE)
    assert len(service.delivered()) == 1


def test_an_answer_that_does_not_come_delays_the_message(impatient: Service) -> None:
    impatient.hang(LONG_S)
    assert isinstance(sending(impatient), DeliveryDelayed)


def test_a_refusal_is_final_and_says_why(service: Service) -> None:
    service.script(Refused(400, "Bad Request: chat not found"))
    refusal = sending(service)
    assert isinstance(refusal, DeliveryRefused)
    assert "chat not found" in refusal.message.lower() or not service.tells_why


def test_a_refusal_that_repeats_the_secret_is_told_without_it(service: Service) -> None:
    service.script(Refused(403, f"Forbidden: {service.secret} was blocked"))
    refusal = sending(service)
    assert isinstance(refusal, DeliveryRefused)
    assert "was blocked" in refusal.message or not service.tells_why


def test_an_unknown_secret_is_refused(service: Service) -> None:
    assert isinstance(sending(service, service.stranger), DeliveryRefused)


def test_a_request_to_wait_says_how_long(service: Service) -> None:
    service.script(TooManyRequests(retry_after=7))
    delay = sending(service)
    assert isinstance(delay, DeliveryDelayed)
    assert delay.retry_after == (7 if service.tells_how_long else None)


@pytest.mark.parametrize(
    "answer", [ServerError(500), ServerError(502), Garbage(), Cut(), Garbage(delivered=True), Cut(delivered=True)]
)
def test_a_fault_of_the_service_delays_the_message(service: Service, answer: Answer) -> None:
    service.script(answer)
    delay = sending(service)
    assert isinstance(delay, DeliveryDelayed)
    assert delay.retry_after is None


def test_a_service_that_cannot_be_reached_delays_the_message(service: Service) -> None:
    assert isinstance(sending(service, notifier=service.nowhere), DeliveryDelayed)


def test_after_a_fault_the_next_message_arrives(service: Service) -> None:
    service.script(Cut())
    sending(service)
    service.notifier.send(service.channel, MESSAGE)
    assert len(service.delivered()) == 1


def test_a_message_that_hangs_holds_no_other_up_where_each_has_its_own_connection(over_http: Service) -> None:
    over_http.script(Slow(LONG_S))
    hanging = threading.Thread(target=sending, args=(over_http,))
    hanging.start()
    over_http.wait_for_one()
    over_http.notifier.send(over_http.channel, MESSAGE)
    assert hanging.is_alive()
    over_http.notifier.close()
    hanging.join()


def test_closing_breaks_off_what_is_being_sent_and_refuses_more(service: Service) -> None:
    service.hang(LONG_S)
    problems: list[DeliveryError] = []
    thread = threading.Thread(target=lambda: problems.append(sending(service)))
    thread.start()
    service.wait_for_one()
    service.notifier.close()
    thread.join()
    problems.append(sending(service))
    service.notifier.close()
    assert [type(problem) for problem in problems] == [DeliveryDelayed, DeliveryDelayed]
