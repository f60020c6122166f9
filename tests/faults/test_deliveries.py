"""A thousand messages through a service that fails at random: each arrives, and arrives once."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.domain.notification import ChannelKind, DeliveryState
from backend.notifications.bursts import MOST_TOGETHER
from backend.notifications.dispatcher import Dispatcher
from backend.notifications.telegram.bot import TelegramNotifier
from tests.rig.bot_answers import Answer, Cut, Garbage, Ok, ServerError, Slow, TooManyRequests
from tests.rig.bot_api import BotApi
from tests.rig.watching import wait_until
from tests.unit.notifications.situations import a_home

# Two thousand transactions, each waited for until it is on the disk: on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(400)

SIGHTINGS, CHANNELS = 1000, 40
FAULTS: tuple[Answer, ...] = (TooManyRequests(1), ServerError(500), ServerError(502), Cut(), Garbage())
FAULT_SHARE = 0.08
"""Of all requests; each fault costs its channel a second or more."""
BURST = 3 * MOST_TOGETHER
WITHIN_S = 250.0


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
            api.wait_for("sendMessage", 2, delivered=True)
        finally:
            dispatcher.stop(10.0)


def test_bursts_arrive_whole_and_once_through_random_faults(tmp_path: Path) -> None:
    with a_home(tmp_path) as home, BotApi() as api, closing(TelegramNotifier(api.url)) as notifier:
        phones = [home.channel({"api_token": api.token, "chat_id": str(n)}) for n in (1, 2)]
        wanted = {
            number: [f"person{number}{place:03}" for place in range(BURST)] for number, _ in enumerate(phones, start=1)
        }
        for number, phone in enumerate(phones, start=1):
            for person_id in wanted[number]:
                home.see(person_id, phone, picture=None)
        chance = random.Random(20261122)  # noqa: S311 - a reproducible test
        api.script([chance.choice(FAULTS) for _ in range(6)])
        by_kind = {ChannelKind.TELEGRAM: notifier}
        dispatcher = Dispatcher(home.database, home.snapshots, by_kind, None, most_per_minute=20)
        dispatcher.start()
        try:
            wait_until(lambda: {row.state for row in home.told()} == {DeliveryState.DELIVERED}, WITHIN_S)
        finally:
            dispatcher.stop(10.0)
        calls = api.calls("sendMessage", delivered=True)
    told = {number: [c.params["text"] for c in calls if c.chat_id == number] for number in wanted}
    assert {number: re.findall(r"person\d+", "".join(texts)) for number, texts in told.items()} == wanted
    assert len(calls) == 2 * BURST // MOST_TOGETHER
