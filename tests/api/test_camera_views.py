"""What a camera sees, over HTTP: checked before it is watched, one picture, and moving pictures."""

import io
from collections.abc import Iterator
from itertools import islice
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.rig.clips import Film, still_scene
from tests.rig.photos import person_crop
from tests.rig.rtsp_server import RtspServer
from tests.rig.watching import wait_until

SIZE, MAIN_SIZE = (640, 480), (1280, 960)
AMBER = (243, 156, 18)
"""The colour of the box around somebody unknown."""


@pytest.fixture(scope="module")
def rtsp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    """Somebody stands before the camera."""
    folder = tmp_path_factory.mktemp("clips")
    clip = still_scene(folder / "face.mp4", [person_crop(2)], Film(SIZE, fps=10))
    main = still_scene(folder / "main.mp4", [person_crop(2)], Film(MAIN_SIZE, fps=10), seconds=2.0, face_height=180)
    with RtspServer({"door": clip.path, "main": main.path}, user="alice", password="secret") as server:
        yield server


@pytest.fixture
def camera(api: httpx.Client, rtsp: RtspServer) -> str:
    """A camera that is being watched; its id."""
    job = {"rtsp_link": rtsp.url("door", "alice", "secret"), "camera_nickname": "FrontDoor", "analysis_fps": 8}
    camera_id: str = api.post("/cameras/schedule", json=job).raise_for_status().json()["cameras"][0]["camera_id"]
    wait_until(lambda: status(api, camera_id)["counts"]["frames_analysed"] > 0)
    return camera_id


def status(api: httpx.Client, camera_id: str) -> Any:
    cameras = api.get("/cameras").raise_for_status().json()["cameras"]
    return next(camera for camera in cameras if camera["camera_id"] == camera_id)


def parts(answer: httpx.Response) -> Iterator[bytes]:
    """The pictures of a live answer, as they come."""
    boundary = answer.headers["content-type"].partition("boundary=")[2].encode()
    buffer = b""
    for data in answer.iter_raw():
        buffer += data
        while buffer.count(b"--" + boundary) >= 2:
            _, part, rest = buffer.split(b"--" + boundary, 2)
            buffer = b"--" + boundary + rest
            yield part.partition(b"\r\n\r\n")[2]


def pixels(jpeg: bytes) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))


def test_a_snapshot_is_what_the_camera_sees_now(api: httpx.Client, camera: str) -> None:
    answer = api.get(f"/cameras/{camera}/snapshot").raise_for_status()
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "private, no-store"
    assert "GMT" in answer.headers["last-modified"]
    assert Image.open(io.BytesIO(answer.content)).size == SIZE


def test_live_pictures_come_one_after_the_other_with_a_box_around_who_is_there(api: httpx.Client, camera: str) -> None:
    wait_until(lambda: status(api, camera)["counts"]["sightings"] >= 1)
    with api.stream("GET", f"/cameras/{camera}/live") as answer:
        assert answer.headers["content-type"].startswith("multipart/x-mixed-replace")
        shown = parts(answer)
        first, second = next(shown), next(shown)
    assert first != second
    distance = np.abs(pixels(second).astype(int) - AMBER).sum(axis=2)
    assert (distance < 60).sum() > 100


def test_a_camera_that_shows_nothing_says_why(api: httpx.Client) -> None:
    job = {"rtsp_link": "rtsp://127.0.0.1:9/", "camera_nickname": "Nowhere"}
    camera_id = api.post("/cameras/schedule", json=job).raise_for_status().json()["cameras"][0]["camera_id"]
    wait_until(lambda: status(api, camera_id)["last_error"] is not None)
    answer = api.get(f"/cameras/{camera_id}/snapshot")
    assert answer.status_code == 503
    assert "Nothing answers" in answer.json()["error"]["message"]
    with api.stream("GET", f"/cameras/{camera_id}/live") as live:
        assert Image.open(io.BytesIO(next(parts(live)))).size == (640, 360)


def test_a_live_answer_ends_when_its_camera_is_removed(api: httpx.Client, camera: str) -> None:
    with api.stream("GET", f"/cameras/{camera}/live") as answer:
        shown = parts(answer)
        next(shown)
        api.delete(f"/cameras/{camera}").raise_for_status()
        # It ends at all: some pictures more come until the camera is removed for good.
        assert len(list(islice(shown, 100))) < 100


