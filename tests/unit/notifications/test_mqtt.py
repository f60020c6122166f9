"""What is MQTT's own: a real broker, what it keeps and what it does not, and what Home Assistant finds."""

import gc
import json
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from backend.domain.errors import DeliveryDelayed, DeliveryRefused
from backend.domain.notification import Channel, ChannelKind, Digest, DigestEntry, Notification
from backend.notifications.home_assistant import CameraOnline, LastSeen, slug
from backend.notifications.home_states import HomeStates
from backend.notifications.mqtt import MqttNotifier
from backend.storage import channels, outbox, people
from tests.rig.broker import FORBIDDEN, PASSWORD, USER, Broker
from tests.rig.photos import jpeg, person_crop
from tests.rig.tcp_proxy import TcpProxy
from tests.rig.watching import wait_until
from tests.unit.notifications.situations import NOON, Home, a_home, a_sighting

PICTURE = jpeg(person_crop(2))
PATIENT_S, IMPATIENT_S = 20.0, 3.0
"""How long a message may take where it is to arrive, however busy the machine is, and where one is not to."""
FRONT = CameraOnline("front", "Front door", True)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as broker:
        yield broker


@pytest.fixture
def notifier() -> Iterator[MqttNotifier]:
    with closing(MqttNotifier(PATIENT_S)) as notifier:
        yield notifier


def a_channel(port: int, **settings: str) -> Channel:
    values = {"host": "127.0.0.1", "port": str(port), "username": USER, "password": PASSWORD, "topic": "faces"}
    return Channel("home", ChannelKind.MQTT, values | {"discovery": "homeassistant"} | settings)


def nobody() -> list[LastSeen]:
    """Who was seen before: no one."""
    return []


def a_message(person_id: str | None = "alice") -> Notification:
    return Notification("somebody at Front door", PICTURE, "01EVENT", a_sighting(person_id))


def test_an_event_has_its_id_its_time_and_its_expiry(broker: Broker, notifier: MqttNotifier) -> None:
    notifier.send(a_channel(broker.port), a_message())
    (seen,) = broker.wait_for("faces/events")
    event = json.loads(seen.payload)
    assert (event["event_id"], event["sighting"]["person_id"]) == ("01EVENT", "alice")
    assert event["time"] < event["expires_at"]
    assert seen.expiry_s == 300
    assert broker.seen("faces/picture")[0].payload == PICTURE


def test_what_stays_true_is_retained_and_nothing_that_happened(broker: Broker, notifier: MqttNotifier) -> None:
    for person_id in (None, "alice"):
        notifier.send(a_channel(broker.port), a_message(person_id))
    kept = {seen.topic: seen.payload for seen in broker.kept()}
    ours = {topic for topic in kept if topic.startswith("faces/")}
    assert ours == {"faces/status", "faces/person/alice", "faces/camera/front"}
    assert json.loads(kept["faces/person/alice"])["camera"] == "Front door"
    assert all(topic.endswith("/config") for topic in kept.keys() - ours)


def test_the_stranger_is_described_before_the_first_one_comes(broker: Broker, notifier: MqttNotifier) -> None:
    notifier.report(a_channel(broker.port), [], nobody)
    assert [json.loads(seen.payload)["name"] for seen in broker.kept() if seen.topic.endswith("/config")] == [
        "Stranger present"
    ]


def test_home_assistant_finds_the_person_the_camera_and_the_stranger(broker: Broker, notifier: MqttNotifier) -> None:
    for person_id in ("alice", None):
        notifier.send(a_channel(broker.port), a_message(person_id))
    described = {seen.topic: json.loads(seen.payload) for seen in broker.kept() if seen.topic.endswith("/config")}
    assert {entity["name"] for entity in described.values()} == {
        "alice last camera",
        "alice last seen",
        "Front door last person",
        "Front door online",
        "Stranger present",
    }
    assert {entity["availability_topic"] for entity in described.values()} == {"faces/status"}
    states = {seen.topic for seen in broker.seen("faces/")}
    assert {entity["state_topic"] for entity in described.values()} - states == {"faces/camera/front/online"}


def test_what_describes_an_entity_lies_where_home_assistant_looks(broker: Broker, notifier: MqttNotifier) -> None:
    notifier.send(a_channel(broker.port, topic="zürich/faces"), a_message("Zoë Müller"))
    topics = [seen.topic for seen in broker.kept() if seen.topic.startswith("homeassistant/")]
    assert len(topics) == 4
    assert all(re.fullmatch(r"homeassistant/\w+/[a-zA-Z0-9_-]+/[a-zA-Z0-9_-]+/config", topic) for topic in topics)


