"""The curl commands that people copy, run as they stand: only the address, the token and the files are replaced."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig.bot_api import BotApi
from tests.rig.photos import jpeg, other_photos, person_crop
from tests.rig.ports import free_port
from tests.rig.server import TOKEN, ServerProcess

README = Path(__file__).parents[2] / "README.md"
DESCRIPTION = Path(__file__).parents[3] / "shared" / "original-description.md"
"""What the service was first described by; it lies beside the checkout and is absent on a fresh clone."""

ALICE = 2
BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)
# Says the status after the answer, and sends nothing through a proxy.
CURL = 'curl() { command curl --silent --show-error --noproxy "*" --write-out "\\n%{http_code}" "$@"; }\n'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("description")
    with BotApi() as phone, ServerProcess(folder / "data", {"TELEGRAM_API_URL": phone.url}) as server:
        yield server


@pytest.fixture
def server(running: ServerProcess) -> Iterator[ServerProcess]:
    """The one server of these tests, without the people and cameras of the document before."""
    yield running
    with running.client() as client:
        for person in running.get("/persons")["persons"]:
            client.delete(f"/v1/persons/{person['person_id']}").raise_for_status()
        for camera in running.get("/cameras")["cameras"]:
            client.delete(f"/cameras/{camera['camera_id']}").raise_for_status()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with the photos that the commands name."""
    portraits = (person_crop(ALICE), *other_photos(person_crop(ALICE)))
    for name, portrait in zip(("img1.jpg", "img2.jpg", "query.jpg"), portraits, strict=False):
        (tmp_path / name).write_bytes(jpeg(portrait))
    return tmp_path


def _commands(document: Path) -> list[str]:
    return [block for block in BLOCK.findall(document.read_text(encoding="utf-8")) if "curl" in block]


def _here(command: str, server: ServerProcess, photos: Path) -> str:
    # Where no camera answers.
    camera = f"127.0.0.1:{free_port()}"
    for placeholder, real in (
        ("http://localhost:8000", server.url),
        ("/path/to", str(photos)),
        ("@ip:port/", f"@{camera}/"),
        ("rtsp://...", f"rtsp://{camera}/stream"),
    ):
        command = command.replace(placeholder, real)
    return command


def _answer(command: str) -> tuple[int, Any]:
    """The status and the JSON of what a command in bash prints."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", CURL + command],
        env={**os.environ, "AUTH_TOKEN": TOKEN},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def _meaning(command: str) -> str:
    for word in ("action=add", "action=retrieve", "action=remove"):
        if word in command:
            return word
    if "/cameras/schedule" in command:
        return "several cameras" if "-d '[" in command else "one camera"
    assert "/persons" in command, command
    return "persons"


def _is_as_described(meaning: str, answer: Any) -> bool:
    match meaning:
        case "persons":
            return bool(answer == {"persons": [], "total": 0})
        case "action=add":
            return (answer["person_id"], answer["added"], answer["rejected"]) == ("alice", 2, [])
        case "action=retrieve":
            return (answer["person_id"], answer["decision"]) == ("alice", "match")
        case "action=remove":
            return (answer["person_id"], answer["removed"]) == ("alice", 2)
        case "one camera":
            return [camera["camera_nickname"] for camera in answer["cameras"]] == ["FrontDoor"]
        case _:
            return [camera["camera_nickname"] for camera in answer["cameras"]] == ["Cam01", "Cam02"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
@pytest.mark.parametrize("document", [README, DESCRIPTION], ids=["readme", "description"])
def test_every_curl_command_of_the_document_does_what_it_says(
    server: ServerProcess, photos: Path, document: Path
) -> None:
    if not document.exists():
        pytest.skip(f"{document.name} is absent here")
    commands = _commands(document)
    meanings = [_meaning(command) for command in commands]
    assert set(meanings) == {
        "persons",
        "action=add",
        "action=retrieve",
        "action=remove",
        "one camera",
        "several cameras",
    }
    for meaning, command in zip(meanings, commands, strict=True):
        status, answer = _answer(_here(command, server, photos))
        assert status == 200, (command, answer)
        assert _is_as_described(meaning, answer), (command, answer)
    assert TOKEN not in server.log
    assert "user:pass" not in server.log
