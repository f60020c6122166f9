"""`bench job …`: one measurement in a process of its own, started by `bench cameras`; it prints JSON, a line each."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

import typer

from backend.cameras.benchmark import UsualModels, decode_only, loop_as_usual, memory_over_time, watch
from backend.cameras.source import open_camera
from backend.cameras.worker import CameraWorker
from backend.container.cameras import camera_worker_of, hardware_of, sighting_log_of
from backend.container.recognition import open_recognition
from backend.domain.camera import DEFAULT_COOLDOWN_SECONDS, DEFAULT_THRESHOLD, Camera
from backend.domain.sighting import Evidence, Sighting
from backend.settings import load_local_settings
from backend.storage.database import Transaction
from backend.storage.ids import new_id
from backend.storage.snapshots import Snapshots
from backend.vision.models import SFACE, YUNET, available, prepare

app = typer.Typer(hidden=True)

Links = Annotated[list[str], typer.Argument()]
Seconds = Annotated[float, typer.Option()]
Told: TypeAlias = Callable[[dict[str, object]], None]


@app.command()
def decode(links: Links, seconds: Seconds) -> None:
    """Decode the first link and throw the pictures away."""
    with open_camera(links[0], load_local_settings().rtsp_transport) as source:
        _print(asdict(decode_only(source, seconds)))


@app.command()
def usual(links: Links, seconds: Seconds, side: Annotated[int | None, typer.Option()] = None) -> None:
    """Watch the first link by the usual loop, searching pictures as they are or shrunk to `side` pixels."""
    settings = load_local_settings()
    cache = settings.data_dir / "models"
    detector, recogniser = (
        prepare(available(files, settings.model_dir), cache, settings.model_dir) for files in (YUNET, SFACE)
    )
    models = UsualModels(detector, recogniser, side)
    _print(asdict(loop_as_usual(links[0], models, settings.analysis_fps, seconds)))


@app.command()
def ours(links: Links, seconds: Seconds) -> None:
    """Watch all links as the service does, sightings and pictures stored."""
    with _workers(links, _keep_silent) as workers:
        _print(asdict(watch(workers, seconds)))


@app.command()
def memory(links: Links, at: Annotated[list[float], typer.Option()]) -> None:
    """Watch all links and tell the memory at some moments."""
    with _workers(links, _keep_silent) as workers:
        memory_mb, reconnects = memory_over_time(workers, at)
    _print({"memory_mb": memory_mb, "reconnects": reconnects})


@app.command()
def tell(links: Links, seconds: Seconds) -> None:
    """Watch all links and tell when each sighting has been stored, by the system's monotonic clock."""
    with _workers(links, _print) as workers:
        for worker in workers:
            worker.start()
        threading.Event().wait(seconds)
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join(time.monotonic() + 10.0)


@contextmanager
def _workers(links: Sequence[str], told: Told) -> Iterator[list[CameraWorker]]:
    settings = load_local_settings()
    hardware = hardware_of(settings)
    with open_recognition(settings) as recognition:
        snapshots = Snapshots(settings.data_dir / "snapshots")
        workers = []
        for number, link in enumerate(links):
            camera = _camera(f"camera-{number}", link)
            noted = _Noted(told)
            log = sighting_log_of(recognition, snapshots, camera, noted.take, noted.pass_on)
            workers.append(camera_worker_of(settings, recognition, camera, log, hardware))
        yield workers


def _print(fact: dict[str, object]) -> None:
    typer.echo(json.dumps(fact))


def _keep_silent(_fact: dict[str, object]) -> None:
    """Tell nobody."""


class _Noted:
    """Notes who is written, and tells when the writing is done."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._who: str | None = None

    def take(
        self, tx: Transaction, sighting: Sighting, evidence: Evidence, camera: Camera, *, risen: bool = False
    ) -> bool:
        del tx, evidence, camera
        self._who = sighting.person_id
        # Only the first word of a sighting counts, and not what is better known of it later.
        return not risen

    def pass_on(self) -> None:
        self._told({"at": time.monotonic(), "person_id": self._who})


def _camera(nickname: str, link: str) -> Camera:
    return Camera(
        camera_id=new_id(),
        nickname=nickname,
        link=link,
        threshold=DEFAULT_THRESHOLD,
        cooldown_seconds=DEFAULT_COOLDOWN_SECONDS,
        channel_id=None,
        notify_unknown=False,
        created_at=datetime.now(UTC),
    )
