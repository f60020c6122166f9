"""Schemathesis makes requests of all that OpenAPI describes, and of what it does not, against a real server.

`FUZZ_SECONDS` bounds the time: 35 in the suite. `FUZZ_SECONDS=1200 .venv/bin/pytest tests/api/test_schemathesis.py`
goes through every phase to its end.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.bot_api import BotApi
from tests.rig.server import TOKEN, ServerProcess

SECONDS = int(os.environ.get("FUZZ_SECONDS", "35"))
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
SEED = "20261122"
ENDLESS = ("/cameras/{camera_id}/live", "/v1/cameras/{camera_id}/live", "/v1/events")
"""Streams that go on as long as somebody listens; the tests of cameras and events look at them."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, bot_api: BotApi) -> Iterator[ServerProcess]:
    environment = {"MAX_FAILED_ATTEMPTS": "0", "MAX_IMAGE_BYTES": "200000", "TELEGRAM_API_URL": bot_api.url}
    with ServerProcess(tmp_path_factory.mktemp("fuzz") / "data", environment) as server:
        # At the end it has hundreds of cameras and channels that lead nowhere, and stops in time all the same.
        yield server


@pytest.mark.timeout(SECONDS + 120)
def test_no_request_is_answered_by_a_failure_or_in_a_way_that_is_not_described(
    server: ServerProcess, tmp_path: Path
) -> None:
    command = [
        *(str(Path(sys.executable).with_name("st")), "--config-file", str(CONFIGURATION)),
        *("run", f"{server.url}/openapi.json", "--header", f"Authorization: Bearer {TOKEN}"),
        *(
            "--checks",
            "all",
            "--phases",
            "examples,coverage,fuzzing",
        ),
        *(word for path in ENDLESS for word in ("--exclude-path", path)),
        *("--max-examples", str(max(5, SECONDS // 10)), "--seed", SEED, "--max-time", str(SECONDS)),
        *("--continue-on-failure", "--suppress-health-check", "all", "--no-color"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert "generated" in done.stdout
    assert "Traceback" not in server.log
    assert '" 500' not in server.log
