"""A process that only sends what waits in a data folder's outbox, to be killed: `sender DATA_DIR API_URL [RATE]`."""

import sys
import threading
from pathlib import Path

from backend.domain.notification import ChannelKind
from backend.notifications.dispatcher import Dispatcher
from backend.notifications.telegram.bot import TelegramNotifier
from tests.unit.notifications.situations import a_home

LOOK_S = 0.02


def main() -> None:
    """Send until killed."""
    folder, api_url, *rate = sys.argv[1:]
    most_per_minute = int(rate[0]) if rate else None
    with a_home(Path(folder)) as home:
        telegram = TelegramNotifier(api_url)
        by_kind = {ChannelKind.TELEGRAM: telegram}
        dispatcher = Dispatcher(home.database, home.snapshots, by_kind, None, most_per_minute=most_per_minute)
        dispatcher.start()
        never = threading.Event()
        while not never.wait(LOOK_S):
            # The sightings are written by another process, which cannot wake us.
            dispatcher.wake()


if __name__ == "__main__":
    main()
