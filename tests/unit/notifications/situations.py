"""What the tests of messages begin with: sightings, looks, and a home whose outbox fills."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import select

from backend.domain.camera import Camera
from backend.domain.face import Template
from backend.domain.geometry import Box
from backend.domain.notification import ChannelKind, DeliveryState
from backend.domain.rule import Rule, Who
from backend.domain.sighting import Sighting
from backend.storage import cameras, channels, outbox, sightings
from backend.storage.database import Database, sqlite_url
from backend.storage.ids import new_id
from backend.storage.secret_box import SecretBox, load_key
from backend.storage.snapshots import Snapshots
from backend.storage.tables import deliveries
from tests.rig.photos import jpeg, person_crop

NOON = datetime(2026, 11, 22, 12, 0, 5, tzinfo=UTC)
FACE = Box(60.0, 50.0, 105.0, 127.0)


def a_sighting(person_id: str | None = "alice", **changed: object) -> Sighting:
    """Somebody at the front door at noon, whose picture is not kept."""
    values: dict[str, object] = {
        "sighting_id": new_id(),
        "camera_id": "front",
        "camera_nickname": "Front door",
        "person_id": person_id,
        "similarity": 0.714,
        "threshold": 0.5,
        "started_at": NOON,
        "last_seen_at": NOON,
        "ended_at": None,
        "looks": 3,
        "picture": None,
        "face_box": FACE,
    }
    return Sighting(**(values | changed))  # type: ignore[arg-type]  # the fields' own types, mixed in one dict


def a_camera(channel_id: str | None, **changed: object) -> Camera:
    """The camera at the front door, with a cooldown of an hour."""
    values: dict[str, object] = {
        "camera_id": "front",
        "nickname": "Front door",
        "link": "rtsp://127.0.0.1/front",
        "threshold": 0.5,
        "cooldown_seconds": 3600,
        "channel_id": channel_id,
        "notify_unknown": False,
        "created_at": NOON,
    }
    return Camera(**(values | changed))  # type: ignore[arg-type]  # the fields' own types, mixed in one dict


def a_look(degrees: float = 0.0, model: str = "model") -> Template:
    """A template whose cosine to another is that of the angle between them."""
    angle = np.radians(degrees)
    return Template(np.array([np.cos(angle), np.sin(angle)], np.float32), model)


def a_rule(*channel_ids: str, **changed: object) -> Rule:
    """Anyone, anywhere, at any time, without a cooldown."""
    values: dict[str, object] = {
        "rule_id": "rule",
        "name": "Everybody",
        "who": Who.ANYONE,
        "subject": None,
        "camera_id": None,
        "channel_ids": channel_ids or ("phone",),
    }
    return Rule(**(values | changed))  # type: ignore[arg-type]  # the fields' own types, mixed in one dict


@dataclass(slots=True)
class MovedClock:
    """A clock that stands still until it is moved."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, slots=True)
class Told:
    """A row of the outbox."""

    state: DeliveryState
    attempts: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Home:
    """A real database and picture folder, written to as the cameras do."""

    database: Database
    snapshots: Snapshots

    def channel(self, settings: Mapping[str, str]) -> str:
        """Keep a Telegram channel and a camera that tells it; answers the channel's id."""
        with self.database.write() as tx:
            channel_id = channels.add(tx, ChannelKind.TELEGRAM, settings)
            cameras.add(tx, a_camera(channel_id, camera_id=new_id()))
        return channel_id

    def remove_cameras(self) -> None:
        """Remove every camera, as a person may while messages wait."""
        self.sql("DELETE FROM cameras")

    def see(self, person_id: str | None, channel_id: str, **changed: object) -> Sighting:
        """Write a sighting with its picture, and that the channel is to be told by the rule of its camera."""
        sighting = a_sighting(person_id, **({"picture": f"2026-11-22/{new_id()}-1.jpg"} | changed))
        if sighting.picture is not None:
            self.snapshots.write(sighting.picture, jpeg(person_crop(2)))
        with self.database.write() as tx:
            sightings.add(tx, sighting, a_look())
            outbox.add(tx, sighting.sighting_id, channel_id, [sighting.camera_id])
        return sighting

    def told(self) -> list[Told]:
        """The outbox, oldest first."""
        with self.database.read() as tx:
            rows = tx.execute(select(deliveries).order_by(deliveries.c.delivery_id)).all()
        return [Told(DeliveryState(row.state), row.attempts, row.last_error) for row in rows]

    def has_channel(self, channel_id: str) -> bool:
        """Whether the channel, with its secrets, is still stored."""
        with self.database.read() as tx:
            return channels.find(tx, channel_id) is not None

    def sql(self, statement: str) -> None:
        """Do something to the database that no code of the service does."""
        with self.database.write() as tx:
            tx.connection.exec_driver_sql(statement)


@contextmanager
def a_home(folder: Path) -> Iterator[Home]:
    """A home in an empty folder."""
    database = Database.open(sqlite_url(folder), SecretBox(load_key(folder)))
    try:
        yield Home(database, Snapshots(folder / "snapshots"))
    finally:
        database.close()
