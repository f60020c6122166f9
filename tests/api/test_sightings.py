"""`GET /sightings` and their pictures."""

import io
from datetime import timedelta
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from backend.domain.sighting import Sighting
from backend.storage import sightings
from tests.api.conftest import LiveServer
from tests.rig.photos import jpeg, person_crop
from tests.unit.notifications.situations import FACE, NOON, a_look, a_sighting

MINUTE = timedelta(minutes=1)
PICTURE = jpeg(person_crop(2))


def _keep(server: LiveServer, *kept: Sighting) -> None:
    with server.services.recognition.database.write() as tx:
        for sighting in kept:
            sightings.add(tx, sighting, a_look())


def _page(api: httpx.Client, **wanted: Any) -> Any:
    return api.get("/sightings", params=wanted).raise_for_status().json()


def _names(api: httpx.Client, **wanted: Any) -> set[str]:
    return {sighting["camera_nickname"] for sighting in _page(api, **wanted)["sightings"]}


def _refusal(api: httpx.Client, **wanted: Any) -> tuple[int, str, str]:
    reply = api.get("/sightings", params=wanted)
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["details"]["field"]


@pytest.fixture
def _a_day(server: LiveServer, api: httpx.Client) -> None:
    """Several people at two cameras; each sighting is known by the nickname it carries."""
    _keep(
        server,
        a_sighting("alice", camera_nickname="alice early"),
        a_sighting("alice", camera_nickname="alice late", started_at=NOON + 2 * MINUTE),
        a_sighting("Ren\u00e9", camera_nickname="rené", started_at=NOON + MINUTE),
        a_sighting(None, camera_nickname="stranger"),
        a_sighting("alice", camera_nickname="back door", camera_id="back"),
    )


def test_there_is_nothing_at_first(api: httpx.Client) -> None:
    assert _page(api) == {"sightings": [], "next_cursor": None}


def test_a_sighting_is_told_with_times_in_utc_and_the_path_of_its_picture(
    api: httpx.Client, server: LiveServer
) -> None:
    kept = a_sighting(ended_at=NOON + MINUTE, last_seen_at=NOON + MINUTE, picture="2026-11-22/x-1.jpg")
    _keep(server, kept)
    (told,) = _page(api)["sightings"]
    expected = {
        "sighting_id": kept.sighting_id,
        "camera_id": "front",
        "camera_nickname": "Front door",
        "person_id": "alice",
        "similarity": 0.714,
        "threshold": 0.5,
        "started_at": "2026-11-22T12:00:05Z",
        "last_seen_at": "2026-11-22T12:01:05Z",
        "ended_at": "2026-11-22T12:01:05Z",
        "looks": 3,
        "picture": f"/sightings/{kept.sighting_id}/picture",
        "face": f"/sightings/{kept.sighting_id}/face",
        "face_box": {"x": FACE.x, "y": FACE.y, "width": FACE.width, "height": FACE.height},
    }
    assert {name: told[name] for name in expected} == expected


def test_people_are_called_by_their_display_names_where_they_have_one(api: httpx.Client, server: LiveServer) -> None:
    api.post("/v1/persons", json={"person_id": "alice", "display_name": "Aunt Alice"}).raise_for_status()
    api.post("/v1/persons", json={"person_id": "bob"}).raise_for_status()
    _keep(server, *(a_sighting(person_id) for person_id in ("alice", "bob", "removed since", None)))
    called = {seen["person_id"]: seen["display_name"] for seen in _page(api)["sightings"]}
    assert called == {"alice": "Aunt Alice", "bob": "bob", "removed since": "removed since", None: None}


