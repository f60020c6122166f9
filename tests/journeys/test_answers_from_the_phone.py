"""A stranger passes, is named on the phone, is known at the next pass, and is said not to be that person after all."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.rig.bot_api import BotApi, Call
from tests.rig.clips import Clip, walk_past
from tests.rig.photos import person_crop
from tests.rig.rtsp_server import Mount, RtspServer
from tests.rig.server import ServerProcess

STRANGER = 3
CHAT = 4711


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """One person passes, then nobody for a while."""
    path = tmp_path_factory.mktemp("clips") / "door.mp4"
    return walk_past(path, [person_crop(STRANGER)], seconds=4.0, empty_seconds=1.5)


@pytest.fixture
def phone() -> Iterator[BotApi]:
    with BotApi() as phone:
        yield phone


@pytest.fixture
def server(tmp_path: Path, phone: BotApi) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", {"TELEGRAM_API_URL": phone.url}) as server:
        yield server


def _pass(server: ServerProcess, phone: BotApi, clip: Clip, nickname: str) -> Call:
    """Have the person pass a new camera; answers the message about it."""
    before = len(phone.calls("sendPhoto", delivered=True))
    with RtspServer({"door": Mount((clip.path,), "freeze")}) as rtsp, server.client() as client:
        job = {"rtsp_link": rtsp.url("door"), "camera_nickname": nickname, "notify_unknown": True}
        job |= {"telegram_api_token": phone.token, "telegram_chat_id": str(CHAT)}
        client.post("/cameras/schedule", json=job).raise_for_status()
        return phone.wait_for("sendPhoto", before + 1, timeout=clip.seconds + 20, delivered=True)[-1]


def _press(phone: BotApi, message: Call, words: str) -> str:
    """Press a button below a message; answers what pops up."""
    shown: Any = phone.message(message.message_id or 0)
    (data,) = [
        b["callback_data"] for row in shown["reply_markup"]["inline_keyboard"] for b in row if words in b["text"]
    ]
    before = len(phone.calls("answerCallbackQuery"))
    phone.push_callback(CHAT, message.message_id or 0, data)
    return phone.wait_for("answerCallbackQuery", before + 1)[-1].params["text"]


def test_a_name_given_on_the_phone_counts_from_the_next_pass_and_a_denial_for_ever(
    server: ServerProcess, phone: BotApi, clip: Clip
) -> None:
    first = _pass(server, phone, clip, "First")
    assert first.params["caption"].startswith("Somebody unknown at First")
    _press(phone, first, "Who is it?")
    (question,) = phone.wait_for("sendMessage")
    phone.push_message(CHAT, "carol", reply_to=question.message_id)
    assert phone.wait_for("sendMessage", 2)[1].params["text"].startswith("carol is new: learned from")
    faces = server.get("/v1/persons/carol/faces")["faces"]
    assert len(faces) > 1
    with server.client() as client:
        pictures = [client.get(face["picture"]).raise_for_status().content for face in faces]
    assert {Image.open(io.BytesIO(picture)).size for picture in pictures} == {(112, 112)}
    second = _pass(server, phone, clip, "Second")
    assert second.params["caption"].startswith("carol at Second")
    assert "is not taken for carol again" in _press(phone, second, "Not carol")
    third = _pass(server, phone, clip, "Third")
    assert third.params["caption"].startswith("Somebody unknown at Third")
    labels = {sighting["camera_nickname"]: sighting["person_id"] for sighting in server.get("/sightings")["sightings"]}
    assert labels == {"First": "carol", "Second": None, "Third": None}
