"""`bench engine`: from a picture file to names, stage by stage and against other ways to do it."""

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import Progress

from backend.cli.bench_photos import BenchFiles, BenchPhotos, Count, Images, bench_photos
from backend.cli.console import AsJson, err
from backend.cli.figures import WriteTo, report
from backend.container.recognition import Recognition, open_recognition
from backend.domain.errors import NothingEnrolled
from backend.evaluation.figures import Figure, at_least
from backend.evaluation.peers import process_peer
from backend.evaluation.speed import Span, Work, cpu_ratio, in_turns, noted, peak_mb, percentile, ratio, timed
from backend.recognition.enrol import Photo
from backend.recognition.identify import Identifier
from backend.settings import LocalSettings, load_local_settings
from backend.vision.alignment import align
from backend.vision.cores import usable_cores
from backend.vision.image import decode
from backend.vision.models import SFACE, YUNET, available, prepare
from backend.vision.quality import grade

PACKAGES = ("openvino", "opencv-python-headless", "numpy")
PEERS: Final = Path("bench/peers")
BATCH: Final = 8
OURS, PLAIN, OPENCV, DLIB = "ours", "ours, the peers' steps alone", "OpenCV", "face_recognition"

app = typer.Typer()


@app.command(epilog="Example: face-server bench engine --images lfw --rounds 3")
def engine(
    images: Images = None,
    count: Count = 24,
    rounds: Annotated[int, typer.Option(min=1, help="How often each photo is gone through.")] = 3,
    as_json: AsJson = False,
    page: WriteTo = None,
) -> None:
    """Measure the stages of recognition, batches, and the whole way against OpenCV and face_recognition."""
    photos = bench_photos(images, count)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="face-server-bench-")))
        settings = load_local_settings()
        cache = settings.data_dir / "models"
        # Nothing of what is measured may end up in the gallery of this machine.
        settings = settings.model_copy(update={"data_dir": folder / "data"})
        settings.data_dir.mkdir()
        if cache.is_dir():
            (settings.data_dir / "models").symlink_to(cache.resolve())
        recognition = stack.enter_context(open_recognition(settings))
        enrol(recognition, photos.enrolled)
        run = _Run(recognition, photos, rounds, stack.enter_context(Progress(console=err)))
        figures = [
            *run.stages(),
            *run.batches(),
            *run.memory(),
            *run.rivals(dict(_rivals(run, settings, folder, stack))),
        ]
    report("bench engine", figures, PACKAGES, as_json, page)


def enrol(recognition: Recognition, photos: Mapping[str, bytes]) -> None:
    """Enrol each person by one photo; one that is refused stays a stranger."""
    for person_id, photo in photos.items():
        try:
            recognition.enroller.enrol(person_id, [Photo("photo.jpg", photo)])
        except NothingEnrolled as error:
            err.print(f"Not enrolled: {person_id}: {error.rejected[0]['message']}", highlight=False, markup=False)


@dataclass(frozen=True, slots=True)
class Rival:
    """A way from a picture file to names."""

    identify: Callable[[str], tuple[Sequence[str | None], Span]]
    """Who is in that person's photo, and what it took to say so."""
    version: str = ""
    right: list[bool] = field(default_factory=list)
    """Of each answer so far, whether it named the person."""

    def work(self, name: str) -> Work:
        """Identify that person's photo."""

        def work() -> Span:
            people, span = self.identify(name)
            self.right.append(name in people)
            return span

        return work


