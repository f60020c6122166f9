"""Which channel a sighting goes to, with what the outbox remembers."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from backend.domain.camera import Camera
from backend.domain.sighting import Sighting
from backend.notifications.routing import channels_to_tell
from backend.storage import outbox
from tests.unit.notifications.situations import Home, a_camera, a_home, a_look, a_sighting


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with a_home(tmp_path) as home:
        yield home


def asked(home: Home, sighting: Sighting, camera: Camera) -> Sequence[str]:
    with home.database.read() as tx:
        return channels_to_tell(tx, sighting, a_look(), camera)


def test_a_camera_without_a_channel_tells_nobody(home: Home) -> None:
    assert asked(home, a_sighting("alice"), a_camera(None)) == ()


def test_a_person_is_told_to_the_cameras_channel(home: Home) -> None:
    assert asked(home, a_sighting("alice"), a_camera("phone")) == ("phone",)


def test_a_person_told_within_the_cooldown_is_not_told_again_by_this_camera(home: Home) -> None:
    home.see("alice", "phone")
    assert asked(home, a_sighting("alice"), a_camera("phone")) == ()
    assert asked(home, a_sighting("bob"), a_camera("phone")) == ("phone",)


def test_another_camera_has_its_own_cooldown(home: Home) -> None:
    home.see("alice", "phone", camera_id="garden")
    assert asked(home, a_sighting("alice"), a_camera("phone")) == ("phone",)


def test_without_a_cooldown_every_visit_is_told(home: Home) -> None:
    home.see("alice", "phone")
    assert asked(home, a_sighting("alice"), a_camera("phone", cooldown_seconds=0)) == ("phone",)


def test_a_message_that_failed_starts_no_cooldown(home: Home) -> None:
    fail_message_about(home, "alice")
    assert asked(home, a_sighting("alice"), a_camera("phone")) == ("phone",)


def fail_message_about(home: Home, person_id: str) -> None:
    home.see(person_id, "phone")
    with home.database.write() as tx:
        (delivery,) = outbox.heads(tx)
        outbox.failed(tx, delivery.delivery_id, "chat not found")
