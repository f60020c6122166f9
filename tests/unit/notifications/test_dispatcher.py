"""From the outbox to the phone: at once, in order, again after faults, and never held up by somebody else's."""

import json
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from backend.domain.clock import Clock, utc_now
from backend.domain.notification import ChannelKind, DeliveryState
from backend.notifications.courier import pause_s
from backend.notifications.dispatcher import GIVE_UP_AFTER, Dispatcher
from backend.notifications.telegram.bot import TelegramNotifier
from backend.storage import cameras, channels, outbox
from backend.storage.snapshots import Snapshots
from tests.rig.bot_api import BotApi, Call, Refused, ServerError, Slow, TooManyRequests
from tests.rig.watching import wait_until
from tests.unit.notifications.situations import Home, MovedClock, a_camera, a_home

ALICES, BOBS = "-1001", "-1002"
STOP_S = 60.0
"""How long something may take that will happen, on a busy machine."""


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
    home: Home,
    api: BotApi,
    *,
    stop_s: float = STOP_S,
    give_up_after: timedelta = GIVE_UP_AFTER,
    clock: Clock = utc_now,
) -> Iterator[Dispatcher]:
    """A dispatcher at work; at the end of the block what was being sent is recorded."""
    with closing(TelegramNotifier(api.url)) as notifier:
        by_kind = {ChannelKind.TELEGRAM: notifier}
        dispatcher = Dispatcher(home.database, home.snapshots, by_kind, None, give_up_after, clock=clock)
        dispatcher.start()
        try:
            yield dispatcher
        finally:
            dispatcher.stop(stop_s)


def a_phone(home: Home, api: BotApi, chat_id: str = ALICES) -> str:
    return home.channel({"api_token": api.token, "chat_id": chat_id})


def a_phone_with_a_cooldown(home: Home, api: BotApi, seconds: int) -> str:
    """A phone that the camera at the front door tells, by its own rule."""
    with home.database.write() as tx:
        phone = channels.add(tx, ChannelKind.TELEGRAM, {"api_token": api.token, "chat_id": ALICES})
        cameras.add(tx, a_camera(phone, cooldown_seconds=seconds))
    return phone


def who(calls: list[Call]) -> list[str]:
    """The first word of each message."""
    return [call.params["caption"].split()[0] for call in calls]


class Heard(logging.Handler):
    """Waits for words in the log."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        self.event = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self._words in record.getMessage():
            self.event.set()


@contextmanager
def hearing(words: str) -> Iterator[threading.Event]:
    """Listen to the service's log; the event is set once the words are in it."""
    handler = Heard(words)
    logging.getLogger("backend").addHandler(handler)
    try:
        yield handler.event
    finally:
        logging.getLogger("backend").removeHandler(handler)


