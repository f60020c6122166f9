"""`face-server calibrate` on a small gallery, as a person calls it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.container.recognition import Recognition, open_recognition
from backend.domain.camera import Camera
from backend.domain.geometry import Box
from backend.domain.sighting import Sighting
from backend.evaluation.calibration import ENOUGH_SEARCHES
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
        enrol(recognition, alice=(2, 3), bob=(3, 3), carol=(5, 1))
        (stranger,) = recognition.pipelines.cameras.analyse(decode(jpeg(astronaut())))
        with recognition.database.write() as tx:
            cameras.add(tx, CAMERA)
            for week in range(3):
                seen_at = SIGHTING.started_at + timedelta(weeks=week)
                seen = replace(SIGHTING, sighting_id=f"01SEEN{week}", started_at=seen_at, last_seen_at=seen_at)
                sightings.add(tx, seen, stranger.template)
    return settings


@pytest.fixture
def busy_household(household: LocalSettings) -> LocalSettings:
    """The same with enough strangers to judge by."""
    with open_recognition(household) as recognition, recognition.database.write() as tx:
        ((_, template), *_) = sightings.strangers(tx, recognition.gallery.model)
        for number in range(ENOUGH_SEARCHES):
            sightings.add(tx, replace(SIGHTING, sighting_id=f"01BUSY{number}"), template)
    return household


def enrol(recognition: Recognition, **people: tuple[int, int]) -> None:
    """Enrol people by the number of their face in the group photo, with so many photos each."""
    for person_id, (index, count) in people.items():
        photo = person_crop(index)
        files = [jpeg(variant) for variant in (photo, *other_photos(photo))][:count]
        recognition.enroller.enrol(person_id, [Photo(f"{number}.jpg", data) for number, data in enumerate(files)])


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
    assert reply["identify"]["recommended"] == reply["identify"]["now"] == SFACE_THRESHOLDS.identify
    assert reply["cameras"]["recommended"] == 0.5
    assert reply["cameras"]["now"] == reply["cameras"]["by_camera"] == {"Door": 0.5}
    assert reply["too_little"].startswith("Too little was seen to go below what is in use for photos and cameras: 10 ")
    assert reply["identify"]["missed"] == 0
    assert reply["weak"] == [{"person_id": "carol", "reason": "1 of at least 3 photos"}]
    assert reply["look_alike"] == []
    assert camera_thresholds(household) == [0.5]
    assert not Path(".env").exists()


def test_with_enough_to_judge_by_lower_thresholds_are_recommended(run: Run, busy_household: LocalSettings) -> None:
    reply = answer(run)
    assert 0.3 <= reply["identify"]["recommended"] < reply["identify"]["now"]
    assert reply["identify"]["recommended"] < reply["cameras"]["recommended"] < 0.5
    assert reply["too_little"] is None


def test_recommended_thresholds_are_taken_when_asked_for(run: Run, busy_household: LocalSettings) -> None:
    Path(".env").write_text("# mine\nIDENTIFY_THRESHOLD=0.9\nPORT=8001\n")
    reply = answer(run, "--apply")
    assert camera_thresholds(busy_household) == [reply["cameras"]["recommended"]]
    lines = Path(".env").read_text().splitlines()
    assert lines == ["# mine", "PORT=8001", f"IDENTIFY_THRESHOLD={reply['identify']['recommended']:g}"]
    assert load_local_settings().identify_threshold == reply["identify"]["recommended"]


def test_with_too_little_to_judge_by_nothing_is_changed_and_that_is_said(run: Run) -> None:
    settings = load_local_settings()
    with open_recognition(settings) as recognition:
        enrol(recognition, alice=(2, 1), bob=(3, 1))
        with recognition.database.write() as tx:
            cameras.add(tx, CAMERA)
            cameras.add(tx, replace(CAMERA, camera_id="02CAM", threshold=0.45))
    ended = run("calibrate", "--apply")
    assert ended.status == 0
    assert "IDENTIFY_THRESHOLD: 0.48 recommended, 0.48 now." in ended.out
    assert "Too little was seen to go below what is in use" in ended.out
    assert "False alerts a week are unknown: no camera has seen a stranger yet." in ended.out
    assert "≤ 0.0" not in ended.out
    assert ended.out.splitlines()[-1] == "Nothing was changed: what is in use stays."
    assert sorted(camera_thresholds(settings)) == [0.45, 0.5]
    assert not Path(".env").exists()


@pytest.mark.usefixtures("busy_household")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_what_the_environment_sets_is_not_said_to_be_taken(
    run: Run, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setenv("identify_threshold", "0.6")
    ended = run("calibrate", "--apply", *options)
    assert "Taken." not in ended.out + ended.err
    assert "the environment sets it as well and goes before .env" in (ended.err if options else ended.out)
    assert "IDENTIFY_THRESHOLD=" in Path(".env").read_text()


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
