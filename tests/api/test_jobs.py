"""Imports in the background: progress, report, cancel, and what a restart says of them."""

import io
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.container.recognition import intake_of
from backend.domain.job import JobState
from backend.recognition import jobs as background
from backend.recognition.enrol import Enroller
from backend.recognition.jobs import Jobs
from tests.api.conftest import LiveServer
from tests.rig.photos import jpeg, other_photos, person_crop

ALICE, BOB = 2, 5


def _face(index: int) -> bytes:
    return jpeg(person_crop(index))


def _zip(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        for name, data in files.items():
            written.writestr(name, data)
    return archive.getvalue()


def _begin(api: httpx.Client, archive: bytes) -> httpx.Response:
    return api.post("/v1/jobs/import", files={"archive": ("people.zip", archive, "application/zip")})


def _ended(api: httpx.Client, job_id: str) -> Any:
    job: Any = {"state": "waiting"}
    while job["state"] in {"waiting", "running"}:
        job = api.get(f"/v1/jobs/{job_id}", params={"wait": 10}).raise_for_status().json()
    return job


TREE = {
    "faces/alice/1.jpg": _face(ALICE),
    "faces/alice/2.jpg": jpeg(other_photos(person_crop(ALICE))[0]),
    "faces/alice/again.jpg": _face(ALICE),
    "faces/bob/1.jpg": _face(BOB),
    "faces/bob/2.jpg": b"no picture",
    "faces/a+b/1.jpg": _face(BOB),
}


def test_an_archive_is_enrolled_and_each_photo_is_answered_for(api: httpx.Client) -> None:
    begun = _begin(api, _zip(TREE))
    assert begun.status_code == 202
    assert begun.json()["report"]["total"] == 6
    job = _ended(api, begun.json()["job_id"])
    assert (job["state"], job["report"]["done"], job["report"]["added"]) == ("done", 6, 3)
    assert {refusal["name"]: refusal["code"] for refusal in job["report"]["refusals"]} == {
        "faces/alice/again.jpg": "duplicate",
        "faces/bob/2.jpg": "unsupported_format",
        "faces/a+b/1.jpg": "invalid_field",
    }
    assert job["report"]["people"] == 2
    people = api.get("/v1/persons").json()["persons"]
    assert {person["person_id"]: person["embeddings"] for person in people} == {"alice": 2, "bob": 1}
    assert api.get("/v1/jobs", params={"limit": 1}).json()["jobs"] == [job]


def test_a_tree_may_be_sent_file_by_file(api: httpx.Client) -> None:
    tree = {**TREE, "faces\\carol\\1.jpg": b"no picture"}
    begun = api.post("/v1/jobs/import", files=[("photos", (name, data, "image/jpeg")) for name, data in tree.items()])
    assert begun.status_code == 202, begun.text
    report = _ended(api, begun.json()["job_id"])["report"]
    assert (report["done"], report["added"], report["people"]) == (7, 3, 2)
    assert "faces/carol/1.jpg" in {refusal["name"] for refusal in report["refusals"]}


@pytest.mark.parametrize("names", [[], ["a/1.jpg", "a/1.jpg"], ["../a/1.jpg"], ["/a/1.jpg"], ["a/1.txt"]])
def test_files_that_are_no_tree_are_refused(api: httpx.Client, names: list[str]) -> None:
    files = [("photos", (name, b"x", "image/jpeg")) for name in names]
    refused = api.post("/v1/jobs/import", data={"other": "field"}, files=files or None)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid_field")
    assert api.get("/v1/jobs", params={"limit": 1}).status_code == 200


def test_an_archive_and_photos_are_not_sent_together(api: httpx.Client) -> None:
    files = [("archive", ("a.zip", _zip(TREE), "application/zip")), ("photos", ("a/1.jpg", b"x", "image/jpeg"))]
    assert api.post("/v1/jobs/import", files=files).status_code == 422


def test_what_is_no_archive_is_refused_at_once(api: httpx.Client, server: LiveServer) -> None:
    before = api.get("/v1/jobs").json()["jobs"]
    nobody = _zip({"alice/notes.txt": b"x"})
    for archive in (b"", b"no archive", _zip(TREE)[:200], _zip({"../alice/a.jpg": b"x"}), nobody):
        reply = _begin(api, archive)
        assert (reply.status_code, reply.json()["error"]["code"]) == (422, "invalid_field")
    assert api.get("/v1/jobs").json()["jobs"] == before
    assert list((server.settings.data_dir / "jobs").glob("*")) == []


def test_a_job_that_is_none_is_404(api: httpx.Client) -> None:
    for reply in (api.get("/v1/jobs/nope"), api.post("/v1/jobs/nope/cancel")):
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "job_not_found")


