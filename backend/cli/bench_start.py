"""`bench start`: how soon a server is ready, and what it takes while nobody asks for anything."""

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.progress import Progress

from backend.cameras.benchmark import resident_mb
from backend.cli.bench_server import START_SECONDS, running_server
from backend.cli.console import AsJson, err
from backend.cli.figures import WriteTo, report
from backend.container.recognition import open_recognition
from backend.evaluation.figures import Figure, at_most
from backend.settings import load_local_settings

PACKAGES = ("openvino", "fastapi", "sqlalchemy")

app = typer.Typer()


@app.command("start", epilog="Example: face-server bench start --rounds 5")
def measure_start(
    rounds: Annotated[int, typer.Option(min=1, help="How often a server is started; the median counts.")] = 5,
    idle: Annotated[
        float, typer.Option(min=0, help="How many seconds each is left alone before its memory is read.")
    ] = 2.0,
    as_json: AsJson = False,
    page: WriteTo = None,
) -> None:
    """Measure how soon a server of an empty gallery is ready, its models prepared before, and its memory when idle."""
    with tempfile.TemporaryDirectory(prefix="face-server-bench-") as folder, Progress(console=err) as progress:
        data_dir = Path(folder) / "data"
        # Prepares the models and the database, as a first start does.
        with open_recognition(load_local_settings().model_copy(update={"data_dir": data_dir})):
            pass
        starts = [_start(data_dir, idle) for _ in progress.track(range(rounds), description="Starting")]
    report("bench start", list(figures(starts)), PACKAGES, as_json, page)


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a server."""

    seconds: float
    """From the command to `/readyz` = 200."""
    cpu_seconds: float
    """Of the server until then."""
    resident_mb: float
    """After it was left alone for a while."""


def figures(starts: Sequence[Start]) -> Iterator[Figure]:
    """What starts come to."""
    seconds = statistics.median(start.seconds for start in starts)
    cpu = statistics.median(start.cpu_seconds for start in starts)
    slowest = max(start.seconds for start in starts)
    detail = f"{len(starts)} starts, the slowest {slowest:.2f} s; CPU {cpu:.2f} s"
    yield at_most("command → /readyz", seconds, "s", 3.0, detail)
    resident = [start.resident_mb for start in starts]
    yield at_most("resident memory, idle", statistics.median(resident), "MB", 450, f"most {max(resident):.0f} MB")


def _start(data_dir: Path, idle: float) -> Start:
    began = time.perf_counter()
    with running_server(data_dir) as server:
        httpx.get(f"{server.url}/readyz", timeout=START_SECONDS, trust_env=False).raise_for_status()
        seconds, cpu_seconds = time.perf_counter() - began, server.cpu_seconds()
        time.sleep(idle)
        return Start(seconds, cpu_seconds, resident_mb(server.pid))
