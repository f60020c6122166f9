"""The entities that Home Assistant finds by itself, as MQTT publications; pure.

What describes an entity is retained, and so is its state where that stays true: who was seen last and when, and what is
online. A Home Assistant that restarts knows it again. An event is never retained, nor that a stranger is present.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from backend.domain.sighting import Sighting

STRANGER_SECONDS = 60
"""How long the binary sensor says that a stranger is present after one was told of."""


@dataclass(frozen=True, slots=True)
class Publication:
    """Something to be published."""

    topic: str
    payload: bytes
    retain: bool = False
    expires: bool = False


@dataclass(frozen=True, slots=True)
class CameraOnline:
    """Whether a camera's video arrives."""

    camera_id: str
    nickname: str
    online: bool


@dataclass(frozen=True, slots=True)
class LastSeen:
    """The last sighting of somebody, or at a camera, and what a known person is called."""

    sighting: Sighting
    called: str | None


def status_topic(topic: str) -> str:
    """Where we say `online`, and our last will `offline`."""
    return f"{topic}/status"


def told_topic(topic: str) -> str:
    """Where we mark that the broker holds what it was told."""
    return f"{topic}/told"


def of_sighting(
    topic: str, discovery: str, sighting: Sighting | None, called: str | None = None
) -> Iterator[Publication]:
    """What a sighting, of somebody who is `called` so, changes of the entities, each described before its state."""
    if sighting is None:
        return
    yield from _of_camera(topic, discovery, sighting.camera_id, sighting.camera_nickname)
    if sighting.person_id is None:
        yield from _of_strangers(topic, discovery)
        yield Publication(f"{topic}/stranger", b"ON")
    else:
        yield from _last_of_person(topic, discovery, sighting.person_id, LastSeen(sighting, called))
    yield _last_at_camera(topic, LastSeen(sighting, called))


def of_past(topic: str, discovery: str, past: Iterable[LastSeen], cameras: Sequence[CameraOnline]) -> list[Publication]:
    """What stays true of sightings, given the oldest first: of their people, and of those of `cameras` they were at."""
    watched = {camera.camera_id for camera in cameras}
    states: list[Publication] = []
    for last in past:
        if last.sighting.person_id is not None:
            states += _last_of_person(topic, discovery, last.sighting.person_id, last)
        if last.sighting.camera_id in watched:
            states.append(_last_at_camera(topic, last))
    return latest(states)


def latest(publications: Iterable[Publication]) -> list[Publication]:
    """The last of each topic: what a later sighting says of an entity takes the place of what an earlier one says."""
    return list({publication.topic: publication for publication in publications}.values())


def of_cameras(topic: str, discovery: str, cameras: Iterable[CameraOnline]) -> Iterator[Publication]:
    """Which cameras are online; strangers are described too, for automations to be made before the first one comes."""
    yield from _of_strangers(topic, discovery)
    for camera in cameras:
        yield from _of_camera(topic, discovery, camera.camera_id, camera.nickname)
        online = b"ON" if camera.online else b"OFF"
        yield Publication(f"{topic}/camera/{camera.camera_id}/online", online, retain=True)


def slug(person_id: str) -> str:
    """A person's id as a part of a topic: letters and digits, and a hash where something had to be left out."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", person_id)
    return plain if plain == person_id else f"{plain}_{hashlib.sha256(person_id.encode()).hexdigest()[:8]}"


def _last_of_person(topic: str, discovery: str, person_id: str, last: LastSeen) -> Iterator[Publication]:
    yield from _of_person(topic, discovery, person_id, last.called or person_id)
    yield Publication(f"{topic}/person/{slug(person_id)}", _seen(last), retain=True)


def _last_at_camera(topic: str, last: LastSeen) -> Publication:
    return Publication(f"{topic}/camera/{last.sighting.camera_id}", _seen(last), retain=True)


def _seen(last: LastSeen) -> bytes:
    sighting = last.sighting
    seen = {
        "person": last.called or sighting.person_id or "unknown",
        "person_id": sighting.person_id,
        "camera": sighting.camera_nickname,
        "seen_at": sighting.started_at.isoformat(),
    }
    return _json(seen)


def _of_camera(topic: str, discovery: str, camera_id: str, nickname: str) -> Iterator[Publication]:
    state = f"{topic}/camera/{camera_id}"
    last = {"name": f"{nickname} last person", "state_topic": state, "value_template": "{{ value_json.person }}"}
    yield from _described(topic, discovery, "sensor", f"camera_{camera_id}_person", last)
    online = {
        "name": f"{nickname} online",
        "state_topic": f"{state}/online",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
    }
    yield from _described(topic, discovery, "binary_sensor", f"camera_{camera_id}_online", online)


def _of_person(topic: str, discovery: str, person_id: str, called: str) -> Iterator[Publication]:
    state = f"{topic}/person/{slug(person_id)}"
    camera = {"name": f"{called} last camera", "state_topic": state, "value_template": "{{ value_json.camera }}"}
    yield from _described(topic, discovery, "sensor", f"person_{slug(person_id)}_camera", camera)
    seen = {
        "name": f"{called} last seen",
        "state_topic": state,
        "value_template": "{{ value_json.seen_at }}",
        "device_class": "timestamp",
    }
    yield from _described(topic, discovery, "sensor", f"person_{slug(person_id)}_seen", seen)


def _of_strangers(topic: str, discovery: str) -> Iterator[Publication]:
    stranger = {
        "name": "Stranger present",
        "state_topic": f"{topic}/stranger",
        "device_class": "occupancy",
        "off_delay": STRANGER_SECONDS,
    }
    yield from _described(topic, discovery, "binary_sensor", "stranger", stranger)


def _described(
    topic: str, discovery: str, component: str, object_id: str, entity: dict[str, Any]
) -> Iterator[Publication]:
    if not discovery:
        return
    # Home Assistant takes Latin letters and digits there, and our topic may have others.
    node = slug(topic.replace("/", "_"))
    whole = entity | {
        "unique_id": f"{node}_{object_id}",
        "availability_topic": status_topic(topic),
        "device": {"identifiers": [node], "name": "Face Server"},
        "origin": {"name": "Face Server"},
    }
    yield Publication(f"{discovery}/{component}/{node}/{object_id}/config", _json(whole), retain=True)


def _json(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode()
