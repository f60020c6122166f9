"""A server that cannot start says why in one sentence, and serves nobody."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from backend.api.factory import create_app
from backend.settings import Settings
from backend.storage import cameras, data_folder
from backend.storage.database import DATABASE_FILE, Database, sqlite_url
from backend.storage.secret_box import SecretBox
from tests.api.conftest import TOKEN
from tests.unit.notifications.situations import a_camera

Trouble = Callable[[Path], dict[str, Any]]


def _a_file_in_the_way(folder: Path) -> dict[str, Any]:
    folder.write_text("in the way")
    return {}


def _no_database(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    (folder / DATABASE_FILE).write_text("This is no database, whatever its name says. " * 100)
    return {}


def _damaged_weights(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    (folder / "face_detection_yunet_2023mar_int8bq.onnx").write_bytes(b"damaged")
    return {"model_dir": folder}


def _cache_in_the_way(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    (folder / "models").write_text("in the way")
    return {}


def _empty_key(folder: Path) -> dict[str, Any]:
    return {"secret_key": "  "}


def _lost_key(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    with closing(Database.open(sqlite_url(folder), SecretBox("lost"))) as database, database.write() as tx:
        cameras.add(tx, a_camera(None))
    return {}


def _another_key(folder: Path) -> dict[str, Any]:
    return _lost_key(folder) | {"secret_key": "another"}


TROUBLES: dict[str, Trouble] = {
    "DATA_DIR: the folder '": _a_file_in_the_way,
    "The database cannot be used: file is not a database.": _no_database,
    "is damaged or another version": _damaged_weights,
    "The folded model cannot be written": _cache_in_the_way,
    "The key that encrypts stored secrets is empty": _empty_key,
    "is missing, and without it what the database has encrypted cannot be read; put it back": _lost_key,
    "A stored secret cannot be read with this key": _another_key,
}


def _refusal(settings: Settings, caplog: pytest.LogCaptureFixture) -> str:
    server = uvicorn.Server(uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_config=None))
    with pytest.raises(SystemExit):
        server.run()
    assert not server.started
    assert "Traceback" not in caplog.text
    (sentence,) = [line for line in caplog.messages if line.startswith("Face Server cannot start. ")]
    return sentence


@pytest.mark.parametrize("sentence", TROUBLES)
def test_what_is_wrong_is_said_without_a_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sentence: str
) -> None:
    trouble = TROUBLES[sentence](tmp_path / "data")
    settings = Settings(_env_file=None, auth_token=TOKEN, data_dir=tmp_path / "data", **trouble)
    assert sentence in _refusal(settings, caplog)


def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with data_folder.held(tmp_path):
        refusal = _refusal(Settings(_env_file=None, auth_token=TOKEN, data_dir=tmp_path), caplog)
    assert "another Face Server is running on the folder" in refusal
