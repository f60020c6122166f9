"""MQTT: events for whoever listens, and entities for Home Assistant; the only door to its library."""

import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from backend.domain.errors import DeliveryDelayed, DeliveryError, DeliveryRefused
from backend.domain.notification import Channel, Digest, Notification, Receipt
from backend.notifications import home_assistant
from backend.notifications.home_assistant import CameraOnline, LastSeen, Publication
from backend.notifications.webhook import sighting_document

logger = logging.getLogger(__name__)

TIMEOUT_S = 10.0
CLOSING_S = 5.0
"""How long the good-byes to all brokers may take."""
EXPIRY = timedelta(minutes=5)
"""An event that a broker still holds after this is told to nobody: it is no longer news."""
_KEEPALIVE_S = 30
_CONNECTING_S = 4.0
"""How long an end may have to wait for a connection that is just being made."""
_PORTION = 20
"""How much of what a broker forgot it is told at a time, so that a message never stands behind much of it."""
_TOLD, _QUESTION = b"told", b"?"
"""What a broker that holds what it was told answers, and what every broker answers, when asked whether it does."""
_BAD_LOGIN = frozenset({132, 133, 134, 135, 138, 140})
"""Reason codes of MQTT 5 by which a broker refuses who we are or what we speak, as it will tomorrow."""
_LATER = frozenset({128, 131, 145, 147, 151})
"""Those by which it refuses a message for reasons of its own that pass, such as a quota that is used up."""


class MqttNotifier:
    """Publishes to brokers (settings as `MqttSettings`); see Notifier.

    One connection for each channel is kept open, so that the broker knows, and tells by our last will, whether we live.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        """Give each message `timeout_s` seconds from connecting to the broker's acknowledgement."""
        self._timeout_s = timeout_s
        self._gate = threading.Lock()
        self._links: dict[str, _Link] = {}
        self._closed = False

    def send(self, channel: Channel, notification: Notification) -> Receipt:
        """Publish the picture, the event, and what it changes of the entities; see Notifier."""
        topic, discovery = channel.settings.get("topic", "face-server"), channel.settings.get("discovery", "")
        event = _event(topic, notification.event_id, notification.text, _sighting_of(notification))
        picture = () if notification.picture is None else (Publication(f"{topic}/picture", notification.picture),)
        entities = home_assistant.of_sighting(topic, discovery, notification.sighting, notification.called)
        self._publish(channel, (*picture, *entities, event))
        return Receipt("The broker acknowledged it.")

    def send_together(self, channel: Channel, digest: Digest) -> Receipt:
        """Publish one event of all sightings, and what the last of each changes of the entities; see Notifier."""
        topic, discovery = channel.settings.get("topic", "face-server"), channel.settings.get("discovery", "")
        changes = [
            publication
            for entry in digest.entries
            for publication in home_assistant.of_sighting(topic, discovery, entry.sighting, entry.called)
        ]
        told = [{"event_id": entry.event_id, "sighting": sighting_document(entry.sighting)} for entry in digest.entries]
        event = _event(topic, digest.event_id, digest.text, {"type": "digest", "sighting": None, "sightings": told})
        self._publish(channel, (*home_assistant.latest(changes), event))
        return Receipt("The broker acknowledged it.")

    def report(self, channel: Channel, cameras: Sequence[CameraOnline], past: Callable[[], Iterable[LastSeen]]) -> None:
        """Tell which cameras are online, where that changed, and a broker that forgot it what `past` answers.

        Raises as `send`. What is being sent meanwhile goes on, whatever the broker says to this.
        """
        topic, discovery = channel.settings.get("topic", "face-server"), channel.settings.get("discovery", "")
        link, deadline = self._link(channel), time.monotonic() + self._timeout_s
        link.publish(home_assistant.of_cameras(topic, discovery, cameras), deadline)
        if link.has_forgotten:
            missed = home_assistant.of_past(topic, discovery, past(), cameras)
            for start in range(0, len(missed), _PORTION):
                link.repeat(missed[start : start + _PORTION], deadline)
            # Last: a broker that was not told everything is told it the next time.
            link.publish([Publication(home_assistant.told_topic(topic), _TOLD, retain=True)], deadline)

    def keep_only(self, channel_ids: Collection[str]) -> None:
        """Say good-bye to the brokers of all other channels, and forget what lets us in there."""
        with self._gate:
            gone = [self._links.pop(channel_id) for channel_id in self._links.keys() - set(channel_ids)]
        for link in gone:
            link.close()

    def close(self, within_s: float = CLOSING_S) -> None:
        """Break off what is being sent and say good-bye to every broker; see Notifier.

        To all at once: one that does not answer is left after `within_s` seconds, and holds up no other.
        """
        with self._gate:
            self._closed = True
            links, self._links = list(self._links.values()), {}
        deadline = time.monotonic() + within_s
        leaving = [threading.Thread(target=link.close, name="mqtt-good-bye", daemon=True) for link in links]
        for thread in leaving:
            thread.start()
        for thread in leaving:
            thread.join(max(0.0, deadline - time.monotonic()))
        hanging = sum(thread.is_alive() for thread in leaving)
        if hanging:
            logger.warning("The connections to %s brokers hang and are abandoned.", hanging)

    def _publish(self, channel: Channel, publications: Iterable[Publication]) -> None:
        link = self._link(channel)
        try:
            link.publish(publications, time.monotonic() + self._timeout_s)
        except DeliveryError:
            # With it goes what it still holds: the next attempt must not send that a second time.
            self._drop(channel, link)
            raise

    def _link(self, channel: Channel) -> "_Link":
        with self._gate:
            if self._closed:
                raise DeliveryDelayed("The service is stopping.")
            link = self._links.get(channel.channel_id)
            if link is not None and link.settings == dict(channel.settings) and not link.ended:
                return link
            fresh = self._links[channel.channel_id] = _Link(channel.settings, self._timeout_s)
        if link is not None:
            link.close()
        return fresh

    def _drop(self, channel: Channel, link: "_Link") -> None:
        with self._gate:
            if self._links.get(channel.channel_id) is link:
                del self._links[channel.channel_id]
        link.close()