def test_without_a_discovery_prefix_nothing_is_described(broker: Broker, notifier: MqttNotifier) -> None:
    notifier.send(a_channel(broker.port, discovery=""), a_message())
    assert broker.wait_for("faces/camera/front")
    assert broker.seen("homeassistant") == []


def test_a_camera_is_told_online_when_that_changes(broker: Broker, notifier: MqttNotifier) -> None:
    for online in (True, True, False):
        notifier.report(a_channel(broker.port), [CameraOnline("front", "Front door", online)], nobody)
    assert [seen.payload for seen in broker.wait_for("faces/camera/front/online", 2)] == [b"ON", b"OFF"]


def test_a_good_bye_is_told_and_so_is_a_broken_connection(broker: Broker) -> None:
    with TcpProxy(broker.port) as proxy:
        with closing(MqttNotifier(PATIENT_S)) as notifier:
            notifier.send(a_channel(broker.port), a_message())
        assert [seen.payload for seen in broker.wait_for("faces/status", 2)] == [b"online", b"offline"]
        with closing(MqttNotifier(PATIENT_S)) as notifier:
            notifier.send(a_channel(proxy.port), a_message())
            proxy.refuse()
            assert [seen.payload for seen in broker.wait_for("faces/status", 4)][2:] == [b"online", b"offline"]


def test_after_a_broken_connection_the_next_message_arrives_once(broker: Broker) -> None:
    with TcpProxy(broker.port) as proxy, closing(MqttNotifier(IMPATIENT_S)) as notifier:
        notifier.send(a_channel(proxy.port), a_message())
        proxy.stall()
        with pytest.raises(DeliveryDelayed):
            notifier.send(a_channel(proxy.port), a_message())
        proxy.cut()
        proxy.heal()
        notifier.send(a_channel(proxy.port), a_message())
        assert len(broker.wait_for("faces/events", 2)) == 2


@contextmanager
def telling(home: Home, notifier: MqttNotifier, cameras: Callable[[], list[CameraOnline]]) -> Iterator[None]:
    """Home Assistant is kept told of what `cameras` answers."""
    states = HomeStates(home.database, notifier, cameras, interval_s=0.02)
    states.start()
    try:
        yield
    finally:
        states.stop(5.0)


@contextmanager
def kept_told(home: Home, notifier: MqttNotifier, *cameras: CameraOnline) -> Iterator[list[int]]:
    """Home Assistant is told of these cameras, and of what was before; gives a list that grows at each look."""
    looks: list[int] = []

    def look() -> list[CameraOnline]:
        looks.append(1)
        return list(cameras)

    with telling(home, notifier, look):
        yield looks


def a_home_that_told(home: Home, port: int, *person_ids: str) -> str:
    """Have these people enrolled and told of over MQTT, one after the other; answers the channel's id."""
    with home.database.write() as tx:
        channel_id = channels.add(tx, ChannelKind.MQTT, a_channel(port).settings, "Home")
        people.add_many(tx, person_ids)
    for number, person_id in enumerate(person_ids):
        sighting = home.see(person_id, channel_id, picture=None, sighting_id=f"01{number}")
        with home.database.write() as tx:
            (delivery,) = outbox.of_sighting(tx, sighting.sighting_id)
            outbox.delivered(tx, delivery.delivery_id, None, sighting, NOON)
    return channel_id


def wait_for_all(broker: Broker) -> dict[str, bytes]:
    """Wait until the broker was told everything; answers what it holds."""
    wait_until(lambda: b"told" in [seen.payload for seen in broker.seen("faces/told")])
    return {seen.topic: seen.payload for seen in broker.kept()}


@pytest.mark.parametrize("process", ["the same", "another"])
def test_a_broker_that_comes_back_empty_is_told_it_again(tmp_path: Path, notifier: MqttNotifier, process: str) -> None:
    with a_home(tmp_path) as home, closing(MqttNotifier(PATIENT_S)) as another:
        with Broker(tmp_path) as broker:
            a_home_that_told(home, broker.port, "alice", "bob")
            with kept_told(home, notifier, FRONT):
                held = wait_for_all(broker)
        assert {"faces/person/alice", "faces/person/bob", "faces/camera/front", "faces/camera/front/online"} <= set(
            held
        )
        assert json.loads(held["faces/camera/front"])["person"] == "bob"
        with (
            Broker(tmp_path, port=broker.port) as broker,
            kept_told(home, notifier if process == "the same" else another, FRONT),
        ):
            assert wait_for_all(broker) == held
            # Nor is what happened before told as news.
            assert broker.seen("faces/events") == []


