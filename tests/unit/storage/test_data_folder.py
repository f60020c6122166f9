"""The data folder is private and belongs to one server at a time."""

import multiprocessing
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.domain.errors import ConfigurationError
from backend.storage import data_folder


def test_a_new_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "some" / "where"
    data_folder.prepare(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_there_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    data_folder.prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_folder_is_prepared_by_many_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: data_folder.prepare(tmp_path / "data"), range(64)))


def test_a_folder_that_cannot_be_is_told_of_in_one_sentence_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigurationError, match=r"DATA_DIR: the folder .* cannot be written"):
            data_folder.prepare(folder)


def test_a_second_server_is_kept_off(tmp_path: Path) -> None:
    with (
        data_folder.held(tmp_path),
        pytest.raises(ConfigurationError, match="another Face Server is running"),
        data_folder.held(tmp_path),
    ):
        pass


def test_a_server_of_another_process_is_kept_off(tmp_path: Path) -> None:
    with data_folder.held(tmp_path), multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_refusal, (tmp_path,)).startswith("DATA_DIR: another Face Server is running")


def test_after_the_first_server_has_ended_the_next_may_begin(tmp_path: Path) -> None:
    for _ in range(2):
        with data_folder.held(tmp_path):
            pass


def test_a_lock_that_cannot_be_taken_is_told_of_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / data_folder.LOCK_FILE).mkdir()
    with pytest.raises(ConfigurationError, match="cannot be locked"), data_folder.held(tmp_path):
        pass


def _refusal(folder: Path) -> str:
    try:
        with data_folder.held(folder):
            return ""
    except ConfigurationError as error:
        return error.message
