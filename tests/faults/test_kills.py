"""Killed in the middle of sending, again and again: nothing is lost, and at most the message in flight comes twice."""

import os
import random
import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

from backend.domain.notification import DeliveryState
from tests.rig.bot_api import BotApi
from tests.rig.watching import wait_until
from tests.unit.notifications.situations import Home, a_home

SIGHTINGS, KILLS = int(os.environ.get("KILL_SIGHTINGS", "40")), int(os.environ.get("KILLS", "4"))
"""The whole of it, 50 and 500, takes minutes and is run by hand; CONTRIBUTING.md has the command."""
DIGEST_KILLS = max(1, KILLS // 2)
ROOT = Path(__file__).parents[2]


def a_sender(folder: Path, api: BotApi, *rate: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.faults.sender", str(folder), api.url, *rate], cwd=ROOT)


def send_with_kills(home: Home, folder: Path, api: BotApi, phone: str) -> None:
    """Write the sightings, a few for each life of the sender, and kill it at a random moment of its work."""
    chance = random.Random(20261122)  # noqa: S311 - a reproducible test
    each = SIGHTINGS // KILLS
    for life in range(KILLS):
        sender = a_sender(folder, api)
        for number in range(each):
            home.see(f"person{life * each + number}", phone, picture=None)
        wanted = min(len(api.calls("sendMessage", delivered=True)) + chance.randint(1, each), life * each + each)
        api.wait_for("sendMessage", wanted, 30.0, delivered=True)
        sender.kill()
        sender.wait()


def test_nothing_is_lost_and_at_most_the_message_in_flight_comes_twice(tmp_path: Path) -> None:
    with a_home(tmp_path) as home, BotApi() as api:
        phone = home.channel({"api_token": api.token, "chat_id": "1"})
        send_with_kills(home, tmp_path, api, phone)
        last = a_sender(tmp_path, api)
        try:
            api.wait_for("sendMessage", SIGHTINGS, 30.0, delivered=True)
            while len(set(told(api))) < SIGHTINGS:
                api.wait_for("sendMessage", len(api.calls("sendMessage")) + 1, 30.0)
        finally:
            last.kill()
            last.wait()
        names = told(api)
    assert len(names) - SIGHTINGS <= KILLS
    # What came twice came next to itself: only the message in flight was sent again, and the order was kept.
    assert [name for name, _ in groupby(names)] == [f"person{number}" for number in range(SIGHTINGS)]


def told(api: BotApi) -> list[str]:
    """Whom each message that arrived is about, in their order."""
    return [call.params["text"].split()[0] for call in api.calls("sendMessage", delivered=True)]


def test_a_digest_in_flight_comes_again_as_it_was_and_nothing_else_does(tmp_path: Path) -> None:
    with a_home(tmp_path) as home, BotApi() as api:
        phone = home.channel({"api_token": api.token, "chat_id": "1"})
        each = SIGHTINGS // KILLS
        for life in range(DIGEST_KILLS):
            for number in range(each):
                home.see(f"person{life * each + number}", phone, picture=None)
            sender = a_sender(tmp_path, api, "1")
            api.wait_for("sendMessage", len(api.calls("sendMessage")) + 1, 30.0)
            sender.kill()
            sender.wait()
        last = a_sender(tmp_path, api)
        try:
            wait_until(lambda: home.told()[-1].state is DeliveryState.DELIVERED, 60.0)
        finally:
            last.kill()
            last.wait()
        texts = [call.params["text"] for call in api.calls("sendMessage", delivered=True)]
    once = [text for text, _ in groupby(texts)]
    assert len(texts) - len(once) <= DIGEST_KILLS
    assert re.findall(r"person\d+", "".join(once)) == [f"person{number}" for number in range(each * DIGEST_KILLS)]
