"""What is measured of cameras is what happened, and adds up."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from backend.cameras import benchmark
from backend.cameras.benchmark import Cost, UsualModels, decode_only, loop_as_usual, memory_over_time, watch
from backend.cameras.frame import Frame
from backend.cameras.latest_frame import PLACES
from backend.cameras.scene import Presence, SeeingCounts
from backend.cameras.source import open_camera
from backend.cameras.worker import CameraWorker
from backend.cli.bench import WAYS, cost_figures
from backend.domain.camera import Transport
from backend.domain.errors import StreamUnreachable
from backend.evaluation.figures import Figure
from backend.vision.models import SFACE, YUNET, available, prepare
from tests.rig.clips import Film, walk_past
from tests.rig.photos import person_crop
from tests.rig.rtsp_server import RtspServer

LOOKS_A_SECOND = 5.0
SECONDS = 1.5


class Counting:
    """A watcher that looks and sees nothing."""

    present: Sequence[Presence] = ()
    counts = SeeingCounts()
    somebody_here = False

    def prepare(self) -> None:
        pass

    def look(self, frame: Frame, *, late: bool = False) -> int:
        return len(frame.rgb()) * 0

    def end_old(self, moment: float) -> None: ...

    def end_all(self) -> None: ...


@pytest.fixture(autouse=True)
def short_warming(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "WARM_SECONDS", 1.0)


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    clip = walk_past(tmp_path_factory.mktemp("clips") / "walk.mp4", [person_crop(2)], Film(fps=10), seconds=2.0)
    with RtspServer({"walk": clip.path}) as server:
        yield server.url("walk")


def _worker(link: str) -> CameraWorker:
    return CameraWorker("door", lambda: open_camera(link, Transport.TCP), Counting(), LOOKS_A_SECOND)


def _took_its_time(cost: Cost) -> bool:
    return cost.seconds >= SECONDS and cost.cpu_seconds > 0


def test_decoding_alone_is_measured_for_as_long_as_was_asked(link: str) -> None:
    with open_camera(link, Transport.TCP) as source:
        assert _took_its_time(decode_only(source, SECONDS))


def test_watching_is_measured_with_its_looks(link: str) -> None:
    # Once more where connecting took a busy machine all of the time.
    costs = (watch([_worker(link), _worker(link)], SECONDS) for _ in range(3))
    cost = next((cost for cost in costs if cost.looks), None)
    assert cost is not None
    assert _took_its_time(cost)
    # What waited at the beginning counts too.
    assert cost.looks + cost.dropped <= 2 * LOOKS_A_SECOND * cost.seconds + PLACES + 2


def test_the_usual_loop_looks_as_often(link: str, tmp_path: Path) -> None:
    detector, recogniser = (prepare(available(files), tmp_path) for files in (YUNET, SFACE))
    models = UsualModels(detector, recogniser, side=320)
    cost = loop_as_usual(link, models, LOOKS_A_SECOND, SECONDS)
    assert _took_its_time(cost)
    assert 1 <= cost.looks <= LOOKS_A_SECOND * SECONDS + 2


def test_the_usual_loop_says_where_there_is_no_camera(tmp_path: Path) -> None:
    models = UsualModels(tmp_path / "none.onnx", tmp_path / "none.onnx")
    with pytest.raises(StreamUnreachable):
        loop_as_usual(str(tmp_path / "none.mp4"), models, LOOKS_A_SECOND, SECONDS)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells a process's memory at a moment")
def test_memory_is_told_at_each_moment(link: str) -> None:
    memory, reconnects = memory_over_time([_worker(link)], [0.5, 1.0])
    assert len(memory) == 2
    assert min(memory) > 10
    assert reconnects == 0


def test_figures_are_medians_against_what_is_to_be_reached() -> None:
    costs = {
        "decode": [_cost(1.0), _cost(9.0), _cost(1.0)],
        "ours": [_cost(1.2, looks=50)] * 3,
        "usual": [_cost(3.0, looks=40)] * 3,
        "usual, shrunk": [_cost(2.4, looks=50)] * 3,
    }
    assert set(costs) == set(WAYS)
    alone, usual, shrunk = cost_figures("still", costs, 1.25)
    # A loop that falls behind is no cheaper: it is compared by the picture analysed.
    assert [figure.value for figure in (alone, usual, shrunk)] == pytest.approx([1.2, 3.0 / 40 / (1.2 / 50), 2.0])
    assert [figure.reached for figure in (alone, usual, shrunk)] == [True, True, None]


def test_without_a_goal_a_figure_is_neither_reached_nor_missed() -> None:
    figures = list(cost_figures("camera 0", {way: [_cost(1.0, looks=50)] for way in WAYS}, None))
    assert [figure.reached for figure in figures] == [None] * 3
    assert all(isinstance(figure, Figure) and not figure.reach for figure in figures)


def _cost(cpu_seconds: float, looks: int = 0) -> dict[str, float]:
    return {"cpu_seconds": cpu_seconds, "seconds": 10.0, "looks": looks, "cores": cpu_seconds / 10}


def test_a_link_that_leads_nowhere_ends_the_benchmark_with_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "backend.cli", "bench", "cameras", "rtsp://127.0.0.1:9/none", "--seconds", "1"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1
    assert "Nothing answers at the camera's address" in done.stderr
    assert "Traceback" not in done.stderr


def test_jobs_print_json(link: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "backend.cli", "bench", "job", "decode", link, "--seconds", "0.5"],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert set(json.loads(done.stdout)) == set(Cost.__slots__)
