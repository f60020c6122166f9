"""`.env` gets a token where it has none, and loses nothing."""

import stat
from pathlib import Path

import pytest

from backend.domain.errors import ConfigurationError
from backend.launch import ensure_env_file, write_setting
from backend.settings import Settings


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


@pytest.fixture(autouse=True)
def _no_token_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTH_TOKEN", raising=False)


def token_of(env_file: Path) -> str:
    return Settings(_env_file=env_file).auth_token.get_secret_value()


def test_a_new_file_holds_what_the_service_needs_and_is_for_its_owner_only(env_file: Path) -> None:
    assert ensure_env_file(env_file)

    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert len(token_of(env_file)) >= 43
    settings = Settings(_env_file=env_file)
    assert settings.utilities_url == "http://localhost:8000/person"
    assert settings.camera_scheduler_url == "http://localhost:8000/cameras/schedule"


def test_every_token_is_another(tmp_path: Path) -> None:
    files = [tmp_path / "first", tmp_path / "second"]
    for file in files:
        ensure_env_file(file)

    assert token_of(files[0]) != token_of(files[1])


@pytest.mark.parametrize("line", ["AUTH_TOKEN=secret", 'export AUTH_TOKEN="secret"  # mine', "AUTH_TOKEN = 'secret'"])
def test_a_file_with_a_token_stays_as_it_is(env_file: Path, line: str) -> None:
    before = f"# my settings\r\n{line}\r\nPORT=9000"
    env_file.write_bytes(before.encode())

    assert not ensure_env_file(env_file)

    assert env_file.read_bytes() == before.encode()


@pytest.mark.parametrize(
    "line", ["AUTH_TOKEN=", 'AUTH_TOKEN=""', 'AUTH_TOKEN="replace_with_a_strong_random_token"', "export AUTH_TOKEN= "]
)
def test_a_token_that_guards_nothing_is_replaced_in_its_place(env_file: Path, line: str) -> None:
    env_file.write_text(f"# my settings\n{line}\nPORT=9000\nUTILITIES_URL=http://192.0.2.1/person")

    assert ensure_env_file(env_file)

    assert env_file.read_text().splitlines() == [
        "# my settings",
        f'AUTH_TOKEN="{token_of(env_file)}"',
        "PORT=9000",
        "UTILITIES_URL=http://192.0.2.1/person",
        'CAMERA_SCHEDULER_URL="http://localhost:8000/cameras/schedule"',
    ]


def test_a_missing_token_is_added_below_what_is_there(env_file: Path) -> None:
    env_file.write_text("PORT=9000")

    assert ensure_env_file(env_file)

    assert env_file.read_text().startswith("PORT=9000\nAUTH_TOKEN=")


def test_nothing_else_is_left_in_the_folder(env_file: Path) -> None:
    ensure_env_file(env_file)

    assert list(env_file.parent.iterdir()) == [env_file]


def test_a_folder_of_that_name_is_a_sentence_not_a_traceback(env_file: Path) -> None:
    env_file.mkdir()

    with pytest.raises(ConfigurationError, match=r"\.env cannot be given an AUTH_TOKEN: Is a directory"):
        ensure_env_file(env_file)


def test_a_setting_replaces_its_old_line_and_leaves_the_others(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("# a comment\nexport PORT = 1\nPORT_RANGE=2\nAUTH_TOKEN=x")
    write_setting("PORT", "8001", env)
    assert env.read_text() == "# a comment\nPORT_RANGE=2\nAUTH_TOKEN=x\nPORT=8001\n"


def test_a_setting_makes_the_file_where_there_is_none(tmp_path: Path) -> None:
    write_setting("PORT", "8001", tmp_path / ".env")
    assert (tmp_path / ".env").read_text() == "PORT=8001\n"


def test_a_setting_for_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="cannot be given PORT"):
        write_setting("PORT", "8001", env)