def test_a_message_is_sent_once_with_its_picture_when_it_is_written(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    with dispatching(home, api) as dispatcher:
        home.see("alice", phone)
        dispatcher.wake()
        (call,) = api.wait_for("sendPhoto")
    assert call.chat_id == int(ALICES)
    assert call.photo.startswith(b"\xff\xd8")
    assert [told.state for told in home.told()] == [DeliveryState.DELIVERED]


def test_what_an_earlier_run_left_is_sent_at_the_start_in_its_order(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    names = [f"person{number}" for number in range(12)]
    for name in names:
        home.see(name, phone)
    with dispatching(home, api):
        calls = api.wait_for("sendPhoto", len(names))
    assert who(calls) == names


def test_a_request_to_wait_is_obeyed_and_keeps_the_order(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    api.script([TooManyRequests(retry_after=1)])
    for name in ("alice", "bob"):
        home.see(name, phone)
    with dispatching(home, api):
        calls = api.wait_for("sendPhoto", 3)
    assert who(calls) == ["alice", "alice", "bob"]
    # The server's stamp precedes the moment from which we count; the margin is for two different clocks.
    assert calls[1].at - calls[0].at >= 0.99
    assert [told.attempts for told in home.told()] == [2, 1]


def test_a_time_to_wait_lasts_through_a_restart(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    api.script([TooManyRequests(retry_after=1)])
    home.see("alice", phone)
    with dispatching(home, api):
        refused = api.wait_for("sendPhoto")[0]
    home.see("bob", phone)
    with dispatching(home, api):
        calls = api.wait_for("sendPhoto", 3)
    assert who(calls) == ["alice", "alice", "bob"]
    assert calls[1].at - refused.at >= 0.99


def test_a_fault_is_tried_again_until_it_is_over(home: Home, api: BotApi) -> None:
    api.script([ServerError(500)])
    home.see("alice", a_phone(home, api))
    with dispatching(home, api):
        api.wait_for("sendPhoto", delivered=True)
    (told,) = home.told()
    assert (told.state, told.attempts, told.last_error) == (DeliveryState.DELIVERED, 2, None)


def test_a_dead_channel_delays_no_other(home: Home, api: BotApi) -> None:
    dead, alive = a_phone(home, api, ALICES), a_phone(home, api, BOBS)
    api.script([Slow(60.0)])
    with dispatching(home, api, stop_s=0.2) as dispatcher:
        home.see("alice", dead)
        dispatcher.wake()
        api.wait_for("sendPhoto")
        for name in ("bob", "carol"):
            home.see(name, alive)
        home.see("dave", dead)
        dispatcher.wake()
        calls = api.wait_for("sendPhoto", 3)
    assert [(call.chat_id, name) for call, name in zip(calls, who(calls), strict=True)] == [
        (int(ALICES), "alice"),
        (int(BOBS), "bob"),
        (int(BOBS), "carol"),
    ]


def test_a_delayed_channel_delays_no_other(home: Home, api: BotApi) -> None:
    waiting, free = a_phone(home, api, ALICES), a_phone(home, api, BOBS)
    api.script([TooManyRequests(retry_after=3600)])
    with dispatching(home, api) as dispatcher:
        home.see("alice", waiting)
        dispatcher.wake()
        api.wait_for("sendPhoto")
        home.see("bob", waiting)
        home.see("carol", free)
        dispatcher.wake()
        assert who(api.wait_for("sendPhoto", 2)) == ["alice", "carol"]
    states = [told.state for told in home.told()]
    assert states == [DeliveryState.PENDING, DeliveryState.PENDING, DeliveryState.DELIVERED]


def test_a_refused_message_fails_with_its_reason_and_lets_the_next_pass(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    api.script([Refused(403, "Forbidden: bot was blocked by the user")])
    for name in ("alice", "bob"):
        home.see(name, phone)
    with dispatching(home, api):
        api.wait_for("sendPhoto", delivered=True)
    refused, taken = home.told()
    assert (refused.state, taken.state) == (DeliveryState.FAILED, DeliveryState.DELIVERED)
    assert "bot was blocked by the user" in (refused.last_error or "")


def test_a_message_too_old_for_another_attempt_is_given_up(home: Home, api: BotApi) -> None:
    api.script([ServerError(500)])
    home.see("alice", a_phone(home, api))
    with hearing("Given up at attempt 1") as given_up, dispatching(home, api, give_up_after=timedelta(0)):
        assert given_up.wait(STOP_S)
    (told,) = home.told()
    assert told.state == DeliveryState.FAILED


@pytest.mark.parametrize("wait", [10**9, 10**400])
def test_a_channel_that_wants_to_be_left_alone_for_ever_is_tried_last_when_its_message_is_given_up(
    home: Home, api: BotApi, wait: int
) -> None:
    phone = a_phone(home, api)
    api.script([TooManyRequests(wait), ServerError(500)])
    for name in ("alice", "bob"):
        home.see(name, phone)
    clock = MovedClock(utc_now())
    with (
        hearing("again in") as put_off,
        hearing("Given up at attempt 2") as given_up,
        dispatching(home, api, clock=clock) as dispatcher,
    ):
        assert put_off.wait(STOP_S)
        with home.database.read() as tx:
            (waiting,) = outbox.heads(tx)
        assert waiting.next_attempt_at - waiting.created_at == GIVE_UP_AFTER
        clock.now = waiting.next_attempt_at
        dispatcher.wake()
        assert given_up.wait(STOP_S)
    # Nobody behind it was sent to a channel that wanted to be left alone.
    assert who(api.calls("sendPhoto"))[:2] == ["alice", "alice"]


def test_who_was_told_of_while_a_message_waited_is_not_told_of_again(home: Home, api: BotApi) -> None:
    api.script([ServerError(500)])
    phone = a_phone_with_a_cooldown(home, api, 3600)
    for name in ("alice", "alice", "bob", "alice"):
        home.see(name, phone, camera_id="front")
    with dispatching(home, api):
        calls = api.wait_for("sendPhoto", 3)
        wait_until(lambda: DeliveryState.PENDING not in {told.state for told in home.told()})
    assert who(calls) == ["alice", "alice", "bob"]
    assert [told.state for told in home.told()] == ["delivered", "withheld", "delivered", "withheld"]
    assert re.search(r"its cooldown has 3[56]\d\d s left", str(home.told()[1].last_error))


def test_who_was_not_told_of_after_all_is_told_of_by_the_next_message(home: Home, api: BotApi) -> None:
    api.script([Refused(400, "Bad Request: chat not found")])
    phone = a_phone_with_a_cooldown(home, api, 3600)
    for _ in range(2):
        home.see("alice", phone, camera_id="front")
    with dispatching(home, api):
        assert len(api.wait_for("sendPhoto", delivered=True)) == 1
    assert [told.state for told in home.told()] == ["failed", "delivered"]


def test_another_channel_of_the_rule_gets_the_message_that_the_first_has_taken(home: Home, api: BotApi) -> None:
    phones = [a_phone_with_a_cooldown(home, api, 3600), home.channel({"api_token": api.token, "chat_id": BOBS})]
    sighting = home.see("alice", phones[0], camera_id="front")
    with home.database.write() as tx:
        outbox.add(tx, sighting.sighting_id, phones[1], ["front"])
    with dispatching(home, api):
        assert {call.chat_id for call in api.wait_for("sendPhoto", 2, delivered=True)} == {int(ALICES), int(BOBS)}


def test_what_a_person_wants_sent_again_is_sent_within_the_cooldown_too(home: Home, api: BotApi) -> None:
    api.script([Refused(400, "Bad Request: chat not found")])
    phone = a_phone_with_a_cooldown(home, api, 3600)
    for _ in range(2):
        home.see("alice", phone, camera_id="front")
    with dispatching(home, api) as dispatcher:
        api.wait_for("sendPhoto", delivered=True)
        wait_until(lambda: [told.state for told in home.told()] == ["failed", "delivered"])
        with home.database.write() as tx:
            outbox.send_again(tx, outbox.page(tx, DeliveryState.FAILED, None, None, 1)[0].delivery_id)
        dispatcher.wake()
        assert len(api.wait_for("sendPhoto", 2, delivered=True)) == 2


def test_a_digest_leaves_out_who_was_told_of_while_it_waited(home: Home, api: BotApi) -> None:
    phone = a_phone_with_a_cooldown(home, api, 3600)
    for name in ("alice", "alice", "bob", "carol"):
        home.see(name, phone, camera_id="front")
    with home.database.write() as tx:
        first, *others = outbox.page(tx, None, None, None, 10)[::-1]
        outbox.delivered(tx, first.delivery_id, None, None, others[0].created_at)
        outbox.put_together(tx, phone, 10)
    with dispatching(home, api):
        (album,) = api.wait_for("sendMediaGroup", delivered=True)
        wait_until(lambda: DeliveryState.PENDING not in {told.state for told in home.told()})
    assert "alice" not in json.loads(album.params["media"])[0]["caption"]
    assert [told.state for told in home.told()] == ["delivered", "withheld", "delivered", "delivered"]


def test_a_channel_that_is_gone_fails_its_messages(home: Home, api: BotApi) -> None:
    with hearing("failed") as failed, dispatching(home, api) as dispatcher:
        home.see("alice", "no-such-channel")
        dispatcher.wake()
        assert failed.wait(STOP_S)
    (told,) = home.told()
    assert (told.state, told.last_error) == (DeliveryState.FAILED, "The channel was removed.")


def test_the_token_of_a_removed_camera_is_forgotten_with_its_last_message(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    api.script([TooManyRequests(retry_after=3600)])
    for name in ("alice", "bob"):
        home.see(name, phone)
    with dispatching(home, api):
        api.wait_for("sendPhoto")
    home.remove_cameras()
    assert home.has_channel(phone)
    home.sql("UPDATE deliveries SET next_attempt_at = created_at")
    with dispatching(home, api):
        api.wait_for("sendPhoto", 3)
    assert not home.has_channel(phone)


def test_a_camera_keeps_its_channel_when_nothing_waits(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    home.see("alice", phone)
    with dispatching(home, api):
        api.wait_for("sendPhoto")
    assert home.has_channel(phone)


def test_a_picture_replaced_between_two_readings_is_still_sent(home: Home, api: BotApi, tmp_path: Path) -> None:
    class Replacing(Snapshots):
        """Replaces the picture as a camera does, just before it is first read."""

        def read(self, key: str) -> bytes | None:
            if key == before:
                self.write(after, super().read(before) or b"")
                self.remove(before)
                home.sql(f"UPDATE sightings SET picture = '{after}'")  # noqa: S608 - two constants of this test
            return super().read(key)

    sighting = home.see("alice", a_phone(home, api))
    before, after = str(sighting.picture), "2026-11-22/after-2.jpg"
    with dispatching(Home(home.database, Replacing(tmp_path / "snapshots")), api):
        assert api.wait_for("sendPhoto")


def test_without_its_picture_the_news_is_told_in_words(home: Home, api: BotApi) -> None:
    sighting = home.see("alice", a_phone(home, api))
    home.snapshots.remove(str(sighting.picture))
    with dispatching(home, api):
        (call,) = api.wait_for("sendMessage")
    assert call.params["text"].startswith("alice at Front door")


def test_a_stop_waits_for_no_answer_beyond_its_deadline_and_the_next_run_sends_again(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    api.script([Slow(60.0)])
    home.see("alice", phone)
    with dispatching(home, api, stop_s=0.2):
        api.wait_for("sendPhoto")
        (sending,) = [thread for thread in threading.enumerate() if thread.name == f"channel-{phone}"]
    sending.join(STOP_S)
    assert not sending.is_alive()
    assert [told.state for told in home.told()] == [DeliveryState.PENDING]
    with dispatching(home, api):
        assert who(api.wait_for("sendPhoto", 2)) == ["alice", "alice"]


def test_a_stop_lets_an_answer_in_time_be_recorded_and_begins_nothing_more(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    api.script([Slow(3.0)])
    for name in ("alice", "bob"):
        home.see(name, phone)
    with dispatching(home, api):
        api.wait_for("sendPhoto")
    assert [told.state for told in home.told()] == [DeliveryState.DELIVERED, DeliveryState.PENDING]


def test_a_delivery_that_cannot_be_recorded_at_first_is_not_sent_again(home: Home, api: BotApi) -> None:
    home.sql("CREATE TRIGGER full BEFORE UPDATE ON deliveries BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    home.see("alice", a_phone(home, api))
    with hearing("not recorded") as refused, dispatching(home, api):
        assert refused.wait(STOP_S)
        home.sql("DROP TRIGGER full")
    assert len(api.calls("sendPhoto")) == 1
    assert [told.state for told in home.told()] == [DeliveryState.DELIVERED]


def test_a_database_that_fails_for_a_while_ends_nothing(home: Home, api: BotApi) -> None:
    phone = a_phone(home, api)
    home.sql("ALTER TABLE deliveries RENAME TO gone")
    with hearing("outbox cannot be read") as failed, dispatching(home, api) as dispatcher:
        assert failed.wait(STOP_S)
        home.sql("ALTER TABLE gone RENAME TO deliveries")
        home.see("alice", phone)
        dispatcher.wake()
        assert api.wait_for("sendPhoto")


def test_a_mistake_in_one_channel_is_logged_without_its_words_and_harms_no_other(
    home: Home, api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = home.channel({"chat_id": ALICES}), a_phone(home, api, BOBS)
    with hearing("unexpected KeyError at session.py") as logged, dispatching(home, api) as dispatcher:
        home.see("alice", broken)
        home.see("bob", sound)
        dispatcher.wake()
        assert logged.wait(STOP_S)
        assert who(api.wait_for("sendPhoto")) == ["bob"]
    assert home.told()[0].last_error == "Sending ended in an unexpected KeyError."
    assert "api_token" not in caplog.text


def test_no_token_reaches_the_log(home: Home, api: BotApi, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    api.script([ServerError(500)])
    home.see("alice", a_phone(home, api))
    with dispatching(home, api):
        api.wait_for("sendPhoto", delivered=True)
    assert "delivered" in caplog.text
    assert api.token not in caplog.text


def test_pauses_double_from_one_second_to_five_minutes() -> None:
    pauses = [pause_s(attempts) for attempts in (*range(12), 10_000)]
    least = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]
    assert all(low <= pause <= low * 1.2 for low, pause in zip(least, pauses, strict=True))


def test_channels_that_failed_together_do_not_come_back_together() -> None:
    assert len({pause_s(5) for _ in range(20)}) > 1
