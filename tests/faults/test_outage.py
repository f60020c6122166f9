"""A channel that is down for an hour: no camera notices, nothing piles up, and the phone is told of everything."""

import gc
import json
import re
import tracemalloc
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from backend.cameras.follow import Look, Visit
from backend.cameras.sighting_log import SightingLog
from backend.domain.identity import Candidate, Decision, Verdict
from backend.domain.notification import ChannelKind, DeliveryState
from backend.notifications.dispatcher import Dispatcher
from backend.notifications.routing import Router
from backend.notifications.telegram.bot import TelegramNotifier
from backend.storage import cameras, channels, outbox
from tests.faults.conftest import Watched
from tests.rig.bot_api import BotApi
from tests.rig.photos import person_crop
from tests.rig.tcp_proxy import TcpProxy
from tests.rig.watching import wait_until
from tests.unit.notifications.situations import FACE, NOON, Home, MovedClock, a_camera, a_home, a_look

SIGHTINGS = 300
PACE = timedelta(hours=1) / SIGHTINGS
WARM = 100
"""By so many sightings everything that is kept for good has been made."""
MOST_PER_MINUTE = 20


def a_visit(number: int, moment: datetime) -> Visit:
    """Somebody whom nobody else resembles passes."""
    decision = Decision(Verdict.MATCH, 0.5, (Candidate(f"person{number}", 0.7),))
    look = Look(person_crop(2), FACE, 0.9)
    return Visit(number, decision, a_look(), moment, moment, 3, look, ended=True)


def pass_by(log: SightingLog, clock: MovedClock, numbers: range) -> None:
    """Have people pass the camera, in even steps of time."""
    for number in numbers:
        clock.now += PACE
        log.report(a_visit(number, clock.now))


def told(api: BotApi) -> list[str]:
    """Whom the messages that arrived are about, in their order."""
    texts = [
        json.loads(call.params["media"])[0]["caption"] if "media" in call.params else call.params["caption"]
        for call in api.calls(delivered=True)
    ]
    return [name for text in texts for name in re.findall(r"person\d+", text)]


def all_delivered(home: Home, clock: MovedClock, dispatcher: Dispatcher) -> bool:
    """Whether all is sent; where the next is not due, time passes until it is."""
    with home.database.read() as tx:
        heads = outbox.heads(tx)
    if heads and heads[0].next_attempt_at > clock.now:
        # More than once, perhaps: an attempt that just failed puts it off after the channel came back.
        clock.now = heads[0].next_attempt_at
        dispatcher.wake()
    return {row.state for row in home.told()} == {DeliveryState.DELIVERED}


def test_an_hour_without_the_channel_disturbs_no_camera_and_loses_nothing(tmp_path: Path, bystander: Watched) -> None:
    clock = MovedClock(NOON)
    with (
        a_home(tmp_path) as home,
        BotApi() as api,
        TcpProxy(int(api.url.rpartition(":")[2])) as network,
        closing(TelegramNotifier(f"http://127.0.0.1:{network.port}")) as telegram,
    ):
        with home.database.write() as tx:
            chat = {"api_token": api.token, "chat_id": "1"}
            camera = a_camera(channels.add(tx, ChannelKind.TELEGRAM, chat))
            cameras.add(tx, camera)
        by_kind = {ChannelKind.TELEGRAM: telegram}
        dispatcher = Dispatcher(
            home.database, home.snapshots, by_kind, NOON.tzinfo, most_per_minute=MOST_PER_MINUTE, clock=clock
        )
        log = SightingLog(camera, home.database, home.snapshots, Router(NOON.tzinfo, clock).tell, dispatcher.wake)
        dispatcher.start()
        network.refuse()
        pass_by(log, clock, range(WARM))
        tracemalloc.start()
        try:
            pass_by(log, clock, range(WARM, SIGHTINGS))
            gc.collect()
            grown = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        wait_until(lambda: home.told()[0].attempts > 1)
        assert [row.state for row in home.told()] == [DeliveryState.PENDING] * SIGHTINGS
        kept = sum(picture.stat().st_size for picture in (tmp_path / "snapshots").rglob("*.jpg"))
        # Nothing like the pictures of those that wait is held in memory.
        assert grown < kept * (SIGHTINGS - WARM) / SIGHTINGS / 4
        network.heal()
        wait_until(lambda: all_delivered(home, clock, dispatcher), 30.0)
        dispatcher.stop(10.0)
        assert told(api) == [f"person{number}" for number in range(SIGHTINGS)]
        assert 2 <= len(api.calls(delivered=True)) <= MOST_PER_MINUTE
