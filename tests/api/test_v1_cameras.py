"""What `/v1` has of cameras, sightings, rules and channels: the same as the routes without a version."""

import csv
import io
from typing import Any

import httpx
import pytest

from backend.api.factory import create_app
from backend.domain.sighting import Sighting
from backend.settings import Settings
from backend.storage import sightings
from tests.api.conftest import TOKEN, LiveServer
from tests.rig.photos import jpeg, person_crop
from tests.unit.notifications.situations import a_look, a_sighting

PICTURE = jpeg(person_crop(2))
KEY = "2026-11-22/x-1.jpg"


def _keep(server: LiveServer, *kept: Sighting) -> None:
    with server.services.recognition.database.write() as tx:
        for sighting in kept:
            sightings.add(tx, sighting, a_look())


@pytest.fixture(scope="module")
def operations() -> dict[str, Any]:
    """All that is described, by its method and path."""
    paths: dict[str, Any] = create_app(Settings(_env_file=None, auth_token=TOKEN)).openapi()["paths"]
    return {f"{method} {path}": operation for path, methods in paths.items() for method, operation in methods.items()}


@pytest.mark.parametrize("subject", ["cameras", "sightings", "rules", "mutes", "arming", "channels", "deliveries"])
def test_what_has_a_route_without_a_version_has_the_same_under_v1(subject: str, operations: dict[str, Any]) -> None:
    old = {name: operation for name, operation in operations.items() if name.split(" ")[1].startswith(f"/{subject}")}
    assert old
    for name, operation in old.items():
        versioned = operations[name.replace(" ", " /v1")]
        assert versioned["responses"].keys() == operation["responses"].keys(), name


@pytest.fixture
def picture(server: LiveServer, api: httpx.Client) -> str:
    """The path of a sighting's picture."""
    server.services.snapshots.write(KEY, PICTURE)
    sighting = a_sighting(picture=KEY)
    _keep(server, sighting)
    return f"/v1/sightings/{sighting.sighting_id}/picture"


def test_a_picture_is_not_sent_again_to_who_has_it(api: httpx.Client, picture: str) -> None:
    first = api.get(picture)
    assert first.content == PICTURE
    for known in (first.headers["ETag"], f'"another", W/{first.headers["ETag"]}', "*"):
        again = api.get(picture, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
    assert api.get(picture, headers={"If-None-Match": '"another"'}).content == PICTURE


SIZE = len(PICTURE)


@pytest.mark.parametrize(
    ("asked", "part", "told"),
    [
        ("bytes=0-9", PICTURE[:10], f"bytes 0-9/{SIZE}"),
        ("bytes=10-", PICTURE[10:], f"bytes 10-{SIZE - 1}/{SIZE}"),
        ("bytes=-7", PICTURE[-7:], f"bytes {SIZE - 7}-{SIZE - 1}/{SIZE}"),
        (f"bytes=5-{SIZE * 2}", PICTURE[5:], f"bytes 5-{SIZE - 1}/{SIZE}"),
        (f"bytes=-{SIZE * 2}", PICTURE, f"bytes 0-{SIZE - 1}/{SIZE}"),
    ],
)
def test_a_part_of_a_picture_is_answered(api: httpx.Client, picture: str, asked: str, part: bytes, told: str) -> None:
    reply = api.get(picture, headers={"Range": asked})
    assert (reply.status_code, reply.content, reply.headers["Content-Range"]) == (206, part, told)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=9-5", "bytes=-0"])
def test_a_part_that_is_not_there_is_416(api: httpx.Client, picture: str, asked: str) -> None:
    reply = api.get(picture, headers={"Range": asked})
    assert (reply.status_code, reply.headers["Content-Range"]) == (416, f"bytes */{SIZE}")


@pytest.mark.parametrize(
    "asked", ["bytes=-", "bytes=a-b", "bytes=0-1,3-4", "bytes=0-" + "9" * 5000, "lines=0-1", "bytes=٣-٤".encode()]
)
def test_what_is_no_range_is_answered_whole(api: httpx.Client, picture: str, asked: str | bytes) -> None:
    reply = api.get(picture, headers=[(b"Range", asked.encode() if isinstance(asked, str) else asked)])
    assert (reply.status_code, reply.content) == (200, PICTURE)


def test_a_part_of_a_former_picture_is_not_mixed_with_this_one(api: httpx.Client, picture: str) -> None:
    reply = api.get(picture, headers={"Range": "bytes=0-9", "If-Range": '"former"'})
    assert (reply.status_code, reply.content) == (200, PICTURE)


def test_sightings_are_answered_as_a_table(server: LiveServer, api: httpx.Client) -> None:
    kept = [a_sighting("alice"), a_sighting(None), a_sighting("bob")]
    _keep(server, *kept)
    reply = api.get("/v1/sightings.csv").raise_for_status()
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert [row["sighting_id"] for row in rows] == sorted((s.sighting_id for s in kept), reverse=True)
    assert {row["person_id"] for row in rows} == {"alice", "", "bob"}
    assert rows[0]["started_at"].endswith("+00:00")
    narrowed = api.get("/v1/sightings.csv", params={"person_id": "bob"}).text
    assert [row["person_id"] for row in csv.DictReader(io.StringIO(narrowed))] == ["bob"]


def test_no_name_in_the_table_is_a_formula(server: LiveServer, api: httpx.Client) -> None:
    _keep(server, a_sighting("-alice", camera_nickname="=cmd|' /C calc'!A0"))
    (row,) = csv.DictReader(io.StringIO(api.get("/v1/sightings.csv").text))
    assert (row["person_id"], row["camera_nickname"]) == ("'-alice", "'=cmd|' /C calc'!A0")