@pytest.mark.parametrize("what", ["snapshot", "live"])
def test_a_camera_that_there_is_not_shows_nothing(api: httpx.Client, what: str) -> None:
    answer = api.get(f"/cameras/nothing/{what}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "camera_not_found")


@pytest.mark.parametrize("what", ["nothing/snapshot", "nothing/live"])
def test_nobody_without_the_token_sees_anything(anybody: httpx.Client, what: str) -> None:
    assert anybody.get(f"/cameras/{what}").status_code == 401


def test_a_link_is_checked_without_being_watched(api: httpx.Client, rtsp: RtspServer) -> None:
    good = api.post("/cameras/check", json={"rtsp_link": rtsp.url("door", "alice", "secret")}).raise_for_status()
    assert good.json()["ok"]
    assert (good.json()["video"]["codec"], len(good.json()["video"]["face_sizes"])) == ("h264", 1)
    bad = api.post("/cameras/check", json={"rtsp_link": rtsp.url("door", "alice", "guess")}).raise_for_status()
    assert (bad.json()["ok"], bad.json()["failed"]) == (False, "login")
    assert "guess" not in bad.text
    assert api.get("/cameras").json()["total"] == 0


def test_the_status_counts_what_the_camera_costs(api: httpx.Client, camera: str) -> None:
    wait_until(lambda: status(api, camera)["counts"]["sightings"] >= 1)
    told = status(api, camera)
    assert told["analysis_fps"] == 8
    assert told["degraded"] == []
    counts = told["counts"]
    assert counts["frames_read"] >= counts["frames_decoded"] >= counts["frames_analysed"] > 0
    assert counts["decode_ms"] > 0
    assert counts["inference_ms"] > 0
    assert counts["tracks"] >= 1
    assert (counts["restarts"], counts["reconnects"]) == (0, 0)


def test_a_region_of_interest_is_kept_and_heeded(api: httpx.Client, rtsp: RtspServer) -> None:
    left = [[0, 0], [0.2, 0], [0.2, 1], [0, 1]]
    job = {"rtsp_link": rtsp.url("door", "alice", "secret"), "camera_nickname": "Left", "region": left}
    camera_id = api.post("/cameras/schedule", json=job).raise_for_status().json()["cameras"][0]["camera_id"]
    wait_until(lambda: status(api, camera_id)["counts"]["frames_analysed"] >= 5)
    assert status(api, camera_id)["region"] == left
    assert status(api, camera_id)["counts"]["faces"] == 0


def test_the_best_picture_comes_from_the_detail_link_if_there_is_one(api: httpx.Client, rtsp: RtspServer) -> None:
    links = {name: rtsp.url(name, "alice", "secret") for name in ("door", "main")}
    job = {"rtsp_link": links["door"], "detail_link": links["main"], "camera_nickname": "Both"}
    camera_id = api.post("/cameras/schedule", json=job).raise_for_status().json()["cameras"][0]["camera_id"]
    assert status(api, camera_id)["detail_link"].startswith("rtsp://alice:***@")

    def picture() -> tuple[int, int] | None:
        found = api.get("/sightings", params={"camera_id": camera_id}).json()["sightings"]
        if not found or not found[0]["picture"]:
            return None
        return Image.open(io.BytesIO(api.get(found[0]["picture"]).content)).size

    wait_until(lambda: picture() == MAIN_SIZE)
    sighting = api.get("/sightings", params={"camera_id": camera_id}).json()["sightings"][0]
    box = sighting["face_box"]
    assert MAIN_SIZE[0] * 0.4 < box["x"] + box["width"] / 2 < MAIN_SIZE[0] * 0.6
    assert status(api, camera_id)["degraded"] == []


def test_a_detail_link_that_fails_is_told_and_harms_nothing(api: httpx.Client, rtsp: RtspServer) -> None:
    link = rtsp.url("door", "alice", "secret")
    job = {"rtsp_link": link, "detail_link": "rtsp://127.0.0.1:9/", "camera_nickname": "Half"}
    camera_id = api.post("/cameras/schedule", json=job).raise_for_status().json()["cameras"][0]["camera_id"]
    wait_until(
        lambda: status(api, camera_id)["degraded"] == ["The detail link: Nothing answers at the camera's address."]
    )
    wait_until(lambda: status(api, camera_id)["counts"]["sightings"] == 1)


def test_a_rate_or_a_region_that_makes_no_sense_is_refused(api: httpx.Client) -> None:
    job = {"rtsp_link": "rtsp://127.0.0.1:9/", "camera_nickname": "Odd"}
    for wrong in (
        {"analysis_fps": 0},
        {"analysis_fps": 61},
        {"region": [[0, 0], [1, 1]]},
        {"region": [[0, 0]] * 2 + [[2, 0]]},
    ):
        assert api.post("/cameras/schedule", json=job | wrong).status_code == 422
