"""A lost `secret.key`: nothing takes its place by itself, and `face-server forget-secrets` is the way on."""

import json
from pathlib import Path

import pytest

from backend.container.database import open_database
from backend.domain.audit import Deed
from backend.domain.notification import ChannelKind
from backend.settings import load_local_settings
from backend.storage import audit, cameras, channels, data_folder, sightings
from backend.storage.secret_box import KEY_FILE
from tests.unit.cli.conftest import Run
from tests.unit.notifications.situations import a_camera, a_look, a_sighting

SEEN = "01M826HTGMKS5F8WHQWVSW66M1"
LOST = {"cameras": ["Front door"], "channels": [None, "Phone"]}


@pytest.fixture
def key_file(run: Run, data_dir: Path) -> Path:  # `run` makes the machine
    """The key of a camera with a channel of its own, of another channel, and of a sighting, which needs none."""
    with open_database(load_local_settings()) as database, database.write() as tx:
        own = channels.add(tx, ChannelKind.TELEGRAM, {"api_token": "1:A", "chat_id": "2"})
        channels.add(tx, ChannelKind.WEBHOOK, {"url": "https://192.0.2.1/"}, "Phone")
        cameras.add(tx, a_camera(own, detail_link="rtsp://127.0.0.1/detail"))
        sightings.add(tx, a_sighting(sighting_id=SEEN), a_look())
    return data_dir / KEY_FILE


def _forgotten(run: Run, *options: str) -> object:
    ended = run("forget-secrets", "--json", *options)
    assert ended.status == 0, ended.err
    return json.loads(ended.out)


def test_a_missing_key_is_not_replaced_and_one_line_says_what_to_do(run: Run, key_file: Path) -> None:
    key_file.unlink()
    ended = run("key", "list")
    (line,) = ended.err.splitlines()
    assert ended.status == 2
    assert f"'{key_file}' is missing" in line
    assert "put it back" in line
    assert "forget-secrets" in line
    assert not key_file.exists()


def test_put_back_it_reads_as_before(run: Run, key_file: Path) -> None:
    key = key_file.read_text()
    key_file.unlink()
    assert run("key", "list").status == 2
    key_file.write_text(key)
    assert _forgotten(run) == {"cameras": [], "channels": []}
    with open_database(load_local_settings()) as database, database.read() as tx:
        assert [camera.link for camera in cameras.all_by_nickname(tx)] == [a_camera(None).link]


def test_without_anything_encrypted_a_key_is_made_anew(run: Run, data_dir: Path) -> None:
    assert run("key", "list").status == 0
    (data_dir / KEY_FILE).unlink()
    assert run("key", "list").status == 0
    assert (data_dir / KEY_FILE).exists()


@pytest.mark.usefixtures("key_file")
def test_what_can_be_read_is_never_forgotten(run: Run) -> None:
    assert _forgotten(run, "--apply") == {"cameras": [], "channels": []}
    assert "Nothing is to be forgotten." in run("forget-secrets", "--apply").out


@pytest.mark.parametrize("replaced", [False, True], ids=["missing", "replaced"])
def test_what_is_lost_is_listed_and_nothing_changed(run: Run, key_file: Path, *, replaced: bool) -> None:
    key = key_file.read_text()
    key_file.write_text("another") if replaced else key_file.unlink()
    assert _forgotten(run) == LOST
    assert key_file.exists() == replaced
    key_file.write_text(key)
    assert _forgotten(run) == {"cameras": [], "channels": []}


@pytest.mark.parametrize("replaced", [False, True], ids=["missing", "replaced"])
def test_what_is_lost_is_forgotten_when_asked_for_and_the_rest_stays(
    run: Run, key_file: Path, *, replaced: bool
) -> None:
    key_file.write_text("another") if replaced else key_file.unlink()
    assert _forgotten(run, "--apply") == LOST
    with open_database(load_local_settings()) as database, database.read() as tx:
        assert cameras.all_by_nickname(tx) == []
        assert channels.all_by_age(tx) == []
        assert sightings.find(tx, SEEN) is not None
        told = {(entry.deed, entry.actor.name) for entry in audit.page(tx, None, 10)}
    assert told == {(Deed.CAMERA_REMOVED, "command line"), (Deed.CHANNEL_REMOVED, "command line")}


@pytest.mark.usefixtures("key_file")
def test_nothing_is_forgotten_beside_a_running_server(run: Run, data_dir: Path) -> None:
    with data_folder.held(data_dir):
        ended = run("forget-secrets", "--apply")
    assert (ended.status, "another Face Server is running" in ended.err) == (2, True)


def test_the_list_can_be_read_in_eighty_columns(run: Run, key_file: Path) -> None:
    key_file.unlink()
    said = run("forget-secrets").out
    assert "1 cameras and 2 channels cannot be read" in said
    assert "Front door" in said
    assert "a camera's own" in said
    assert "--apply" in said


def test_a_key_given_in_the_environment_needs_no_file(
    run: Run, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", key_file.read_text())
    key_file.unlink()
    assert run("key", "list").status == 0
    assert _forgotten(run) == {"cameras": [], "channels": []}


def test_a_database_that_is_none_is_told_of_as_such(run: Run, data_dir: Path) -> None:
    (data_dir / "face_server.db").write_text("This is no database, whatever its name says. " * 100)
    ended = run("key", "list")
    assert (ended.status, "file is not a database" in ended.err) == (1, True)
