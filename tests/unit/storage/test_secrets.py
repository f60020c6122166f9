"""What must not be read from a stolen database, and the key that it is read with."""

import multiprocessing
import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.domain.errors import ConfigurationError, StorageError
from backend.domain.notification import ChannelKind
from backend.storage import cameras, channels
from backend.storage.database import Database, sqlite_url
from backend.storage.secret_box import KEY_FILE, SecretBox, load_key
from tests.unit.notifications.situations import a_camera

PASSWORD, TOKEN, CHAT = "correct-horse-battery", "123456789:AAstaple", "-100555000111"
LINK = f"rtsp://user:{PASSWORD}@192.0.2.10/stream"


@pytest.fixture
def channel_id(database: Database) -> str:
    """A camera whose link has a password, and the channel it tells."""
    with database.write() as tx:
        channel_id = channels.add(tx, ChannelKind.TELEGRAM, {"api_token": TOKEN, "chat_id": CHAT})
        cameras.add(tx, a_camera(channel_id, link=LINK))
    return channel_id


def _bytes_under(folder: Path) -> Iterator[bytes]:
    yield from (path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_no_file_of_the_data_folder_holds_a_secret_in_the_open(tmp_path: Path, channel_id: str) -> None:
    files = list(_bytes_under(tmp_path))
    assert files
    assert not [secret for secret in (PASSWORD, TOKEN, CHAT) for file in files if secret.encode() in file]
    assert any(channel_id.encode() in file for file in files)


def test_secrets_come_back_as_they_were(database: Database, channel_id: str) -> None:
    with database.read() as tx:
        (camera,) = cameras.all_by_nickname(tx)
        channel = channels.find(tx, channel_id)
    assert camera.link == LINK
    assert channel is not None
    assert channel.settings == {"api_token": TOKEN, "chat_id": CHAT}


def test_with_another_key_the_secrets_cannot_be_read_and_the_sentence_says_what_to_do(
    tmp_path: Path, channel_id: str
) -> None:
    with closing(Database.open(sqlite_url(tmp_path), SecretBox("another key"))) as database:
        for read in (cameras.all_by_nickname, lambda tx: channels.find(tx, channel_id)):
            with pytest.raises(StorageError, match="restore secret"), database.read() as tx:
                read(tx)


def test_the_same_text_is_encrypted_differently_each_time(database: Database) -> None:
    box = SecretBox("key")
    assert box.encrypt(LINK) != box.encrypt(LINK)


@pytest.mark.parametrize("text", ["", LINK, "ü🙂\n", "x" * 5000])
def test_any_text_is_decrypted_as_it_was(text: str) -> None:
    assert SecretBox("key").decrypt(SecretBox("key").encrypt(text)) == text


@pytest.mark.parametrize("damaged", ["", "x", "gAAAAA", "ü"])
def test_a_damaged_secret_is_told_of_in_one_sentence(damaged: str) -> None:
    with pytest.raises(StorageError, match="cannot be read with this key"):
        SecretBox("key").decrypt(damaged)


@pytest.mark.parametrize("key", ["", "  ", "\n"])
def test_an_empty_key_is_refused(key: str) -> None:
    with pytest.raises(ConfigurationError, match="empty"):
        SecretBox(key)


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    key = load_key(tmp_path)
    assert load_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_two_folders_have_two_keys(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    assert len({load_key(folder) for folder in folders}) == 2


def test_a_mask_that_lets_everybody_read_does_not_open_the_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        load_key(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


def test_processes_that_start_at_once_agree_on_the_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        keys = pool.map(load_key, [tmp_path] * 3, chunksize=1)
    assert set(keys) == {load_key(tmp_path)}
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_a_key_file_that_cannot_be_read_is_told_of_in_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        (tmp_path / KEY_FILE).mkdir()
    else:
        (tmp_path / KEY_FILE).write_bytes(content)
    with pytest.raises(ConfigurationError, match="The key file"):
        load_key(tmp_path)
