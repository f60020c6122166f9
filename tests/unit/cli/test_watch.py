"""`face-server watch`: a video, a camera and what is neither, without a server."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rig.clips import Clip, walk_past
from tests.rig.photos import jpeg, person_crop
from tests.rig.rtsp_server import Mount, RtspServer
from tests.unit.cli.conftest import Run

ROOT = Path(__file__).parents[3]
ALICE, STRANGER = 2, 3
STOP_SECONDS = 30


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Alice passes, then a stranger."""
    path = tmp_path_factory.mktemp("clips") / "door.mp4"
    return walk_past(path, [person_crop(ALICE), person_crop(STRANGER)], seconds=2.5, empty_seconds=1.0)


@pytest.fixture
def alice(run: Run, tmp_path: Path) -> None:
    """She is enrolled."""
    (tmp_path / "alice.jpg").write_bytes(jpeg(person_crop(ALICE)))
    assert run("enrol", "alice", "alice.jpg").status == 0


@contextmanager
def _watching(source: str, data_dir: Path) -> Iterator["subprocess.Popen[str]"]:
    """The command as a process of its own, which Ctrl-C can end."""
    with subprocess.Popen(
        [sys.executable, "-m", "backend.cli", "watch", source, "--json"],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.usefixtures("alice")
def test_a_video_file_is_told_visit_by_visit(run: Run, clip: Clip) -> None:
    ended = run("watch", str(clip.path), "--json")
    assert ended.status == 0, ended.err
    events = [json.loads(line) for line in ended.out.splitlines()]
    left = [event["person_id"] for event in events if event["event"] == "left"]
    assert left == ["alice", None]
    for_people = run("watch", str(clip.path))
    assert "alice" in for_people.out
    assert "somebody unknown" in for_people.out
    assert for_people.out.rstrip().endswith("2 visits")


@pytest.mark.usefixtures("alice")
def test_a_camera_is_told_as_it_happens_until_ctrl_c(clip: Clip, data_dir: Path) -> None:
    with RtspServer({"door": Mount((clip.path,))}) as camera, _watching(camera.url("door"), data_dir) as process:
        assert process.stdout is not None
        seen = next(event for event in map(json.loads, process.stdout) if event["person_id"] == "alice")
        assert seen["event"] == "seen"
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_SECONDS) == 0


def test_a_camera_that_does_not_answer_is_told_of_once_and_without_its_password(data_dir: Path) -> None:
    with _watching("rtsp://viewer:hunter2@127.0.0.1:9/door", data_dir) as process:
        assert process.stderr is not None
        said = next(line for line in process.stderr if "Nothing answers" in line)
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_SECONDS) == 0
        said += process.stderr.read()
    assert "Trying again; Ctrl-C ends it." in said
    assert said.count("Nothing answers") == 1
    assert "hunter2" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("source", "sentence"),
    [("987", "There is no webcam 987: no /dev/video987."), ("party.mp4", "There is no video file 'party.mp4'.")],
)
def test_what_is_not_there_ends_it_with_a_sentence(run: Run, source: str, sentence: str) -> None:
    ended = run("watch", source)
    assert (ended.status, ended.err.splitlines()[-1]) == (1, f"face-server: {sentence}")
