"""Cameras over HTTP: scheduling is all or nothing, and no secret ever comes back."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.schemas.cameras import MAX_JOBS
from tests.api.conftest import LiveServer, Post
from tests.rig.ports import closed_port
from tests.rig.watching import wait_until

PASSWORD, BOT_TOKEN = "s3cret-pa55word", "123456789:AAs3cret-bot-t0ken"


@pytest.fixture(scope="module")
def nowhere() -> Iterator[str]:
    """A loopback address at which nobody answers."""
    with closed_port() as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture
def job(nowhere: str) -> dict[str, Any]:
    """The description's example of one camera."""
    return {
        "rtsp_link": f"rtsp://user:{PASSWORD}@{nowhere}/stream",
        "camera_nickname": "FrontDoor",
        "telegram_api_token": BOT_TOKEN,
        "telegram_chat_id": "123456789",
        "threshold": 0.55,
        "cooldown_seconds": 60,
    }


def _schedule(api: httpx.Client, jobs: Any) -> httpx.Response:
    return _send(api, json.dumps(jobs))


def _send(api: httpx.Client, content: str) -> httpx.Response:
    return api.post("/cameras/schedule", content=content, headers={"Content-Type": "application/json"})


def _listed(api: httpx.Client) -> list[Any]:
    answer = api.get("/cameras").raise_for_status().json()
    assert answer["total"] == len(answer["cameras"])
    cameras: list[Any] = answer["cameras"]
    return cameras


def _refusal(reply: httpx.Response) -> tuple[int, str, str, int | None]:
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["details"]["field"], error["details"]["index"]


def test_one_camera_is_scheduled_and_shown_without_its_secrets(
    api: httpx.Client, job: dict[str, Any], nowhere: str
) -> None:
    reply = _schedule(api, job)
    assert reply.status_code == 200
    (camera,) = reply.json()["cameras"]
    assert camera["camera_nickname"] == "FrontDoor"
    assert camera["rtsp_link"] == f"rtsp://user:***@{nowhere}/stream"
    assert (camera["threshold"], camera["cooldown_seconds"]) == (0.55, 60)
    assert (camera["telegram"], camera["notify_unknown"]) == (True, False)
    assert [listed["camera_id"] for listed in _listed(api)] == [camera["camera_id"]]


def test_what_is_left_out_has_the_descriptions_defaults(api: httpx.Client, job: dict[str, Any]) -> None:
    _schedule(api, {name: job[name] for name in ("rtsp_link", "camera_nickname")}).raise_for_status()
    (camera,) = _listed(api)
    assert (camera["threshold"], camera["cooldown_seconds"], camera["telegram"]) == (0.5, 3600, False)


def test_an_array_is_scheduled_and_listed_by_nickname(api: httpx.Client, job: dict[str, Any]) -> None:
    jobs = [job | {"camera_nickname": name} for name in ("Yard", "Attic", "Küche")]
    assert [camera["camera_nickname"] for camera in _schedule(api, jobs).json()["cameras"]] == [
        "Yard",
        "Attic",
        "Küche",
    ]
    assert [camera["camera_nickname"] for camera in _listed(api)] == ["Attic", "Küche", "Yard"]


def test_a_chat_id_may_be_a_number_and_blanks_around_a_text_do_not_count(
    api: httpx.Client, job: dict[str, Any]
) -> None:
    _schedule(api, job | {"telegram_chat_id": -100123, "camera_nickname": " FrontDoor\n"}).raise_for_status()
    (camera,) = _listed(api)
    assert (camera["telegram"], camera["camera_nickname"]) == (True, "FrontDoor")


@pytest.mark.parametrize("empty", [None, ""])
def test_empty_telegram_fields_are_as_good_as_none(api: httpx.Client, job: dict[str, Any], empty: str | None) -> None:
    _schedule(api, job | {"telegram_api_token": empty, "telegram_chat_id": empty}).raise_for_status()
    assert _listed(api)[0]["telegram"] is False


def test_the_same_nickname_and_link_again_changes_that_camera(api: httpx.Client, job: dict[str, Any]) -> None:
    first = _schedule(api, job).json()["cameras"][0]
    again = _schedule(api, job | {"threshold": 0.7, "notify_unknown": True}).json()["cameras"][0]
    assert again["camera_id"] == first["camera_id"]
    (camera,) = _listed(api)
    assert (camera["threshold"], camera["notify_unknown"]) == (0.7, True)


