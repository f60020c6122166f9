"""What `make serve` does: one command starts everything with a token of its own, and Ctrl-C ends all of it."""

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.rig.ports import free_port

STOP_SECONDS = 12
"""As long as the launcher may take at most, and what a busy machine needs to tell of it."""
ANSWER_SECONDS = 30


@pytest.fixture
def service(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """The whole service in an empty folder, on free ports."""
    environment = {name: value for name, value in os.environ.items() if name != "AUTH_TOKEN"}
    with subprocess.Popen(
        [sys.executable, "-m", "backend.launch"],
        cwd=tmp_path,
        env={**environment, "PORT": "0", "UI_PORT": str(free_port()), "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.terminate()


def said_until_ready(process: "subprocess.Popen[str]") -> str:
    said = ""
    assert process.stderr is not None
    for line in process.stderr:
        said += line
        if line.startswith("Ctrl-C"):
            return said
    pytest.fail(f"It ended before it was ready:\n{said}")


def test_one_command_starts_everything_and_ctrl_c_ends_it(service: "subprocess.Popen[str]", tmp_path: Path) -> None:
    said = said_until_ready(service)

    env_file = tmp_path / ".env"
    [token] = re.findall(r'^AUTH_TOKEN="(.+)"$', env_file.read_text(), re.MULTILINE)
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert token not in said
    assert str(env_file) in said
    ui, api = (re.search(rf"{name} +(http://\S+?:\d+)", said) for name in ("Web UI", "API"))
    assert ui is not None
    assert api is not None
    assert httpx.get(ui[1], timeout=ANSWER_SECONDS).status_code == 200
    assert httpx.get(f"{api[1]}/persons", timeout=ANSWER_SECONDS).status_code == 401
    authorization = {"Authorization": f"Bearer {token}"}
    reply = httpx.get(f"{api[1]}/persons", headers=authorization, timeout=ANSWER_SECONDS)
    assert reply.json() == {"persons": [], "total": 0}

    family = psutil.Process(service.pid).children(recursive=True)
    assert len(family) >= 2
    service.send_signal(signal.SIGINT)

    assert service.wait(STOP_SECONDS) == 0
    _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
    assert alive == []
