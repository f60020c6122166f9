"""Too many messages at once become few that tell of all, in their order, and each delivery knows in which it went."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from backend.domain.notification import ChannelKind, Delivery, DeliveryState
from backend.domain.sighting import Sighting
from backend.notifications.bursts import GATHERING, MINUTE, Plan, plan
from backend.notifications.dispatcher import GIVE_UP_AFTER, Dispatcher
from backend.notifications.message import digest_text
from backend.notifications.telegram.bot import TelegramNotifier
from backend.notifications.trace import trace_of
from backend.storage import outbox, sightings
from tests.rig.bot_api import BotApi, Cut, Refused
from tests.rig.watching import wait_until
from tests.unit.notifications.situations import NOON, Home, a_home, a_sighting

CHAT = "-1001"
STOP_S = 60.0
SECOND = timedelta(seconds=1)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with a_home(tmp_path) as home:
        yield home


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@contextmanager
def dispatching(
    home: Home, api: BotApi, most_per_minute: int, give_up_after: timedelta = GIVE_UP_AFTER
) -> Iterator[Dispatcher]:
    with closing(TelegramNotifier(api.url)) as notifier:
        dispatcher = Dispatcher(
            home.database,
            home.snapshots,
            {ChannelKind.TELEGRAM: notifier},
            NOON.tzinfo,
            give_up_after,
            most_per_minute=most_per_minute,
        )
        dispatcher.start()
        try:
            yield dispatcher
        finally:
            dispatcher.stop(STOP_S)


def a_phone(home: Home, api: BotApi) -> str:
    return home.channel({"api_token": api.token, "chat_id": CHAT})


def deliveries(home: Home) -> list[Delivery]:
    """Every delivery, the oldest first."""
    with home.database.read() as tx:
        return outbox.page(tx, None, None, None, 200)[::-1]


def texts(api: BotApi) -> list[str]:
    """What each message that arrived says."""
    return [
        json.loads(call.params["media"])[0]["caption"]
        if "media" in call.params
        else call.params.get("caption") or call.params["text"]
        for call in api.calls(delivered=True)
    ]


@pytest.mark.parametrize(
    ("seconds_ago", "waiting", "expected"),
    [
        ([], 1, Plan(together=False, not_before=NOON)),
        ([], 3, Plan(together=False, not_before=NOON)),
        ([], 4, Plan(together=True, not_before=NOON)),
        ([30, 20], 1, Plan(together=False, not_before=NOON)),
        ([30, 20], 2, Plan(together=True, not_before=NOON)),
        ([30, 20, 4], 1, Plan(together=False, not_before=NOON - 4 * SECOND + GATHERING)),
        ([30, 20, 4], 2, Plan(together=True, not_before=NOON - 4 * SECOND + GATHERING)),
        ([70, 65, 61], 2, Plan(together=False, not_before=NOON)),
    ],
)
def test_beyond_three_a_minute_what_waits_goes_together(seconds_ago: list[int], waiting: int, expected: Plan) -> None:
    sent = [NOON - seconds * SECOND for seconds in seconds_ago]
    assert plan(sent, waiting, 3, NOON) == expected


def test_what_waits_is_never_held_back_longer_than_it_takes_to_gather() -> None:
    assert GATHERING < MINUTE / 4
    assert plan([NOON] * 20, 50, 20, NOON).not_before - NOON == GATHERING


def test_fifty_sightings_at_once_are_one_album_that_names_all_of_them(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    names = [f"person{number}" for number in range(50)]
    for name in names:
        home.see(name, phone)
    with dispatching(home, api, most_per_minute=20):
        (call,) = api.wait_for("sendMediaGroup", delivered=True)
    assert len(api.calls(delivered=True)) == 1
    assert len(call.files) == 10
    (text,) = texts(api)
    assert [word for word in text.replace(",", "").split() if word.startswith("person")] == names
    (digest_id,) = {delivery.digest_id for delivery in deliveries(home)}
    assert {told.state for told in home.told()} == {DeliveryState.DELIVERED}
    with home.database.read() as tx:
        tries = outbox.attempts_of(tx, [delivery.delivery_id for delivery in deliveries(home)])
    assert len(tries) == 50
    assert all(attempt.answer.startswith(f"In digest {digest_id} of 50: Telegram took it") for attempt in tries)


def test_the_trace_of_each_says_in_which_digest_it_went(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    seen = [home.see(None, phone) for _ in range(3)]
    with dispatching(home, api, most_per_minute=1):
        api.wait_for("sendMediaGroup", delivered=True)
    for sighting in seen:
        trace = trace_of(home.database, sighting.sighting_id, None)
        assert f"delivered. In digest {trace.deliveries[0].digest_id} of 3: Telegram took it" in trace.words[-1]


def test_a_few_go_one_by_one(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    for name in ("alice", "bob", "carol"):
        home.see(name, phone)
    with dispatching(home, api, most_per_minute=3):
        calls = api.wait_for("sendPhoto", 3, delivered=True)
    assert [call.params["caption"].split()[0] for call in calls] == ["alice", "bob", "carol"]
    assert {delivery.digest_id for delivery in deliveries(home)} == {None}


def test_a_digest_that_failed_is_the_same_at_its_next_attempt_and_what_came_later_follows(
    home: Home, api: BotApi
) -> None:
    phone = a_phone(home, api)
    api.script([Cut()])
    for name in ("alice", "bob"):
        home.see(name, phone)
    with dispatching(home, api, most_per_minute=1) as dispatcher:
        api.wait_for("sendMediaGroup")
        home.see("carol", phone)
        dispatcher.wake()
        api.wait_for("sendMediaGroup", 2)
    first, second = (json.loads(call.params["media"])[0]["caption"] for call in api.calls("sendMediaGroup"))
    assert first == second
    alice, bob, carol = deliveries(home)
    assert (alice.digest_id, alice.attempts, alice.state) == (bob.digest_id, 2, DeliveryState.DELIVERED)
    # The channel has had its one message of this minute: the next gathers others for a while.
    assert (carol.digest_id, carol.state) == (None, DeliveryState.PENDING)


def test_a_digest_survives_a_restart_as_it_is(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    seen = [home.see(name, phone) for name in ("alice", "bob")]
    with home.database.write() as tx:
        digest_id = outbox.put_together(tx, phone, 50)
    home.see("carol", phone)
    with dispatching(home, api, most_per_minute=100):
        api.wait_for("sendPhoto", delivered=True)
    assert [call.method for call in api.calls(delivered=True)] == ["sendMediaGroup", "sendPhoto"]
    told = deliveries(home)
    assert [delivery.digest_id for delivery in told] == [digest_id, digest_id, None]
    assert [delivery.sighting_id for delivery in told[:2]] == [sighting.sighting_id for sighting in seen]


def test_a_refused_digest_fails_each_of_its_messages_which_can_be_sent_again_alone(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    api.script([Refused(400, "Bad Request: chat not found")])
    for name in ("alice", "bob"):
        home.see(name, phone)
    with dispatching(home, api, most_per_minute=1) as dispatcher:
        api.wait_for("sendMediaGroup")
        wait_until(lambda: {told.state for told in home.told()} == {DeliveryState.FAILED})
        with home.database.write() as tx:
            outbox.send_again(tx, deliveries(home)[1].delivery_id)
        dispatcher.wake()
        (call,) = api.wait_for("sendPhoto", delivered=True)
    assert call.params["caption"].startswith("bob")
    assert [told.state for told in home.told()] == [DeliveryState.FAILED, DeliveryState.DELIVERED]


def test_a_digest_is_given_up_when_its_last_message_is_too_old(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    api.script([Cut()])
    for name in ("alice", "bob"):
        home.see(name, phone)
    with dispatching(home, api, 1, give_up_after=timedelta(0)):
        api.wait_for("sendMediaGroup")
    assert {told.state for told in home.told()} == {DeliveryState.FAILED}


def test_a_picture_of_an_album_can_be_answered_and_is_not_changed_afterwards(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    seen = [home.see(None, phone) for _ in range(2)]
    with dispatching(home, api, most_per_minute=1) as dispatcher:
        (call,) = api.wait_for("sendMediaGroup", delivered=True)
        with home.database.write() as tx:
            sightings.relabel(tx, seen[1].sighting_id, "alice")
        dispatcher.wake()
    with home.database.read() as tx:
        assert outbox.sighting_of(tx, [phone], str((call.message_id or 0) + 1)) == seen[1].sighting_id
        assert outbox.outdated(tx, NOON) == []
    assert api.calls("editMessageMedia") == []


def test_sightings_without_pictures_are_told_in_words(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    for name in ("alice", "bob"):
        home.see(name, phone, picture=None)
    with dispatching(home, api, most_per_minute=1):
        (call,) = api.wait_for("sendMessage", delivered=True)
    assert call.params["text"].startswith("2 visits")


def test_one_picture_among_several_visits_is_shown_with_the_text(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    for picture in ({}, {"picture": None}):
        home.see("alice", phone, **picture)
    with dispatching(home, api, most_per_minute=1):
        (call,) = api.wait_for("sendPhoto", delivered=True)
    assert call.params["caption"].startswith("2 visits")


def test_names_too_long_for_a_caption_are_told_in_a_message_of_words(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    for number in range(50):
        home.see(f"{number} {'x' * 100}", phone, **({} if number < 2 else {"picture": None}))
    with dispatching(home, api, most_per_minute=1):
        (call,) = api.wait_for("sendMessage", delivered=True)
    assert [number for number in range(50) if f" {number} xxx" in call.params["text"]] == list(range(50))
    assert len(call.params["text"]) < 4096


def test_a_sighting_that_is_gone_leaves_the_digest_to_the_others(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    for name in ("alice", "bob", "carol"):
        home.see(name, phone)
    home.sql("DELETE FROM sightings WHERE person_id = 'bob'")
    with dispatching(home, api, most_per_minute=1):
        api.wait_for("sendMediaGroup", delivered=True)
    assert "bob" not in texts(api)[0]
    assert [told.state for told in home.told()] == [DeliveryState.DELIVERED] * 2


def test_the_text_has_a_line_for_each_camera_and_says_how_often_who_was_there() -> None:
    def seen(person_id: str | None, minutes: int, camera: str = "Front door") -> tuple[Sighting, str | None]:
        began = NOON + timedelta(minutes=minutes)
        return a_sighting(person_id, started_at=began, camera_nickname=camera), "Alice" if person_id else None

    visits = [seen("alice", 0), seen(None, 1), seen("alice", 4, "Garden"), seen(None, 5)]
    assert digest_text(visits, NOON.tzinfo).splitlines() == [
        "4 visits, Sunday 22 November 2026, 12:00–12:05 UTC",
        "Front door: Alice 12:00, somebody unknown 12:01–12:05 (2 times)",
        "Garden: Alice 12:04",
    ]


def test_fifty_long_names_at_fifty_cameras_fit_into_one_message_and_none_is_lost() -> None:
    visits = [
        (a_sighting(f"{'🙂' * 40}{n}", camera_nickname=f"{n} {'🏡' * 60}"), f"{n} {'🙂' * 60}") for n in range(50)
    ]
    text = digest_text(visits, NOON.tzinfo)
    assert len(text.encode("utf-16-le")) <= 2 * 4096
    assert [line.split()[0] for line in text.splitlines()[1:]] == [str(n) for n in range(50)]
    assert all(f": {n} 🙂" in text for n in range(50))


def test_two_people_whose_long_names_begin_alike_stay_two() -> None:
    visits = [(a_sighting(f"{'x' * 100}{n}"), None) for n in range(2)]
    assert digest_text(visits, NOON.tzinfo).count("12:00") == 2 + 2


def test_each_channel_has_a_pace_of_its_own(home: Home, api: BotApi) -> None:
    busy, calm = a_phone(home, api), home.channel({"api_token": api.token, "chat_id": "-1002"})
    for name in ("alice", "bob"):
        home.see(name, busy)
    home.see("carol", calm)
    with dispatching(home, api, most_per_minute=1):
        api.wait_for("sendMediaGroup", delivered=True)
        (call,) = api.wait_for("sendPhoto", delivered=True)
    assert call.params["caption"].startswith("carol")