def test_a_camera_named_twice_in_one_call_is_watched_once_as_it_was_named_last(
    api: httpx.Client, job: dict[str, Any]
) -> None:
    _schedule(api, [job, job | {"threshold": 0.9}]).raise_for_status()
    assert [camera["threshold"] for camera in _listed(api)] == [0.9]


def test_another_nickname_or_another_path_is_another_camera(api: httpx.Client, job: dict[str, Any]) -> None:
    jobs = [job, job | {"camera_nickname": "BackDoor"}, job | {"rtsp_link": job["rtsp_link"] + "2"}]
    _schedule(api, jobs).raise_for_status()
    assert len({camera["camera_id"] for camera in _listed(api)}) == 3


def test_a_camera_says_how_it_is_doing(api: httpx.Client, post: Post, job: dict[str, Any]) -> None:
    camera_id = _schedule(api, job).json()["cameras"][0]["camera_id"]

    def status() -> Any:
        return post("camera_status", camera_id=camera_id).raise_for_status().json()

    wait_until(lambda: status()["last_error"] is not None)
    told = status()
    assert (told["action"], told["camera_id"], told["camera_nickname"]) == ("camera_status", camera_id, "FrontDoor")
    assert told["state"] in {"connecting", "reconnecting", "failed"}
    assert (told["fps_read"], told["fps_analysed"], told["last_frame_at"]) == (0, 0, None)
    assert {"frames_read", "frames_analysed", "faces", "sightings", "reconnects"} <= told["counts"].keys()
    assert PASSWORD not in json.dumps(told)


def test_a_removed_camera_is_gone_and_its_secrets_with_it(
    api: httpx.Client, post: Post, job: dict[str, Any], server: LiveServer
) -> None:
    camera_id = _schedule(api, job).json()["cameras"][0]["camera_id"]
    assert api.delete(f"/cameras/{camera_id}").json() == {"camera_id": camera_id}
    assert _listed(api) == []
    assert api.delete(f"/cameras/{camera_id}").status_code == 404
    assert post("camera_status", camera_id=camera_id).status_code == 404
    with server.services.recognition.database.read() as tx:
        assert tx.connection.exec_driver_sql("SELECT count(*) FROM channels").scalar_one() == 0


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"rtsp_link": "file:///etc/passwd"}, "rtsp_link"),
    ({"rtsp_link": "concat:rtsp://127.0.0.1/a|rtsp://127.0.0.1/b"}, "rtsp_link"),
    ({"rtsp_link": "tcp://127.0.0.1:80"}, "rtsp_link"),
    ({"rtsp_link": "lavfi:testsrc"}, "rtsp_link"),
    ({"rtsp_link": "/dev/video0"}, "rtsp_link"),
    ({"rtsp_link": "0"}, "rtsp_link"),
    ({"rtsp_link": "rtsp://127.0.0.1/a -f lavfi"}, "rtsp_link"),
    ({"rtsp_link": "rtsp://127.0.0.1/a\n-i"}, "rtsp_link"),
    ({"rtsp_link": "rtsp://ip:port/stream"}, "rtsp_link"),
    ({"rtsp_link": ""}, "rtsp_link"),
    ({"rtsp_link": None}, "rtsp_link"),
    ({"rtsp_link": ["rtsp://127.0.0.1/a"]}, "rtsp_link"),
    ({"rtsp_link": "rtsp://127.0.0.1/" + "x" * 2048}, "rtsp_link"),
    ({"rtsp_link": "rtsp://127.0.0.1/\ud800"}, "rtsp_link"),
    ({"camera_nickname": ""}, "camera_nickname"),
    ({"camera_nickname": "   "}, "camera_nickname"),
    ({"camera_nickname": "a\x00b"}, "camera_nickname"),
    ({"camera_nickname": "a\nb"}, "camera_nickname"),
    ({"camera_nickname": "x" * 129}, "camera_nickname"),
    ({"threshold": -0.1}, "threshold"),
    ({"threshold": 1.1}, "threshold"),
    ({"threshold": "high"}, "threshold"),
    ({"threshold": float("nan")}, "threshold"),
    ({"cooldown_seconds": -1}, "cooldown_seconds"),
    ({"cooldown_seconds": 1.5}, "cooldown_seconds"),
    ({"cooldown_seconds": 10**30}, "cooldown_seconds"),
    ({"cooldown_seconds": float("inf")}, "cooldown_seconds"),
    ({"notify_unknown": "perhaps"}, "notify_unknown"),
    ({"telegram_api_token": None}, "telegram_chat_id"),
    ({"telegram_chat_id": ""}, "telegram_chat_id"),
    ({"telegram_chat_id": "1" * 65}, "telegram_chat_id"),
    ({"ffmpeg_options": "-f lavfi"}, "ffmpeg_options"),
    ({"rtsp_transport": "udp"}, "rtsp_transport"),
    ({f"rtsp://user:{PASSWORD}@127.0.0.1/": 1}, "…"),
]