def test_who_is_gone_is_not_told_again(tmp_path: Path, notifier: MqttNotifier) -> None:
    with a_home(tmp_path) as home:
        with Broker(tmp_path) as broker:
            a_home_that_told(home, broker.port, "alice", "bob")
            with kept_told(home, notifier, FRONT):
                wait_for_all(broker)
        with home.database.write() as tx:
            people.remove(tx, "bob")
        with Broker(tmp_path, port=broker.port) as broker, kept_told(home, notifier):
            held = wait_for_all(broker)
        assert "faces/person/alice" in held
        assert [topic for topic in held if re.search("bob|/camera[/_]", topic)] == []


def test_a_broker_that_forgot_nothing_is_told_of_nobody_again(
    tmp_path: Path, broker: Broker, notifier: MqttNotifier
) -> None:
    with (
        a_home(tmp_path) as home,
        closing(MqttNotifier(PATIENT_S)) as another,
        TcpProxy(broker.port) as proxy,
    ):
        a_home_that_told(home, proxy.port, "alice")
        for connection, by in enumerate([notifier, notifier, another], 1):
            with kept_told(home, by, FRONT) as looks:
                broker.wait_for("faces/camera/front/online", connection)
                wait_for_all(broker)
                looked = len(looks)
                wait_until(lambda looks=looks, looked=looked: len(looks) > looked + 5)  # type: ignore[misc]
            proxy.cut()
        assert (
            len(broker.seen("faces/person/alice")) == len(broker.seen("homeassistant/sensor/faces/person_alice_s")) == 1
        )


def test_what_was_before_takes_the_place_of_nothing_newer(broker: Broker, notifier: MqttNotifier) -> None:
    channel = a_channel(broker.port)
    before = a_sighting("alice", started_at=NOON - timedelta(hours=1))
    notifier.send(channel, a_message("alice"))

    def is_told() -> bool:
        notifier.report(channel, [FRONT], lambda: [LastSeen(before, None)])
        return b"told" in [seen.payload for seen in broker.seen("faces/told")]

    wait_until(is_told)
    for topic in ("faces/person/alice", "faces/camera/front"):
        (state,) = (seen.payload for seen in broker.seen(topic) if seen.topic == topic)
        assert json.loads(state)["seen_at"] == NOON.isoformat()


def test_a_report_that_is_refused_breaks_nothing_off(broker: Broker, notifier: MqttNotifier) -> None:
    channel = a_channel(broker.port, discovery=FORBIDDEN)
    for _ in range(2):
        with pytest.raises(DeliveryRefused):
            notifier.report(channel, [FRONT], nobody)
    notifier.send(channel, Notification("a test", None, "01EVENT"))
    assert broker.wait_for("faces/events")
    assert len(broker.seen("faces/status")) == 1


def test_the_broker_of_a_channel_that_is_gone_is_left(tmp_path: Path, broker: Broker, notifier: MqttNotifier) -> None:
    with a_home(tmp_path) as home:
        channel_id = a_home_that_told(home, broker.port, "alice")
        with kept_told(home, notifier, FRONT):
            broker.wait_for("faces/camera/front/online")
            with home.database.write() as tx:
                channels.remove(tx, channel_id)
            assert [seen.payload for seen in broker.wait_for("faces/status", 2)] == [b"online", b"offline"]