def test_pages_follow_each_other_newest_first(api: httpx.Client, server: LiveServer) -> None:
    kept = sorted((a_sighting() for _ in range(5)), key=lambda sighting: sighting.sighting_id, reverse=True)
    _keep(server, *kept)
    seen, cursor = [], None
    for expected in (2, 2, 1):
        page = _page(api, limit=2, **({"cursor": cursor} if cursor else {}))
        assert len(page["sightings"]) == expected
        seen += [sighting["sighting_id"] for sighting in page["sightings"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert seen == [sighting.sighting_id for sighting in kept]


def test_a_page_that_is_just_full_is_the_last(api: httpx.Client, server: LiveServer) -> None:
    _keep(server, a_sighting(), a_sighting())
    assert _page(api, limit=2)["next_cursor"] is None


@pytest.mark.usefixtures("_a_day")
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"camera_id": "back"}, {"back door"}),
        ({"camera_id": "elsewhere"}, set()),
        ({"person_id": "alice"}, {"alice early", "alice late", "back door"}),
        ({"person_id": "Rene\u0301"}, {"rené"}),
        ({"unknown": "true"}, {"stranger"}),
        ({"since": "2026-11-22T12:01:05Z"}, {"alice late", "rené"}),
        ({"since": "2026-11-22T13:01:05+01:00"}, {"alice late", "rené"}),
        ({"until": "2026-11-22T12:01:05Z", "camera_id": "front"}, {"alice early", "stranger"}),
        ({"since": "2026-11-22T12:00:05.000001Z", "until": "2026-11-22T12:02:05Z"}, {"rené"}),
        ({"person_id": ""}, {"alice early", "alice late", "rené", "stranger", "back door"}),
    ],
)
def test_filters_narrow_the_list(api: httpx.Client, wanted: dict[str, str], expected: set[str]) -> None:
    assert _names(api, **wanted) == expected


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-22T12:00:00",
        "2026-11-22",
        "yesterday",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "",
    ],
)
def test_a_time_without_a_zone_or_out_of_range_is_refused(api: httpx.Client, name: str, moment: str) -> None:
    assert _refusal(api, **{name: moment}) == (422, "invalid_field", name)


@pytest.mark.parametrize("cursor", ["x", "01M826HTGMKS5F8WHQWVSW66M", "01m826htgmks5f8whqwvsw66m1", "'; DROP TABLE x"])
def test_a_cursor_that_is_none_is_refused(api: httpx.Client, cursor: str) -> None:
    assert _refusal(api, cursor=cursor) == (422, "invalid_field", "cursor")


@pytest.mark.parametrize("limit", [0, -1, 201, "all"])
def test_a_limit_out_of_range_is_refused(api: httpx.Client, limit: object) -> None:
    assert _refusal(api, limit=limit) == (422, "invalid_field", "limit")


def test_a_picture_is_answered_as_jpeg_and_kept_by_no_proxy(api: httpx.Client, server: LiveServer) -> None:
    kept = a_sighting(picture="2026-11-22/x-1.jpg")
    _keep(server, kept)
    server.services.snapshots.write("2026-11-22/x-1.jpg", PICTURE)
    reply = api.get(_page(api)["sightings"][0]["picture"])
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "image/jpeg")
    assert reply.content == PICTURE
    assert "private" in reply.headers["Cache-Control"]


def test_the_face_alone_is_cut_from_the_picture_with_some_room_around_it(api: httpx.Client, server: LiveServer) -> None:
    kept = a_sighting(picture="2026-11-22/x-1.jpg")
    _keep(server, kept)
    whole = np.zeros((300, 400, 3), np.uint8)
    server.services.snapshots.write("2026-11-22/x-1.jpg", jpeg(whole))
    reply = api.get(_page(api)["sightings"][0]["face"])
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "image/jpeg")
    around = FACE.expanded(0.4)
    left, top, right, bottom = (
        max(0.0, around.x),
        max(0.0, around.y),
        min(400.0, around.right),
        min(300.0, around.bottom),
    )
    width, height = Image.open(io.BytesIO(reply.content)).size
    assert (width, height) == pytest.approx((right - left, bottom - top), abs=1)


@pytest.mark.parametrize("picture", [None, "2026-11-22/gone-1.jpg"])
def test_a_picture_that_was_not_kept_or_is_gone_is_404(
    api: httpx.Client, server: LiveServer, picture: str | None
) -> None:
    kept = a_sighting(picture=picture)
    _keep(server, kept)
    reply = api.get(f"/sightings/{kept.sighting_id}/picture")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "sighting_not_found")


@pytest.mark.parametrize("sighting_id", ["nope", "01M826HTGMKS5F8WHQWVSW66M1", "%2e%2e%2f%2e%2e", "%00", "%ff"])
def test_the_picture_of_an_unknown_sighting_is_404(api: httpx.Client, sighting_id: str) -> None:
    assert api.get(f"/sightings/{sighting_id}/picture").status_code == 404
