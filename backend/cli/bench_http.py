"""`bench http`: images a second through a real server, against the same engine called directly."""

import http.client
import itertools
import json
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

import typer
from rich.progress import Progress

from backend.cli.bench_engine import enrol
from backend.cli.bench_photos import Count, Images, bench_photos
from backend.cli.bench_server import START_SECONDS, Server, running_server
from backend.cli.console import AsJson, err
from backend.cli.figures import WriteTo, report
from backend.container.recognition import Recognition, open_recognition
from backend.domain.errors import ConfigurationError
from backend.evaluation.figures import Figure, at_least
from backend.evaluation.speed import percentile
from backend.settings import load_local_settings
from backend.vision.image import decode

PACKAGES = ("openvino", "fastapi", "uvicorn")

Ask: TypeAlias = Callable[[bytes], None]
"""Asks who is in a photo, and waits for the answer."""

app = typer.Typer()


@app.command("http", epilog="Example: face-server bench http --clients 8 --seconds 5")
def measure_http(
    images: Images = None,
    count: Count = 24,
    clients: Annotated[int, typer.Option(min=1, max=64, help="How many ask at once.")] = 8,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each turn lasts.")] = 5.0,
    rounds: Annotated[int, typer.Option(min=1, help="How many turns each has; the median of the pairs counts.")] = 5,
    as_json: AsJson = False,
    page: WriteTo = None,
) -> None:
    """Measure images a second through HTTP against the engine called directly, by so many callers each."""
    photos = bench_photos(images, count)
    probes = list(photos.probes.values())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="face-server-bench-")))
        settings = load_local_settings().model_copy(update={"data_dir": folder / "data"})
        recognition = stack.enter_context(open_recognition(settings))
        enrol(recognition, photos.enrolled)
        server = stack.enter_context(running_server(folder / "data"))
        progress = stack.enter_context(Progress(console=err))
        ways: list[Callable[[], Turn]] = [
            lambda: crowd(clients, seconds, probes, lambda: nullcontext(_direct(recognition)), time.process_time),
            lambda: crowd(clients, seconds, probes, lambda: _caller(server), server.cpu_seconds),
        ]
        for way in ways:
            way()
        order = progress.track(range(rounds), description="Direct and through HTTP")
        pairs = [_pair(ways, reverse=bool(number % 2)) for number in order]
    report("bench http", list(figures(pairs, clients)), PACKAGES, as_json, page)


@dataclass(frozen=True, slots=True)
class Turn:
    """What some callers got done in a while."""

    seconds: float
    delays: Sequence[float]
    """Of each image, in seconds."""
    cpu_seconds: float
    """Of the process that recognised, all threads together; NaN where the system does not tell of others."""

    @property
    def rate(self) -> float:
        """Images a second."""
        return len(self.delays) / self.seconds

    @property
    def cpu_an_image(self) -> float:
        """In seconds."""
        return self.cpu_seconds / max(len(self.delays), 1)


def figures(pairs: Sequence[tuple[Turn, Turn]], clients: int) -> Iterator[Figure]:
    """What turns, direct and through HTTP, come to."""
    for way, turns in zip(("called directly", "through HTTP"), zip(*pairs, strict=True), strict=True):
        delays = [1000 * delay for turn in turns for delay in turn.delays]
        cpu = 1000 * statistics.median(turn.cpu_an_image for turn in turns)
        times = f"an image {statistics.median(delays):.0f} ms, 95 % within {percentile(delays, 95):.0f} ms"
        rate = statistics.median(turn.rate for turn in turns)
        yield Figure(f"identify {way}, {clients} callers", rate, "images/s", detail=f"{times}; CPU {cpu:.3g} ms")
    share = statistics.median(http.rate / direct.rate for direct, http in pairs)
    by_cpu = statistics.median(direct.cpu_an_image / http.cpu_an_image for direct, http in pairs)
    detail = f"{len(pairs)} pairs, the clients on the same cores; by CPU without the clients {by_cpu:.3g} ×"
    yield at_least(f"through HTTP against directly, {clients} callers", share, "×", 0.85, detail)


def crowd(
    callers: int,
    seconds: float,
    photos: Sequence[bytes],
    make: Callable[[], AbstractContextManager[Ask]],
    cpu_seconds: Callable[[], float],
) -> Turn:
    """Let so many callers, each with its own of what `make` makes, ask about photos one after the other for a while.

    `cpu_seconds` tells what the process that recognises has used so far.
    """
    start = threading.Barrier(callers + 1)

    def call(number: int) -> list[float]:
        with make() as ask:
            start.wait()
            return list(_delays(ask, itertools.islice(itertools.cycle(photos), number, None), seconds))

    with ThreadPoolExecutor(callers) as threads:
        answers = [threads.submit(call, number) for number in range(callers)]
        cpu = cpu_seconds()
        start.wait()
        began = time.perf_counter()
        delays = [delay for answer in answers for delay in answer.result()]
        return Turn(time.perf_counter() - began, delays, cpu_seconds() - cpu)


def _delays(ask: Ask, photos: Iterable[bytes], seconds: float) -> Iterator[float]:
    ends = time.perf_counter() + seconds
    for photo in photos:
        began = time.perf_counter()
        if began >= ends:
            return
        ask(photo)
        yield time.perf_counter() - began


def _pair(ways: Sequence[Callable[[], Turn]], reverse: bool) -> tuple[Turn, Turn]:
    direct, through = ways
    if reverse:
        second = through()
        return direct(), second
    return direct(), through()


def _direct(recognition: Recognition) -> Ask:
    def ask(photo: bytes) -> None:
        recognition.identifier.identify_image(decode(photo, recognition.limits))

    return ask


@contextmanager
def _caller(server: Server) -> Iterator[Ask]:
    """Asks on a connection of its own, which stays open; a plain one: what a client costs is not measured."""
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=START_SECONDS)

    def ask(photo: bytes) -> None:
        body, kind = _form(photo)
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": kind}
        connection.request("POST", "/v1/identify", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise ConfigurationError(f"The server answered {answer.status}: {content[:200].decode()}")
        json.loads(content)

    with closing(connection):
        yield ask


def _form(photo: bytes) -> tuple[bytes, str]:
    """The photo as a browser's form would send it."""
    boundary = uuid.uuid4().hex
    part = 'Content-Disposition: form-data; name="images"; filename="photo.jpg"\r\nContent-Type: image/jpeg'
    head, tail = f"--{boundary}\r\n{part}\r\n\r\n", f"\r\n--{boundary}--\r\n"
    return head.encode() + photo + tail.encode(), f"multipart/form-data; boundary={boundary}"
