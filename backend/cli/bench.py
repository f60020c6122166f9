"""`bench cameras`: what watching cameras costs on this machine, and how soon a sighting is stored."""

import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from backend.cli import bench_engine, bench_http, bench_jobs, bench_search, bench_start
from backend.cli.console import AsJson, err
from backend.cli.figures import WriteTo, report
from backend.container.recognition import open_recognition
from backend.domain.errors import ConfigurationError, StreamError
from backend.evaluation.figures import Figure, at_least, at_most
from backend.recognition.enrol import Photo
from backend.settings import load_local_settings
from backend.vision.loading import CAMERA_SIDE

JOB_SECONDS = 120.0
"""How much longer than its measurement a job may take: models are loaded, cameras connected."""
LOOPBACK = "tools.loopback_cameras"
SHRUNK = "usual, shrunk"
WAYS = {"decode": (), "ours": (), "usual": (), SHRUNK: ("--side", str(CAMERA_SIDE))}
"""Ways to watch one camera, each a job (the first word) and its options; shrunk is what is searched, as we do it."""
CAMERAS = 8
"""So many at once, for the figures that are about many."""
PACKAGES = ("openvino", "av", "opencv-python-headless")

app = typer.Typer()
bench = typer.Typer(help="Measure what this machine can do.", no_args_is_help=True)
bench.add_typer(bench_jobs.app, name="job")
bench.add_typer(bench_engine.app)
bench.add_typer(bench_http.app)
bench.add_typer(bench_search.app)
bench.add_typer(bench_start.app)
app.add_typer(bench, name="bench")


