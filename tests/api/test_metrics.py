"""What the server tells of itself: `/metrics` for Prometheus with its dashboard, `/readyz` for everybody."""

import json
import re
import shutil
from collections import namedtuple
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from backend.api.factory import create_app
from backend.api.security import OPEN_PATHS, Policy
from backend.domain import errors
from backend.settings import Settings
from tests.api.conftest import TOKEN, LiveServer, Post
from tests.rig.photos import jpeg, person_crop
from tools.write_dashboard import DASHBOARD, dashboard

Room = namedtuple("Room", "total used free")


def samples(api: httpx.Client) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    reply = api.get("/metrics").raise_for_status()
    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


def test_a_request_is_counted_by_its_route_and_status(api: httpx.Client) -> None:
    def count() -> float:
        return samples(api).get(("face_server_http_requests_total", "DELETE", "/v1/persons/{person_id}", "404"), 0)

    before = count()
    for name in ("nobody", "no-one"):
        api.delete(f"/v1/persons/{name}")
    assert count() == before + 2


def test_paths_and_methods_that_callers_make_up_are_not_counted_one_by_one(
    api: httpx.Client, anybody: httpx.Client
) -> None:
    api.get("/made-up-path")
    api.request("MADEUP", "/persons")
    anybody.get("/another-made-up-path")
    told = api.get("/metrics").text.lower()
    assert "made" not in told
    assert 'route="none"' in told


def test_the_batches_of_the_models_are_counted_by_size(api: httpx.Client, post: Post) -> None:
    def batches() -> float:
        return sum(value for name, value in samples(api).items() if name[0] == "face_server_batches_total")

    before = batches()
    post("add", jpeg(person_crop(2)), person_id="alice").raise_for_status()
    told = samples(api)
    assert batches() > before
    assert told["face_server_engine_waiting",] == 0
    assert told["face_server_cameras_degraded",] == 0
    assert told["face_server_camera_seconds_total", "decode"] == 0


def test_an_identification_is_measured_stage_by_stage(api: httpx.Client, post: Post) -> None:
    photo = jpeg(person_crop(2))
    post("add", photo, person_id="alice").raise_for_status()
    before = samples(api)
    post("retrieve", photo).raise_for_status()
    after = samples(api)
    for stage in ("decode", "detect", "embed", "search"):
        name = ("face_server_stage_seconds_count", stage)
        assert after[name] == before[name] + 1, stage
    matches = ("face_server_similarity_count", "match")
    assert after[matches] == before.get(matches, 0) + 1
    assert (after["face_server_people",], after["face_server_templates",]) == (1, 1)


def test_a_camera_is_counted_by_its_state(api: httpx.Client) -> None:
    job = {"rtsp_link": "rtsp://127.0.0.1:9/", "camera_nickname": "Nowhere"}
    api.post("/cameras/schedule", json=job).raise_for_status()
    counted = samples(api)
    states = ("connecting", "streaming", "reconnecting", "stopped", "failed")
    assert sum(counted["face_server_cameras", state] for state in states) == 1
    assert "1 of 1 cameras show nothing now." in api.get("/readyz").json()["degraded"]


def test_metrics_are_behind_the_token_unless_a_setting_opens_them(anybody: httpx.Client) -> None:
    assert anybody.get("/metrics").status_code == 401
    opened = create_app(Settings(_env_file=None, auth_token=TOKEN, metrics_open=True))
    (policy,) = [each.kwargs["policy"] for each in opened.user_middleware if "policy" in each.kwargs]
    assert isinstance(policy, Policy)
    assert policy.open_paths == OPEN_PATHS | {"/metrics"}


def test_every_metric_of_the_dashboard_exists(api: httpx.Client, post: Post) -> None:
    post("add", jpeg(person_crop(2)), person_id="alice").raise_for_status()
    post("retrieve", jpeg(person_crop(2))).raise_for_status()
    known = {name for name, *_ in samples(api)}
    panels = json.loads(DASHBOARD.read_text())["panels"]
    named = {
        name
        for panel in panels
        for target in panel["targets"]
        for name in re.findall(r"face_server_\w+", target["expr"])
    }
    assert len(named) > 10
    assert named <= known


def test_the_dashboard_is_that_of_its_tool() -> None:
    assert Path(DASHBOARD).read_text() == dashboard(), "python -m tools.write_dashboard"


def test_a_server_that_is_well_says_what_it_stands_on(anybody: httpx.Client) -> None:
    ready = anybody.get("/readyz").raise_for_status().json()
    assert (ready["status"], ready["self_test"]) == ("ready", "passed")
    assert ready["disk_free_mb"] > 0


def test_a_database_that_can_be_read_alone_is_not_ready(
    api: httpx.Client, server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise errors.StorageError("The database cannot be used: attempt to write a readonly database.")

    monkeypatch.setattr("backend.api.standing.WRITE_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(server.services.recognition.gallery, "check_writable", fail)
    assert api.get("/readyz").status_code == 503
    monkeypatch.undo()
    assert api.get("/readyz").status_code == 200


def test_a_disk_that_is_nearly_full_is_told(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Room(10**9, 10**9, 2 * 2**20))
    ready = api.get("/readyz").raise_for_status().json()
    assert "Only 2 MB are left on the disk; 500 MB are wanted." in ready["degraded"]