@contextmanager
def answering(data: bytes) -> Iterator[int]:
    """A server that answers every first word with these bytes and hangs up; gives its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1024)
            self.request.sendall(data)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x20\x09\x00\x00\x06", id="half of a welcome"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="another protocol"),
        pytest.param(b"\xff" * 64, id="garbage"),
    ],
)
def test_what_is_no_answer_of_a_broker_delays_the_message(notifier: MqttNotifier, answer: bytes) -> None:
    with answering(answer) as port, pytest.raises(DeliveryDelayed):
        notifier.send(a_channel(port), a_message())


def test_a_burst_is_one_event_and_the_last_state_of_each_entity(broker: Broker, notifier: MqttNotifier) -> None:
    seen = [a_sighting(person_id, sighting_id=f"01{n}") for n, person_id in enumerate(["alice", None, "alice"])]
    entries = tuple(DigestEntry(f"e{n}", sighting, PICTURE, "Alice") for n, sighting in enumerate(seen))
    notifier.send_together(a_channel(broker.port), Digest("3 visits", entries, "01DIGEST"))
    (published,) = broker.wait_for("faces/events")
    event = json.loads(published.payload)
    assert (event["type"], event["event_id"], event["text"], event["sighting"]) == (
        "digest",
        "01DIGEST",
        "3 visits",
        None,
    )
    assert [(told["event_id"], told["sighting"]["sighting_id"]) for told in event["sightings"]] == [
        ("e0", "010"),
        ("e1", "011"),
        ("e2", "012"),
    ]
    assert len(broker.seen("faces/person/alice")) == len(broker.seen("faces/stranger")) == 1
    assert [json.loads(state.payload)["person"] for state in broker.seen("faces/camera/front")] == ["Alice"]


def test_home_assistant_calls_people_by_their_display_names(broker: Broker, notifier: MqttNotifier) -> None:
    notifier.send(a_channel(broker.port), Notification("", None, "01EVENT", a_sighting("alice"), "Alice Example"))
    described = [json.loads(seen.payload)["name"] for seen in broker.kept() if seen.topic.endswith("/config")]
    assert {"Alice Example last camera", "Alice Example last seen"} <= set(described)
    state = json.loads(broker.wait_for("faces/camera/front")[0].payload)
    assert (state["person"], state["person_id"]) == ("Alice Example", "alice")


def test_a_topic_that_is_not_ours_is_refused(broker: Broker, notifier: MqttNotifier) -> None:
    with pytest.raises(DeliveryRefused, match="refuses"):
        notifier.send(a_channel(broker.port, topic=FORBIDDEN), a_message())


def test_settings_that_change_count_from_the_next_message(broker: Broker, notifier: MqttNotifier) -> None:
    notifier.send(a_channel(broker.port), a_message())
    notifier.send(a_channel(broker.port, topic="other"), a_message())
    assert broker.wait_for("other/events")


# The library leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_over_tls_the_broker_must_be_vouched_for(tmp_path: Path, notifier: MqttNotifier) -> None:
    with Broker(tmp_path, tls=True) as broker:
        notifier.send(a_channel(broker.port, tls="true", ca_file=str(broker.ca_file)), a_message())
        assert broker.wait_for("faces/events")
        with pytest.raises(DeliveryDelayed):
            notifier.send(a_channel(broker.port, tls="true"), a_message())
        gc.collect()


def test_a_file_of_authorities_that_cannot_be_read_is_refused(notifier: MqttNotifier) -> None:
    with pytest.raises(DeliveryRefused, match="cannot be read"):
        notifier.send(a_channel(1, tls="true", ca_file="/nowhere"), a_message())


def test_an_end_leaves_no_thread_behind(broker: Broker) -> None:
    before = set(threading.enumerate())
    with closing(MqttNotifier(PATIENT_S)) as notifier:
        notifier.send(a_channel(broker.port), a_message())
        assert set(threading.enumerate()) - before
    assert not set(threading.enumerate()) - before


@pytest.mark.parametrize(("person_id", "part"), [("alice", "alice"), ("a/b", "a_b_c14cddc0"), ("+", "__a318c242")])
def test_an_id_becomes_a_part_of_a_topic_and_stays_its_own(person_id: str, part: str) -> None:
    assert slug(person_id) == part


def test_home_assistant_is_kept_told_which_cameras_are_online(
    tmp_path: Path, broker: Broker, notifier: MqttNotifier
) -> None:
    online = threading.Event()
    with a_home(tmp_path) as home:
        with home.database.write() as tx:
            channels.add(tx, ChannelKind.MQTT, a_channel(broker.port).settings, "Home")
        with telling(home, notifier, lambda: [CameraOnline("front", "Front door", online.is_set())]):
            broker.wait_for("faces/camera/front/online")
            online.set()
            assert [seen.payload for seen in broker.wait_for("faces/camera/front/online", 2)] == [b"OFF", b"ON"]


def test_a_broker_that_is_away_is_told_of_once_in_the_log(
    tmp_path: Path, notifier: MqttNotifier, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[int] = []

    def cameras() -> list[CameraOnline]:
        asked.append(1)
        return []

    with a_home(tmp_path) as home:
        with home.database.write() as tx:
            channels.add(tx, ChannelKind.MQTT, a_channel(9).settings, "Home")
        with telling(home, notifier, cameras):
            wait_until(lambda: len(asked) > 3)
    assert len([line for line in caplog.messages if "not told which cameras" in line]) == 1
