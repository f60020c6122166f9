"""Settings from the environment and `.env`, and the one line that says what is wrong with them."""

import os
from pathlib import Path

import pytest

from backend.domain.errors import ConfigurationError
from backend.settings import Settings, load_local_settings, load_settings, load_ui_settings

TOKEN = "a-token-of-the-tests"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder, and an environment without any of our settings."""
    for name in os.environ:
        if name.lower() in Settings.model_fields:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def _refusal() -> str:
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert "\n" not in refused.value.message
    return refused.value.message


def test_without_a_token_the_line_says_how_to_make_one() -> None:
    assert _refusal().startswith("AUTH_TOKEN: Set AUTH_TOKEN in .env or the environment; make one with: python -c")


@pytest.mark.parametrize(
    "token", ["", "   ", "replace_with_a_strong_random_token", "PASTE_THE_OUTPUT_HERE", " PASTE_THE_OUTPUT_HERE "]
)
def test_a_token_that_everybody_knows_is_none(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("AUTH_TOKEN", token)
    assert "make one with" in _refusal()


def test_the_examples_of_the_description_are_read_from_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        f'# API auth (required)\nAUTH_TOKEN="{TOKEN}"\n\nUTILITIES_URL="http://localhost:8000/person"\n'
        'CAMERA_SCHEDULER_URL="http://localhost:8000/cameras/schedule"\nSOMETHING_ELSE=1\n'
    )
    settings = load_settings()
    assert settings.auth_token.get_secret_value() == TOKEN
    assert settings.utilities_url == "http://localhost:8000/person"


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("AUTH_TOKEN=of-the-file\nPORT=9000\n")
    monkeypatch.setenv("AUTH_TOKEN", TOKEN)
    settings = load_settings()
    assert (settings.auth_token.get_secret_value(), settings.port) == (TOKEN, 9000)


def test_an_empty_variable_does_not_hide_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"AUTH_TOKEN={TOKEN}\n")
    monkeypatch.setenv("AUTH_TOKEN", "")
    assert load_settings().auth_token.get_secret_value() == TOKEN


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_is_read_with_and_without_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / ".env").write_text(f"AUTH_TOKEN=gehëim-{TOKEN}\r\nPORT=9000\r\n", encoding=encoding)
    settings = load_settings()
    assert (settings.auth_token.get_secret_value(), settings.port) == (f"gehëim-{TOKEN}", 9000)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_file_in_another_encoding_is_told_of_in_one_line(tmp_path: Path, encoding: str) -> None:
    (tmp_path / ".env").write_text(f"AUTH_TOKEN=gehëim-{TOKEN}\n", encoding=encoding)
    assert _refusal() == "The file .env is not UTF-8 text; save it as that."


def test_the_web_ui_tells_of_such_a_file_in_the_same_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"AUTH_TOKEN=gehëim-{TOKEN}\n", encoding="latin-1")
    with pytest.raises(ConfigurationError) as refused:
        load_ui_settings()
    assert refused.value.message == _refusal()


def test_blanks_around_a_token_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_TOKEN", f" {TOKEN}\n")
    assert load_settings().auth_token.get_secret_value() == TOKEN


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "many"),
        ("PORT", "70000"),
        ("MAX_IMAGE_BYTES", "-1"),
        ("IDENTIFY_THRESHOLD", "1.5"),
        ("ANALYSIS_FPS", "0"),
        ("RTSP_TRANSPORT", "pigeon"),
        ("LOG_LEVEL", "LOUD"),
        ("TELEGRAM_API_URL", "notaurl"),
        ("TELEGRAM_API_URL", "ftp://bots.example"),
        ("TELEGRAM_API_URL", "https://"),
        ("TELEGRAM_API_URL", "https://bots.example:port"),
        ("TELEGRAM_API_URL", "https://bots example"),
    ],
)
def test_a_value_that_makes_no_sense_is_told_of_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("AUTH_TOKEN", TOKEN)
    monkeypatch.setenv(name, value)
    assert _refusal().startswith(f"{name}: ")


@pytest.mark.parametrize("url", ["https://api.telegram.org", "http://127.0.0.1:8081", "https://bots.example/api/"])
def test_a_bot_api_server_of_ones_own_may_be_anywhere(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("TELEGRAM_API_URL", url)
    assert load_local_settings().telegram_api_url == url


def test_several_faults_are_told_of_together_and_no_value_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_TOKEN", TOKEN)
    monkeypatch.setenv("PORT", "secret-1")
    monkeypatch.setenv("THREADS", "secret-2")
    refusal = _refusal()
    assert "PORT: " in refusal
    assert "THREADS: " in refusal
    assert "secret" not in refusal


def test_no_secret_shows_where_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_TOKEN", TOKEN)
    monkeypatch.setenv("SECRET_KEY", "a-key-of-the-tests")
    settings = load_settings()
    assert TOKEN not in f"{settings} {settings!r} {settings.model_dump_json()}"
    assert "a-key-of-the-tests" not in f"{settings} {settings!r} {settings.model_dump_json()}"


def test_commands_that_serve_nobody_need_no_token() -> None:
    assert load_local_settings().data_dir == Path("data")


def test_the_defaults_are_those_of_the_documents() -> None:
    defaults = load_local_settings()
    assert (defaults.host, defaults.port, defaults.ui_port) == ("127.0.0.1", 8000, 8501)
    assert (defaults.max_image_bytes, defaults.max_image_pixels) == (10 * 2**20, 40_000_000)
    assert (defaults.analysis_fps, defaults.rtsp_transport) == (5.0, "tcp")


def test_every_setting_has_a_sentence() -> None:
    assert Settings.model_fields
    assert not [name for name, field in Settings.model_fields.items() if not (field.description or "").endswith(".")]
