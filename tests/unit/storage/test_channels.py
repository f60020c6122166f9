"""Channels live as long as somebody needs them, and no longer: they hold secrets."""

from backend.domain.notification import ChannelKind
from backend.storage import cameras, channels, outbox, sightings
from backend.storage.database import Database
from tests.unit.notifications.situations import NOON, a_camera, a_look, a_sighting

SETTINGS = {"api_token": "1:a", "chat_id": "2"}


def _channel(database: Database) -> str:
    with database.write() as tx:
        return channels.add(tx, ChannelKind.TELEGRAM, SETTINGS)


def _is_there(database: Database, channel_id: str) -> bool:
    with database.write() as tx:
        channels.remove_unused(tx)
        return channels.find(tx, channel_id) is not None


def test_a_channel_without_a_camera_or_a_message_is_forgotten(database: Database) -> None:
    assert not _is_there(database, _channel(database))


def test_a_camera_keeps_its_channel(database: Database) -> None:
    channel_id = _channel(database)
    with database.write() as tx:
        cameras.add(tx, a_camera(channel_id))
    assert _is_there(database, channel_id)
    with database.write() as tx:
        cameras.remove(tx, "front")
    assert not _is_there(database, channel_id)


def test_a_waiting_message_keeps_its_channel_until_it_is_told(database: Database) -> None:
    channel_id, sighting = _channel(database), a_sighting()
    with database.write() as tx:
        sightings.add(tx, sighting, a_look())
        outbox.add(tx, sighting.sighting_id, channel_id, ["front"])
    assert _is_there(database, channel_id)
    with database.write() as tx:
        outbox.delivered(tx, outbox.heads(tx)[0].delivery_id, None, None, NOON)
    assert not _is_there(database, channel_id)


def test_a_channel_takes_new_settings(database: Database) -> None:
    channel_id = _channel(database)
    with database.write() as tx:
        channels.change(tx, channel_id, {"api_token": "3:b", "chat_id": "4"})
        channel = channels.find(tx, channel_id)
    assert channel is not None
    assert channel.settings == {"api_token": "3:b", "chat_id": "4"}


def test_cameras_are_listed_by_nickname(database: Database) -> None:
    with database.write() as tx:
        for nickname in ("Yard", "Attic", "Front door"):
            cameras.add(tx, a_camera(None, camera_id=nickname.lower(), nickname=nickname))
        assert [camera.nickname for camera in cameras.all_by_nickname(tx)] == ["Attic", "Front door", "Yard"]