@pytest.mark.parametrize(("change", "field"), BAD_FIELDS, ids=[str(change)[:50] for change, _ in BAD_FIELDS])
def test_a_bad_camera_among_good_ones_is_named_by_index_and_field_and_none_is_scheduled(
    api: httpx.Client, job: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    jobs = [job, job | {"camera_nickname": "Yard"} | change, job | {"camera_nickname": "Attic"}]
    reply = _schedule(api, jobs)
    assert _refusal(reply) == (422, "invalid_field", field, 1)
    assert _listed(api) == []
    _holds_no_secret(reply.text)


@pytest.mark.parametrize(
    ("change", "field"),
    [*BAD_FIELDS, ({"region": [[0, 0], [1, 0], [2, 1]]}, "region")],
    ids=lambda part: str(part)[:50],
)
def test_a_bad_camera_alone_is_named_as_the_first_of_one(
    api: httpx.Client, job: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    alone, of_one = _schedule(api, job | change), _schedule(api, [job | change])
    assert _refusal(alone) == _refusal(of_one) == (422, "invalid_field", field, 0)


@pytest.mark.parametrize("left_out", ["rtsp_link", "camera_nickname"])
def test_a_field_that_is_needed_is_named(api: httpx.Client, job: dict[str, Any], left_out: str) -> None:
    reply = _schedule(api, [{name: value for name, value in job.items() if name != left_out}])
    assert _refusal(reply) == (422, "invalid_field", left_out, 0)
    _holds_no_secret(reply.text)


@pytest.mark.parametrize("jobs", [[], [[]], [None], [1], ["rtsp://127.0.0.1/"], {}])
def test_what_is_no_camera_is_refused(api: httpx.Client, jobs: Any) -> None:
    reply = _schedule(api, jobs)
    assert reply.status_code == 422
    assert _listed(api) == []


def test_a_hundred_cameras_are_the_most(api: httpx.Client, job: dict[str, Any]) -> None:
    reply = _schedule(api, [job | {"camera_nickname": f"Camera {number}"} for number in range(MAX_JOBS + 1)])
    assert reply.status_code == 422
    assert _listed(api) == []
    _holds_no_secret(reply.text)


def test_all_or_nothing_holds_for_cameras_that_exist_too(api: httpx.Client, job: dict[str, Any]) -> None:
    _schedule(api, job).raise_for_status()
    reply = _schedule(api, [job | {"threshold": 0.9}, job | {"rtsp_link": "file:///x"}])
    assert _refusal(reply) == (422, "invalid_field", "rtsp_link", 1)
    assert _listed(api)[0]["threshold"] == 0.55


def test_neither_a_reply_nor_the_log_nor_a_file_holds_a_secret(
    api: httpx.Client, post: Post, job: dict[str, Any], server: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    scheduled = _schedule(api, job)
    camera_id = scheduled.json()["cameras"][0]["camera_id"]
    wait_until(lambda: post("camera_status", camera_id=camera_id).json()["last_error"] is not None)
    told += [_schedule(api, [job | change]).text for change, _ in BAD_FIELDS]
    told.append(_send(api, json.dumps(job)[:-1]).text)
    told += [scheduled.text, api.get("/cameras").text, post("camera_status", camera_id=camera_id).text]
    told.append(api.delete(f"/cameras/{camera_id}").text)
    for text in (*told, caplog.text, *caplog.messages):
        _holds_no_secret(text)
    for file in _files(server.settings.data_dir):
        _holds_no_secret(file)


def _files(folder: Path) -> list[str]:
    return [path.read_bytes().decode("latin-1") for path in folder.glob("*") if path.is_file()]


def _holds_no_secret(text: str) -> None:
    assert PASSWORD not in text
    assert BOT_TOKEN.partition(":")[2] not in text