@dataclass(slots=True)
class _State:
    """What the library's thread has told of a connection; guarded by the link's condition."""

    connected: bool = False
    closed: bool = False
    problem: DeliveryError | None = None
    questioned: bool = False
    """Whether our question has come back, and before it all that the broker holds on the question's topic."""
    remembers: bool = False


class _Link:
    """One connection to a broker, never made anew; safe to use from any thread."""

    def __init__(self, settings: Mapping[str, str], timeout_s: float) -> None:
        """Begin to connect; raises DeliveryRefused where the settings cannot be used."""
        self.settings = dict(settings)
        self._topic = settings.get("topic", "face-server")
        self._handing = threading.Lock()
        """Held while something is handed over. The library's thread must never wait for it: it has locks of its own."""
        self._told: dict[str, bytes] = {}
        """What was handed over last on each retained topic; guarded by `_handing`."""
        self._changed = threading.Condition()
        self._state = _State()
        self._answered: dict[int, ReasonCode] = {}
        self._unasked: set[int] = set()
        """The numbers of what nobody waits for an answer to; guarded by the condition."""
        self._client = self._make_client(timeout_s)
        self._client.connect_async(settings["host"], int(settings.get("port", "1883")), _KEEPALIVE_S)
        self._client.loop_start()

    @property
    def ended(self) -> bool:
        """Whether nothing can be published here any more."""
        with self._changed:
            return self._state.closed or self._state.problem is not None

    @property
    def has_forgotten(self) -> bool:
        """Whether the broker is known not to hold what it was told in former connections.

        One that does not let us read what it holds is not known to: it is told nothing again.
        """
        with self._changed:
            return self._state.questioned and not self._state.remembers

    def publish(self, publications: Iterable[Publication], deadline: float) -> None:
        """Publish these in their order and wait for the broker's word on each.

        What is retained is published only where it differs from the last time in this connection.
        """
        self._publish(publications, deadline, self._is_news)

    def repeat(self, publications: Iterable[Publication], deadline: float) -> None:
        """Publish these as `publish`, but for topics that something was published on: that is newer."""
        self._publish(publications, deadline, self._is_untold)

    def close(self) -> None:
        """Say good-bye and end the connection; whoever waits for it gets DeliveryDelayed."""
        with self._changed:
            self._state.closed = True
            self._changed.notify_all()
        if self._client.is_connected():
            # Ours to say: the last will is only for when we cannot.
            self._client.publish(self._status_topic, b"offline", 1, retain=True)
        self._client.disconnect()
        self._client.loop_stop()
        # Without a way back from the library to us, its sockets are closed now and not when the garbage is collected.
        self._client.on_connect = self._client.on_connect_fail = None
        self._client.on_disconnect = self._client.on_publish = self._client.on_message = None

    @property
    def _status_topic(self) -> str:
        return home_assistant.status_topic(self._topic)

    def _make_client(self, timeout_s: float) -> Client:
        # After a loss nobody knows what the broker still holds: a new link begins anew.
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False)
        client.connect_timeout = min(timeout_s, _CONNECTING_S)
        # The library would log what it publishes.
        client.disable_logger()
        client.will_set(self._status_topic, b"offline", 1, retain=True)
        if self.settings.get("username"):
            client.username_pw_set(self.settings["username"], self.settings.get("password"))
        if self.settings.get("tls") == "true":
            client.tls_set_context(_tls(self.settings.get("ca_file")))
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _publish(
        self, publications: Iterable[Publication], deadline: float, wanted: Callable[[Publication], bool]
    ) -> None:
        self._wait(lambda: self._state.connected, deadline)
        with self._handing:
            sent = {self._hand_over(publication): publication for publication in publications if wanted(publication)}
        try:
            self._wait(lambda: self._answered.keys() >= sent.keys(), deadline)
        finally:
            answers = self._take_answers(sent.keys())
            taken = {number for number, answer in answers.items() if not answer.is_failure}
            self._untell(publication for number, publication in sent.items() if number not in taken)
        refusal = next((answer for answer in answers.values() if answer.is_failure), None)
        if refusal is not None:
            kind = DeliveryDelayed if refusal.value in _LATER else DeliveryRefused
            raise kind(f"The broker refuses: {refusal}.")

    def _is_news(self, publication: Publication) -> bool:
        return not publication.retain or self._told.get(publication.topic) != publication.payload

    def _is_untold(self, publication: Publication) -> bool:
        return publication.topic not in self._told

    def _take_answers(self, numbers: AbstractSet[int]) -> dict[int, ReasonCode]:
        with self._changed:
            answers = {number: self._answered.pop(number) for number in numbers & self._answered.keys()}
            self._unasked |= numbers - answers.keys()
        return answers

    def _untell(self, publications: Iterable[Publication]) -> None:
        """Have what the broker did not take published the next time, unless something else was since."""
        with self._handing:
            for publication in publications:
                if self._told.get(publication.topic) == publication.payload:
                    del self._told[publication.topic]

    def _hand_over(self, publication: Publication) -> int:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # the library's own
        if publication.expires:
            properties.MessageExpiryInterval = int(EXPIRY.total_seconds())
        info = self._client.publish(publication.topic, publication.payload, 1, publication.retain, properties)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise DeliveryDelayed("The connection to the broker was lost.")
        if publication.retain:
            self._told[publication.topic] = publication.payload
        return info.mid

    def _wait(self, done: Callable[[], bool], deadline: float) -> None:
        with self._changed:
            state = self._state
            ended = self._changed.wait_for(
                lambda: done() or state.closed or state.problem is not None, max(0.0, deadline - time.monotonic())
            )
            if state.problem is not None:
                raise state.problem
            if state.closed:
                raise DeliveryDelayed("The connection to the broker was closed.")
            if not ended:
                raise DeliveryDelayed("The broker did not answer in time.")

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        unasked = set() if reason.is_failure else self._begin(client)
        with self._changed:
            self._unasked |= unasked
            self._state.problem = _problem_of_login(reason)
            self._state.connected = not reason.is_failure
            self._changed.notify_all()

    def _begin(self, client: Client) -> set[int]:
        """Say that we are there, and ask what the broker holds; answers the numbers of what it published for that."""
        told = home_assistant.told_topic(self._topic)
        online = client.publish(self._status_topic, b"online", 1, retain=True)
        client.subscribe(told, 1)
        # We hear our own question, but only after what was retained on its topic.
        return {online.mid, client.publish(told, _QUESTION, 1).mid}

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        self._fail("The broker cannot be reached.")

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, _reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._fail("The connection to the broker was lost.")

    def _on_publish(
        self, _client: Client, _data: Any, number: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        with self._changed:
            if number in self._unasked:
                self._unasked.discard(number)
                return
            self._answered[number] = reason
            self._changed.notify_all()

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        with self._changed:
            self._state.remembers |= message.payload == _TOLD
            self._state.questioned |= message.payload == _QUESTION

    def _fail(self, words: str) -> None:
        with self._changed:
            self._state.connected = False
            self._state.problem = self._state.problem or DeliveryDelayed(words)
            self._changed.notify_all()


def _problem_of_login(reason: ReasonCode) -> DeliveryError | None:
    if not reason.is_failure:
        return None
    kind = DeliveryRefused if reason.value in _BAD_LOGIN else DeliveryDelayed
    return kind(f"The broker does not let us in: {reason}.")


def _tls(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        raise DeliveryRefused("The file with the authorities to trust cannot be read.") from None


def _event(topic: str, event_id: str, text: str, about: Mapping[str, Any]) -> Publication:
    now = datetime.now(UTC)
    values = {"event_id": event_id, "time": now.isoformat(), "expires_at": (now + EXPIRY).isoformat(), "text": text}
    payload = json.dumps(values | dict(about), ensure_ascii=False).encode()
    return Publication(f"{topic}/events", payload, expires=True)


def _sighting_of(notification: Notification) -> dict[str, Any]:
    sighting = notification.sighting
    if sighting is None:
        return {"type": "test", "sighting": None, "sightings": []}
    return {"type": "sighting", "sighting": sighting_document(sighting), "sightings": []}
