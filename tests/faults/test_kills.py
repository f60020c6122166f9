"""Killed in the middle of sending, again and again: nothing is lost, and at most the message in flight comes twice."""

import os
import random
import subprocess
import sys
from itertools import groupby
from pathlib import Path

from tests.rig.bot_api import BotApi
from tests.unit.notifications.situations import Home, a_home

SIGHTINGS, KILLS = int(os.environ.get("KILL_SIGHTINGS", "40")), int(os.environ.get("KILLS", "4"))
"""The whole of it, 500 and 50, takes minutes; it is run by hand."""
ROOT = Path(__file__).parents[2]


def a_sender(folder: Path, api: BotApi) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.faults.sender", str(folder), api.url], cwd=ROOT)


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
