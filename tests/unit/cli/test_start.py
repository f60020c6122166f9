"""A server that cannot start says why in one line, and one that has started ends when it is told to."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from backend.settings import Settings
from tests.rig.server import STOP_SECONDS, TOKEN, ServerProcess
from tests.rig.watching import wait_until

ROOT = Path(__file__).parents[3]
UVICORN = ("-m", "uvicorn", "backend.api.app:app", "--port", "0")
SERVE = ("-m", "backend.cli", "serve", "--port", "0")
TIMEOUT_S = 60
BOT = "123456789:AAF-abcdefghijklmnopqrstuvwxyz_12345"


def _end_of(command: tuple[str, ...], folder: Path, **environment: str) -> tuple[int, str]:
    """The status and the words of a server that ends by itself."""
    bare = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**bare, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("command", [UVICORN, SERVE], ids=["uvicorn", "serve"])
def test_without_a_token_it_says_how_to_make_one_in_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    status, said = _end_of(command, tmp_path)
    assert status not in (0, None)
    (line,) = [line for line in said.splitlines() if line.strip()]
    assert "AUTH_TOKEN" in line
    assert "secrets.token_urlsafe" in line


def test_while_a_command_is_imported_nobody_looks_for_garbage() -> None:
    told = _told_by_python("""
import gc
from backend.cli.commands import application
from backend.cli.importing import importing
before = gc.get_stats()
with importing():
    application()
print(gc.get_stats() == before, gc.isenabled(), gc.get_freeze_count() > 100_000)
""")
    assert told.split() == ["True", "True", "True"]


def test_a_command_imports_its_own_file_and_no_libraries_for_channels_that_nobody_has() -> None:
    told = _told_by_python("""
import sys
from backend.cli import commands
sys.argv = ["face-server", "serve", "--help"]
try:
    commands.main()
except SystemExit:
    print("", *sorted(name for name in sys.modules if name.startswith("backend.cli.")), sep="\\n")
    print(*({"fastapi", "uvicorn", "streamlit", "telegram", "apprise"} & set(sys.modules)), sep="\\n")
""")
    modules = ("commands", "console", "importing", "service")
    assert told.split()[-len(modules) :] == [f"backend.cli.{module}" for module in modules]


def _told_by_python(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_under_uvicorn_itself_the_log_has_no_secrets_either(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AUTH_TOKEN": TOKEN, "DATA_DIR": str(tmp_path / "data")}
    paths = (f"/persons?token={TOKEN}", "/persons?link=rtsp://viewer:hunter2@192.0.2.1/", f"/bots/{BOT}")
    with subprocess.Popen(
        [sys.executable, *UVICORN],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            [address] = next(found for line in process.stdout if (found := re.findall(r"http://[\d.]+:\d+", line)))
            for path in paths:
                headers = {"Authorization": f"Bearer {TOKEN}"}
                httpx.get(f"{address}{path}", headers=headers, trust_env=False, timeout=TIMEOUT_S)
            process.send_signal(signal.SIGINT)
            log = process.stdout.read()
        finally:
            process.kill()
    assert log.count("GET /persons?") == 2
    assert "GET /bots/***" in log
    assert [secret for secret in (TOKEN, "hunter2", BOT.partition(":")[2]) if secret in log] == []


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("start") / "data"


@pytest.fixture(scope="module")
def server(data_dir: Path) -> Iterator[ServerProcess]:
    """One server for those tests that end it in one way or another."""
    with ServerProcess(data_dir) as server:
        yield server


def test_after_ctrl_c_a_damaged_cache_of_models_is_made_anew(server: ServerProcess, data_dir: Path) -> None:
    server.stop()
    kept = list((data_dir / "models").glob("*.onnx"))
    assert len(kept) == 2
    for model in kept:
        model.write_bytes(b"damaged")
    server.start()
    assert server.get("/readyz")["status"] == "ready"


def test_a_server_ends_when_a_service_manager_tells_it_to(server: ServerProcess) -> None:
    process = psutil.Process(server.pid)
    process.terminate()
    assert process.wait(STOP_SECONDS) in {0, 128 + signal.SIGTERM, -signal.SIGTERM}
    assert "Traceback" not in server.log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_start_that_is_broken_off_ends_in_order(number: signal.Signals, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AUTH_TOKEN": TOKEN, "DATA_DIR": str(data_dir)}
    with subprocess.Popen([sys.executable, *SERVE], cwd=tmp_path, env=environment, stderr=subprocess.PIPE) as process:
        try:
            wait_until(data_dir.exists, TIMEOUT_S)
            process.send_signal(number)
            # It ends once the models are prepared: that cannot be broken off.
            _, said = process.communicate(timeout=TIMEOUT_S)
        finally:
            process.kill()
    assert process.returncode == 0
    assert b"Traceback" not in said
    assert b"listens at" not in said