class _Held:
    """Holds an import up after its first photo, until it is let go."""

    def __init__(self, enroller: Enroller, monkeypatch: pytest.MonkeyPatch) -> None:
        self.first_is_done, self.go_on = threading.Event(), threading.Event()
        enrol = enroller.enrol

        def held(*wanted: Any) -> Any:
            done = enrol(*wanted)
            self.first_is_done.set()
            assert self.go_on.wait(20)
            return done

        monkeypatch.setattr(enroller, "enrol", held)


@pytest.fixture
def held(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Held]:
    monkeypatch.setattr(background, "SECONDS_BETWEEN_REPORTS", 0.0)
    held = _Held(server.services.recognition.enroller, monkeypatch)
    yield held
    held.go_on.set()


def test_a_job_that_is_cancelled_ends_after_the_photo_at_hand(api: httpx.Client, held: _Held) -> None:
    job_id = _begin(api, _zip(TREE)).json()["job_id"]
    assert held.first_is_done.wait(20)
    assert api.get(f"/v1/jobs/{job_id}").json()["state"] == "running"
    assert api.post(f"/v1/jobs/{job_id}/cancel").status_code == 202
    held.go_on.set()
    job = _ended(api, job_id)
    assert (job["state"], job["report"]["done"]) == ("cancelled", 1)
    # What it has done stays.
    assert api.get("/v1/persons/alice").json()["embeddings"] == 1


def test_what_a_restart_finds_under_way_was_interrupted(
    api: httpx.Client, server: LiveServer, held: _Held, tmp_path: Path
) -> None:
    recognition = server.services.recognition
    first = Jobs(recognition.database, lambda: intake_of(recognition), tmp_path)
    first.start()
    running, waiting = (first.submit(io.BytesIO(_zip(TREE))).job_id for _ in range(2))
    assert held.first_is_done.wait(20)
    # As a killed process leaves it: under way, its archives beside it.
    second = Jobs(recognition.database, lambda: intake_of(recognition), tmp_path)
    second.start()
    assert {second.job(job_id).state for job_id in (running, waiting)} == {JobState.INTERRUPTED}
    assert list(tmp_path.glob("*.zip")) == []
    second.stop(10)
    held.go_on.set()
    first.stop(20)


def test_too_many_waiting_imports_are_turned_away(
    api: httpx.Client, held: _Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "MOST_WAITING", 1)
    begun = [_begin(api, _zip(TREE)) for _ in range(1)]
    assert held.first_is_done.wait(20)
    begun.append(_begin(api, _zip(TREE)))
    refused = _begin(api, _zip(TREE))
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "60")
    held.go_on.set()
    assert {_ended(api, reply.json()["job_id"])["state"] for reply in begun} == {"done"}


def test_what_is_exported_is_taken_in_again(api: httpx.Client) -> None:
    job_id = _begin(api, _zip(TREE)).json()["job_id"]
    _ended(api, job_id)
    people = api.get("/v1/persons").json()
    export = api.get("/v1/export").raise_for_status()
    assert export.headers["Content-Type"] == "application/zip"
    for person in people["persons"]:
        api.delete(f"/v1/persons/{person['person_id']}").raise_for_status()
    job = _ended(api, _begin(api, export.content).json()["job_id"])
    assert (job["state"], job["report"]["total"], job["report"]["added"]) == ("done", 2, 3)
    assert api.get("/v1/persons").json() == people
    files = {"images": ("a.jpg", _face(ALICE), "image/jpeg")}
    (face,) = api.post("/v1/identify", files=files).json()["results"][0]["faces"]
    assert face["person_id"] == "alice"


def test_what_a_job_does_is_done_in_the_name_of_who_asked_for_it(api: httpx.Client) -> None:
    begun = _begin(api, _zip({"alice/1.jpg": _face(ALICE)}))
    _ended(api, begun.json()["job_id"])
    api.get("/v1/export").raise_for_status()
    entries = api.get("/v1/audit", params={"limit": 2}).raise_for_status().json()["entries"]
    assert [entry["deed"] for entry in entries] == ["gallery.exported", "person.enrolled"]
    assert {entry["actor"] for entry in entries} == {"administrator"}
    assert entries[1]["request_id"] == begun.headers["X-Request-ID"]
