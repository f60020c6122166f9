"""The API and the web UI find each other, and a port that is taken is a sentence."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.domain.errors import ConfigurationError
from backend.launch.service import service_parts, up
from backend.settings import Settings
from tests.rig import ports


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free_port() -> int:
    return ports.free_port()


def settings(**values: object) -> Settings:
    return Settings.model_validate({"auth_token": "secret", "host": "127.0.0.1", "ui_host": "127.0.0.1", **values})


def test_the_web_ui_is_told_where_this_api_is(free_port: int) -> None:
    api, ui = service_parts(settings(port=0, ui_port=free_port, utilities_url="http://192.0.2.1/person"))

    assert api.port != 0
    assert ui.environment["PORT"] == str(api.port)
    assert ui.environment["UTILITIES_URL"] == f"http://127.0.0.1:{api.port}/person"
    assert ui.environment["CAMERA_SCHEDULER_URL"] == f"http://127.0.0.1:{api.port}/cameras/schedule"


def test_an_api_open_to_the_network_is_called_over_loopback_and_opens_no_web_ui(free_port: int) -> None:
    api, ui = service_parts(settings(host="0.0.0.0", port=0, ui_port=free_port))  # noqa: S104 — for this very moment

    assert (api.host, ui.host) == ("127.0.0.1", "127.0.0.1")
    assert "--server.address=127.0.0.1" in ui.command


def test_a_taken_port_is_named_with_its_setting(taken_port: int) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"127\.0\.0\.1 port {taken_port}: Address already in use\. Set PORT to"
    ):
        service_parts(settings(port=taken_port))


def test_a_taken_port_of_the_web_ui_is_named_with_its_setting(taken_port: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"port {taken_port}: Address already in use\. Set UI_PORT to"):
        service_parts(settings(port=0, ui_port=taken_port))


@pytest.mark.parametrize("prepared", [False, True])
def test_only_a_start_that_prepares_the_models_is_said_to_take_longer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free_port: int, *, prepared: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("AUTH_TOKEN", "secret"),
        ("DATA_DIR", str(tmp_path)),
        ("PORT", "0"),
        ("UI_PORT", str(free_port)),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("backend.launch.service.run_together", lambda *_: 0)
    (tmp_path / "models").mkdir()
    if prepared:
        (tmp_path / "models" / "sface.onnx").touch()
    said: list[str] = []
    assert up(said.append) == 0
    assert ["longer" in line for line in said] == [not prepared]


def test_a_dot_env_that_is_no_text_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"AUTH_TOKEN=geh\xebim\n")
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        up(said.append)
    assert said == []