@bench.command(epilog="Example: face-server bench cameras --rounds 1 --seconds 10")
def cameras(
    links: Annotated[
        list[str] | None, typer.Argument(help="Cameras to measure; without any, some are played on loopback.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long each measurement lasts.")] = 15.0,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is repeated; the median counts.")] = 3,
    minutes: Annotated[float, typer.Option(min=0, help="How long memory is watched; the figures want 15.")] = 0.0,
    as_json: AsJson = False,
    page: WriteTo = None,
) -> None:
    """Measure the CPU time of watching cameras against decoding alone and against the usual loop, and more."""
    with tempfile.TemporaryDirectory(prefix="face-server-bench-") as folder, Progress(console=err) as progress:
        run = _Run(Path(folder), seconds, rounds, progress)
        figures = run.links(links) if links else list(_on_loopback(run, minutes))
    report("bench cameras", figures, PACKAGES, as_json, page)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of the benchmark: jobs one after the other, each in its own process, on a data folder of their own."""

    folder: Path
    seconds: float
    rounds: int
    progress: Progress

    def links(self, links: Sequence[str]) -> list[Figure]:
        """What each camera costs."""
        return [figure for number, link in enumerate(links) for figure in self.costs({f"camera {number}": link})]

    def costs(self, scenes: Mapping[str, str], reach: Mapping[str, float] | None = None) -> Iterator[Figure]:
        """CPU time for each scene, by several ways of watching it, interleaved so that all meet the same machine."""
        jobs = [(scene, way) for scene in scenes for way in WAYS]
        costs: dict[tuple[str, str], list[dict[str, float]]] = {job: [] for job in jobs}
        for scene, way in self.progress.track(jobs * self.rounds, description="CPU of one camera"):
            costs[scene, way].append(self.cost(way, [scenes[scene]], *WAYS[way]))
        for scene in scenes:
            by_way = {way: costs[scene, way] for way in WAYS}
            yield from cost_figures(scene, by_way, None if reach is None else reach[scene])

    def cost(self, way: str, links: Sequence[str], *options: str, seconds: float | None = None) -> dict[str, float]:
        """One measurement."""
        lasts = seconds or self.seconds
        (cost,) = self.job(way.partition(",")[0], links, lasts, "--seconds", str(lasts), *options)
        return cost | {"cores": cost["cpu_seconds"] / cost["seconds"]}

    def job(self, name: str, links: Sequence[str], lasts: float, *options: str) -> list[dict[str, Any]]:
        """What a job printed; raises StreamError where it failed."""
        command = [sys.executable, "-m", "backend.cli", "bench", "job", name, *links, *options]
        # Nothing of what is measured may end up in the gallery of this machine.
        environment = os.environ | {"DATA_DIR": str(self.folder / "data"), "LOG_LEVEL": "ERROR"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=lasts + JOB_SECONDS)  # noqa: S603 - ourselves
        if done.returncode:
            said = done.stderr.strip().splitlines()[-1:] or ["it said nothing."]
            raise StreamError(f"The measurement '{name}' failed: {said[0].removeprefix('face-server: ')}")
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def enrol(self, photos: Mapping[str, bytes]) -> None:
        """Put people into the gallery of the jobs."""
        settings = load_local_settings().model_copy(update={"data_dir": self.folder / "data"})
        with open_recognition(settings) as recognition:
            for person_id, photo in photos.items():
                recognition.enroller.enrol(person_id, [Photo("photo.jpg", photo)])


def cost_figures(scene: str, costs: Mapping[str, Sequence[dict[str, float]]], most: float | None) -> Iterator[Figure]:
    """What one scene costs by each of the WAYS; `most` is the goal against decoding alone, if there is one."""
    floor, ours = (statistics.median(cost["cores"] for cost in costs[way]) for way in ("decode", "ours"))
    detail = f"{_ms(ours)} of CPU a second; decoding alone {_ms(floor)}"
    yield at_most(f"{scene}: CPU against decoding alone", ours / floor, "×", most, detail)
    # By the picture analysed: a loop that falls behind analyses fewer in a second, and is none the cheaper for it.
    looks = {way: statistics.median(cost["cpu_seconds"] / max(cost["looks"], 1) for cost in costs[way]) for way in WAYS}
    for way, least in (("usual", None if most is None else 3.0), (SHRUNK, None)):
        rate = statistics.median(cost["looks"] / cost["seconds"] for cost in costs[way])
        detail = f"{_ms(looks[way])} of CPU a picture analysed, ours {_ms(looks['ours'])}; {rate:.1f} analysed a second"
        yield at_least(f"{scene}: CPU of the {way} loop against ours", looks[way] / looks["ours"], "×", least, detail)


def _on_loopback(run: _Run, minutes: float) -> Iterator[Figure]:
    clips = run.folder / "clips"
    clips.mkdir()
    with _loopback(clips) as played:
        run.enrol(played.photos)
        yield from run.costs(
            {"1080p25, still scene": played.still, "1080p25, one person walking": played.walking},
            {"1080p25, still scene": 1.25, "1080p25, one person walking": 2.0},
        )
        yield from _delays(run, played)
        yield from _crowd(run, played)
        yield from _memory(run, played, minutes)


@contextmanager
def _loopback(folder: Path) -> Iterator[Any]:
    try:
        module = importlib.import_module(LOOPBACK)
    except ImportError as error:
        raise ConfigurationError(
            "Cameras on loopback need a checkout with its development packages (make install); or name links."
        ) from error
    try:
        with module.loopback_cameras(folder) as played:
            yield played
    except RuntimeError as error:
        raise ConfigurationError(str(error)) from error


def _delays(run: _Run, played: Any) -> Iterator[Figure]:
    """From a face that is suddenly there to its stored sighting."""
    lasts = max(4 * run.seconds, 1.5 * played.round_seconds)
    run.progress.add_task("Delay of sightings", total=None)
    told = run.job("tell", [played.appearing], lasts, "--seconds", str(lasts))
    began = played.began_to_appear()
    starts = [
        began + turn * played.round_seconds + appearance.starts
        for turn in range(int(lasts / played.round_seconds) + 1)
        for appearance in played.appearances
    ]
    for who, is_known in (("known person", True), ("stranger", False)):
        stored = [fact["at"] for fact in told if (fact["person_id"] is not None) is is_known]
        delays = sorted(min(at - start for start in starts if start <= at) for at in stored)
        yield from _delay_figures(f"{who} visible → sighting stored", delays)


def _delay_figures(what: str, delays: Sequence[float]) -> Iterator[Figure]:
    if not delays:
        yield Figure(what, None, "s", detail="not one sighting")
        return
    count = f"{len(delays)} sightings"
    yield at_most(f"{what}, median", statistics.median(delays), "s", 0.6, count)
    yield at_most(f"{what}, 95th percentile", delays[min(len(delays) - 1, int(0.95 * len(delays)))], "s", 1.2, count)


def _crowd(run: _Run, played: Any) -> Iterator[Figure]:
    run.progress.add_task("Eight cameras", total=None)
    cost = run.cost("ours", [played.small] * CAMERAS, seconds=2 * run.seconds)
    wanted = CAMERAS * load_local_settings().analysis_fps * cost["seconds"]
    detail = f"{cost['looks']:.0f} analyses, {wanted:.0f} wanted; {cost['cores']:.2f} cores busy"
    yield at_most(f"{CAMERAS} cameras of 640×480 at once: analyses dropped", cost["dropped"], "", 0, detail)


def _memory(run: _Run, played: Any, minutes: float) -> Iterator[Figure]:
    what = f"{CAMERAS} cameras: memory after {minutes:g} min against 1 min"
    if minutes <= 1:
        yield Figure("memory after 15 min against 1 min", None, "%", "≤ 2", detail="not measured: see --minutes")
        return
    run.progress.add_task("Memory", total=None)
    lasts = 60 * minutes
    (fact,) = run.job("memory", [played.ending] * CAMERAS, lasts, "--at", "60", "--at", str(lasts))
    first, last = fact["memory_mb"]
    detail = f"{first:.0f} → {last:.0f} MB, {fact['reconnects']} reconnects"
    yield at_most(what, 100 * (last / first - 1), "%", 2.0, detail)


def _ms(cores: float) -> str:
    return f"{1000 * cores:.0f} ms"