@dataclass(frozen=True, slots=True)
class _Run:
    recognition: Recognition
    photos: BenchPhotos
    rounds: int
    progress: Progress

    def stages(self) -> Iterator[Figure]:
        """Each step from a file to names, one after the other, at its usual settings."""
        spans: dict[str, list[Span]] = {}
        self._stages(next(iter(self.photos.probes.values())))  # the first image pays for what is prepared once
        for photo in self._each_photo("Stages"):
            for stage, span in self._stages(photo).items():
                spans.setdefault(stage, []).append(span)
        return (span_figure(stage, of_stage) for stage, of_stage in spans.items())

    def batches(self) -> Iterator[Figure]:
        """Eight faces embedded together against one by one."""
        embedder, plain = self.recognition.pipelines.embedder, self.recognition.pipelines.plain
        picture = decode(next(iter(self.photos.probes.values())))
        faces = [align(picture, plain.detect(picture)[0].landmarks)] * BATCH
        rivals: dict[str, Work] = {
            "together": lambda: timed(lambda: embedder.embed(faces)),
            "single": lambda: timed(lambda: [embedder.embed([face]) for face in faces]),
        }
        in_turns(rivals)
        count = self.rounds * 10
        turns = [in_turns(rivals, turn) for turn in self.progress.track(range(count), description="Batches")]
        together = 1000 * statistics.median(turn["together"].seconds for turn in turns) / BATCH
        single = 1000 * statistics.median(turn["single"].seconds for turn in turns) / BATCH
        detail = f"{together:.3g} ms a face against {single:.3g}; by CPU {cpu_ratio(turns, 'single', 'together'):.3g} ×"
        yield at_least(
            f"embedding {BATCH} faces at once against one by one", ratio(turns, "single", "together"), "×", 1.25, detail
        )

    def memory(self) -> Iterator[Figure]:
        """Before any peer is loaded."""
        peak = peak_mb()
        if peak is not None:
            yield Figure("peak memory, before the peers", peak, "MB")

    def rivals(self, rivals: Mapping[str, Rival]) -> Iterator[Figure]:
        """From a file to names, each way in its turn on each photo."""
        names = list(self.photos.probes)
        for name in names[:2]:
            in_turns({way: rival.work(name) for way, rival in rivals.items()})
        for rival in rivals.values():
            rival.right.clear()
        work = self.progress.track(names * self.rounds, description="From file to names")
        turns = [
            in_turns({way: rival.work(name) for way, rival in rivals.items()}, turn) for turn, name in enumerate(work)
        ]
        for way, rival in rivals.items():
            named = f"{rival.version and f'; {rival.version}'}; named {sum(rival.right)} of {len(rival.right)}"
            yield span_figure(f"file → names, {way}", [turn[way] for turn in turns], named)
        for peer, least in ((OPENCV, 2.0), (DLIB, 12.0)):
            yield from against(turns, peer, least)

    def _each_photo(self, what: str) -> Iterator[bytes]:
        return iter(self.progress.track([*self.photos.probes.values()] * self.rounds, description=what))

    def _stages(self, photo: bytes) -> dict[str, Span]:
        """One photo gone through, step by step."""
        plain, embedder = self.recognition.pipelines.plain, self.recognition.pipelines.embedder
        took: dict[str, Span] = {}
        with noted(took, "decode"):
            picture = decode(photo, self.recognition.limits)
        with noted(took, "detect"):
            found = plain.detect(picture)
        with noted(took, "align"):
            aligned = [align(picture, detection.landmarks) for detection in found]
        with noted(took, "grade"):
            qualities = [grade(*pair, picture.shape) for pair in zip(aligned, found, strict=True)]
        with noted(took, "embed"):
            templates = embedder.embed(aligned)
        with noted(took, "search and decide"):
            for template, quality in zip(templates, qualities, strict=True):
                self.recognition.identifier.identify(template, quality)
        return took


def span_figure(what: str, spans: Sequence[Span], more: str = "") -> Figure:
    """The median of what a step took by the clock."""
    by_clock = [1000 * span.seconds for span in spans]
    cpu = 1000 * statistics.mean(span.cpu_seconds for span in spans)
    detail = f"95 % within {percentile(by_clock, 95):.3g} ms; CPU {cpu:.3g} ms{more}"
    return Figure(what, statistics.median(by_clock), "ms", detail=detail)


def against(turns: Sequence[Mapping[str, Span]], peer: str, least: float) -> Iterator[Figure]:
    """How many times as long a peer takes; the goal is for what users get, and for the same steps as the peer's."""
    for way in (OURS, PLAIN):
        what = f"file → names, {peer} against {way}"
        if peer not in turns[0]:
            yield Figure(what, None, "×", f"≥ {least:g}", detail="not installed: see bench/peers/README.md")
            continue
        detail = f"by CPU {cpu_ratio(turns, peer, way):.3g} ×; {len(turns)} pairs"
        yield at_least(what, ratio(turns, peer, way), "×", least, detail)


def _rivals(run: _Run, settings: LocalSettings, folder: Path, stack: ExitStack) -> Iterator[tuple[str, Rival]]:
    """Ours, and every peer that is installed."""
    recognition, files = run.recognition, run.photos.kept_in(folder)
    plain = Identifier(recognition.pipelines.plain, recognition.gallery, recognition.identifier.rule)
    yield OURS, _ours(recognition.identifier, files)
    yield PLAIN, _ours(plain, files)
    yield OPENCV, _peer(_opencv_command(settings), files, stack)
    python = PEERS / ".venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if python.exists():
        yield DLIB, _peer([str(python), "-W", "ignore", str(PEERS / "face_recognition_peer.py")], files, stack)
    else:
        err.print(f"{DLIB} is left out: bench/peers/README.md tells how to set it up.", highlight=False)


def _ours(identifier: Identifier, files: BenchFiles) -> Rival:
    def identify(name: str) -> tuple[Sequence[str | None], Span]:
        spans: dict[str, Span] = {}
        with noted(spans, "identify"):
            faces = identifier.identify_image(decode(files.probes[name].read_bytes()))
        return [face.decision.person_id for face in faces], spans["identify"]

    return Rival(identify)


def _peer(command: Sequence[str], files: BenchFiles, stack: ExitStack) -> Rival:
    peer = stack.enter_context(process_peer(command))
    peer.enrol(files.enrolled)
    return Rival(lambda name: peer.identify(files.probes[name]), peer.version)


def _opencv_command(settings: LocalSettings) -> list[str]:
    """OpenCV on the weights that we use, folded, and on as many threads."""
    cache = settings.data_dir / "models"
    weights = [prepare(available(files, settings.model_dir), cache, settings.model_dir) for files in (YUNET, SFACE)]
    threads = settings.threads or usable_cores()
    return [sys.executable, "-m", "backend.evaluation.opencv_peer", *map(str, weights), str(threads)]
