"""`face-server calibrate` on a small gallery, as a person calls it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.container.recognition import open_recognition
from backend.domain.camera import Camera
from backend.domain.geometry import Box
from backend.domain.sighting import Sighting
from backend.recognition.enrol import Photo
from backend.settings import LocalSettings, load_local_settings
from backend.storage import cameras, sightings
from backend.vision.conventions import SFACE_THRESHOLDS
from backend.vision.image import decode
from tests.rig.photos import astronaut, jpeg, other_photos, person_crop
from tests.unit.cli.conftest import Run

CAMERA = Camera("01CAM", "Door", "rtsp://192.0.2.10/door", 0.5, 3600, None, False, datetime(2026, 11, 1, tzinfo=UTC))
SIGHTING = Sighting(
    sighting_id="01SEEN",
    camera_id=CAMERA.camera_id,
    camera_nickname=CAMERA.nickname,
    person_id=None,
    similarity=0.1,
    threshold=0.5,
    started_at=CAMERA.created_at,
    last_seen_at=CAMERA.created_at,
    ended_at=CAMERA.created_at,
    looks=3,
    picture=None,
    face_box=Box(0, 0, 10, 10),
)


@pytest.fixture
def household(run: Run) -> LocalSettings:  # `run` makes the machine
    """Two people with three photos each, a third with one, and a camera that saw a stranger in two weeks."""
    settings = load_local_settings()
    with open_recognition(settings) as recognition:
        for person_id, index, count in (("alice", 2, 3), ("bob", 3, 3), ("carol", 5, 1)):
            photo = person_crop(index)
            files = [jpeg(variant) for variant in (photo, *other_photos(photo))][:count]
            recognition.enroller.enrol(person_id, [Photo(f"{number}.jpg", data) for number, data in enumerate(files)])
        (stranger,) = recognition.pipelines.cameras.analyse(decode(jpeg(astronaut())))
        with recognition.database.write() as tx:
            cameras.add(tx, CAMERA)
            for week in range(3):
                seen_at = SIGHTING.started_at + timedelta(weeks=week)
                seen = replace(SIGHTING, sighting_id=f"01SEEN{week}", started_at=seen_at, last_seen_at=seen_at)
                sightings.add(tx, seen, stranger.template)
    return settings


def answer(run: Run, *arguments: str) -> dict[str, Any]:
    ended = run("calibrate", "--json", *arguments)
    assert ended.status == 0, ended.err
    reply: dict[str, Any] = json.loads(ended.out)
    return reply


def camera_thresholds(settings: LocalSettings) -> list[float]:
    with open_recognition(settings) as recognition, recognition.database.read() as tx:
        return [camera.threshold for camera in cameras.all_by_nickname(tx)]


def test_thresholds_are_recommended_from_what_is_stored(run: Run, household: LocalSettings) -> None:
    reply = answer(run)
    assert (reply["people"], reply["templates"], reply["strangers"]) == (3, 7, 3)
    assert reply["strangers_per_week"] == 1.5
    assert 0.3 <= reply["identify"]["recommended"] < reply["cameras"]["recommended"] <= 0.7
    assert reply["identify"]["now"] == SFACE_THRESHOLDS.identify
    assert reply["cameras"]["now"] == {"Door": 0.5}
    assert reply["identify"]["missed"] == 0
    assert reply["weak"] == [{"person_id": "carol", "reason": "1 of at least 3 photos"}]
    assert reply["look_alike"] == []
    assert camera_thresholds(household) == [0.5]
    assert not Path(".env").exists()


def test_recommended_thresholds_are_taken_when_asked_for(run: Run, household: LocalSettings) -> None:
    Path(".env").write_text("# mine\nIDENTIFY_THRESHOLD=0.9\nPORT=8001\n")
    reply = answer(run, "--apply")
    assert camera_thresholds(household) == [reply["cameras"]["recommended"]]
    lines = Path(".env").read_text().splitlines()
    assert lines == ["# mine", "PORT=8001", f"IDENTIFY_THRESHOLD={reply['identify']['recommended']:g}"]
    assert load_local_settings().identify_threshold == reply["identify"]["recommended"]


@pytest.mark.usefixtures("household")
def test_the_same_is_told_in_eighty_columns(run: Run) -> None:
    ended = run("calibrate")
    assert ended.status == 0
    assert "3 people, 7 photos, 3 sightings of strangers" in ended.out
    assert "carol: 1 of at least 3 photos." in ended.out
    assert "Camera Door:" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80


def test_somebody_enrolled_twice_is_named_as_look_alike(run: Run, household: LocalSettings) -> None:
    with open_recognition(household) as recognition:
        again = np.ascontiguousarray(other_photos(person_crop(2))[4])
        recognition.enroller.enrol("alice again", [Photo("again.jpg", jpeg(again))])
    (pair,) = answer(run)["look_alike"]
    assert pair["people"] == ["alice", "alice again"]
    assert pair["similarity"] > 0.6


def test_without_people_there_is_nothing_to_calibrate(run: Run) -> None:
    ended = run("calibrate")
    assert ended.status == 1
    assert "Nobody is enrolled yet" in ended.err
