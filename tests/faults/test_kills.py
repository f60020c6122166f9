"""Killed in the middle of sending, again and again: nothing is lost, and at most the message in flight comes twice."""

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import pytest

from backend.domain.notification import DeliveryState
from tests.rig.bot_api import BotApi
from tests.rig.watching import wait_until
from tests.unit.notifications.situations import Home, a_home

SIGHTINGS, KILLS = int(os.environ.get("KILL_SIGHTINGS", "40")), int(os.environ.get("KILLS", "4"))
"""The whole of it, 500 and 50, takes minutes and is run by hand; CONTRIBUTING.md has the command."""
EACH = SIGHTINGS // KILLS
DIGEST_KILLS = max(1, KILLS // 2)
START_S = 90.0
"""How long a sender may take to start and send what is asked for, also on a busy machine."""
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(max(300, 60 * KILLS))


@contextmanager
def sending(folder: Path, api: BotApi, *rate: str) -> Iterator[None]:
    """A sender at work, which is killed at the end of the block."""
    command = [sys.executable, "-m", "tests.faults.sender", str(folder), api.url, *rate]
    with subprocess.Popen(command, cwd=ROOT) as sender:
        try:
            yield
        finally:
            sender.kill()


def told(api: BotApi) -> list[str]:
    """What each message that arrived says, in their order."""
    return [call.params["text"] for call in api.calls("sendMessage", delivered=True)]


def names(text: str) -> list[str]:
    return re.findall(r"person\d+", text)


def wait_until_all_are_recorded(home: Home) -> None:
    wait_until(lambda: {row.state for row in home.told()} == {DeliveryState.DELIVERED}, START_S)


def test_nothing_is_lost_and_at_most_the_message_in_flight_comes_twice(tmp_path: Path) -> None:
    chance = random.Random(20261122)  # noqa: S311 - a reproducible test
    with a_home(tmp_path) as home, BotApi() as api:
        phone = home.channel({"api_token": api.token, "chat_id": "1"})
        for life in range(KILLS):
            with sending(tmp_path, api):
                for number in range(EACH):
                    home.see(f"person{life * EACH + number}", phone, picture=None)
                wanted = min(len(told(api)) + chance.randint(1, EACH), (life + 1) * EACH)
                api.wait_for("sendMessage", wanted, START_S, delivered=True)
        with sending(tmp_path, api):
            wait_until_all_are_recorded(home)
        texts = told(api)
    once = [text for text, _ in groupby(texts)]
    assert len(texts) - len(once) <= KILLS
    # What came twice came next to itself: only the message in flight was sent again, and the order was kept.
    assert [name for text in once for name in names(text)] == [f"person{number}" for number in range(KILLS * EACH)]


def test_a_digest_in_flight_comes_again_as_it_was_and_nothing_else_does(tmp_path: Path) -> None:
    with a_home(tmp_path) as home, BotApi() as api:
        phone = home.channel({"api_token": api.token, "chat_id": "1"})
        for life in range(DIGEST_KILLS):
            for number in range(EACH):
                home.see(f"person{life * EACH + number}", phone, picture=None)
            with sending(tmp_path, api, "1"):
                api.wait_for("sendMessage", len(told(api)) + 1, START_S, delivered=True)
        with sending(tmp_path, api):
            wait_until_all_are_recorded(home)
        texts = told(api)
    once = [text for text, _ in groupby(texts)]
    assert len(texts) - len(once) <= DIGEST_KILLS
    assert max(len(names(text)) for text in texts) > 1
    assert names("".join(once)) == [f"person{number}" for number in range(EACH * DIGEST_KILLS)]
