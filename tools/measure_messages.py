"""How long a committed sighting takes to its channel: `python -m tools.measure_messages`.

A real database, picture and dispatcher, and the tests' Bot API server on loopback; nothing else is at work. It needs a
checkout with its development packages.
"""

import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

from backend.domain.notification import ChannelKind
from backend.notifications.dispatcher import Dispatcher
from backend.notifications.telegram.bot import TelegramNotifier
from tests.rig.bot_api import BotApi
from tests.unit.notifications.situations import Home, a_home

MESSAGES = 200


def delays_s(home: Home, api: BotApi) -> list[float]:
    """From each commit to its request at the channel, in seconds; one message is under way at a time."""
    delays = []
    with closing(TelegramNotifier(api.url)) as telegram:
        dispatcher = Dispatcher(home.database, home.snapshots, {ChannelKind.TELEGRAM: telegram}, None)
        dispatcher.start()
        phone = home.channel({"api_token": api.token, "chat_id": "1"})
        for number in range(MESSAGES):
            home.see(f"person{number}", phone)
            committed = time.monotonic()
            dispatcher.wake()
            delays.append(api.wait_for("sendPhoto", number + 1)[-1].at - committed)
        dispatcher.stop(10.0)
    return sorted(delays)


def main() -> None:
    """Measure, and tell the median and the 95th percentile."""
    with tempfile.TemporaryDirectory() as folder, a_home(Path(folder)) as home, BotApi() as api:
        delays = delays_s(home, api)
    median, late = (round(value * 1000) for value in (statistics.median(delays), delays[int(0.95 * len(delays))]))
    print(f"{MESSAGES} messages: median {median} ms, 95th percentile {late} ms")  # noqa: T201 - a command's answer


if __name__ == "__main__":
    main()
