"""A thousand messages through a service that fails at random: each arrives, and arrives once."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from backend.domain.notification import ChannelKind, DeliveryState
from backend.notifications.dispatcher import Dispatcher
from backend.notifications.telegram import TelegramNotifier
from tests.rig.bot_answers import Answer, Cut, Garbage, Ok, ServerError, Slow, TooManyRequests
from tests.rig.bot_api import BotApi
from tests.unit.notifications.situations import a_home

SIGHTINGS, CHANNELS = 1000, 40
FAULTS: tuple[Answer, ...] = (TooManyRequests(1), ServerError(500), ServerError(502), Cut(), Garbage())
FAULT_SHARE = 0.08
"""Of all requests; each fault costs its channel a second or more."""
WITHIN_S = 100.0


def faults(seed: int) -> Iterator[Answer]:
    chance = random.Random(seed)  # noqa: S311 - a reproducible test
    while True:
        yield chance.choice(FAULTS) if chance.random() < FAULT_SHARE else Ok()


def test_a_thousand_messages_arrive_once_each_through_random_faults(tmp_path: Path) -> None:
    with a_home(tmp_path) as home, BotApi() as api, closing(TelegramNotifier(api.url)) as notifier:
        phones = [home.channel({"api_token": api.token, "chat_id": str(n)}) for n in range(1, CHANNELS + 1)]
        wanted = [f"person{number}" for number in range(SIGHTINGS)]
        for number, person_id in enumerate(wanted):
            home.see(person_id, phones[number % CHANNELS], picture=None)
        api.script(faults(20261122))
        dispatcher = Dispatcher(home.database, home.snapshots, {ChannelKind.TELEGRAM: notifier}, None)
        dispatcher.start()
        try:
            calls = api.wait_for("sendMessage", SIGHTINGS, WITHIN_S, delivered=True)
        finally:
            dispatcher.stop(10.0)
        told = home.told()
    assert Counter(call.params["text"].split()[0] for call in calls) == Counter(wanted)
    assert {row.state for row in told} == {DeliveryState.DELIVERED}
    assert sum(row.attempts for row in told) > SIGHTINGS


def test_an_answer_that_never_comes_is_given_up_on_and_the_message_sent_again(tmp_path: Path) -> None:
    with a_home(tmp_path) as home, BotApi() as api, closing(TelegramNotifier(api.url, timeout_s=0.5)) as notifier:
        home.see("alice", home.channel({"api_token": api.token, "chat_id": "1"}), picture=None)
        api.script([Slow(60.0)])
        dispatcher = Dispatcher(home.database, home.snapshots, {ChannelKind.TELEGRAM: notifier}, None)
        dispatcher.start()
        try:
            # It took effect though its answer was lost: at least once is what is promised.
            assert len(api.wait_for("sendMessage", 2, delivered=True)) == 2
        finally:
            dispatcher.stop(10.0)
