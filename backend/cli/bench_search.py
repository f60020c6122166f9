"""`bench search`: how fast and how well people are found in a large gallery, and what it needs of memory."""

import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import Progress

from backend.cameras.benchmark import resident_mb
from backend.cli.console import AsJson, err
from backend.cli.figures import WriteTo, report
from backend.domain.face import Template
from backend.evaluation.figures import Figure, at_least, at_most
from backend.evaluation.synthetic import DIMENSIONS, FAR_SPREAD, Crowd
from backend.gallery.cohort import CohortAdjustedIndex
from backend.gallery.gallery import Gallery
from backend.gallery.layered import LayeredIndex
from backend.gallery.shelf import Limit, Shelf
from backend.gallery.signs import SignsIndex
from backend.storage import people as people_rows
from backend.storage import templates as template_rows
from backend.storage.database import Database, sqlite_url
from backend.storage.secret_box import SecretBox
from backend.storage.templates import NewTemplate

MODEL = "synthetic"
ENROLMENTS = 100
TOP = 5
BYTES_A_TEMPLATE = 1.3 * 340 + 200
"""What memory is held against: 1.3 times what usearch 2.26 reports of a graph of templates (128 dimensions of 8 bits,
24 neighbours each), and 200 bytes."""

app = typer.Typer()


@app.command(epilog="Example: face-server bench search --templates 100000 --people 20000")
def search(
    templates: Annotated[int, typer.Option(min=1000, help="How many templates the gallery has.")] = 1_000_000,
    people: Annotated[int, typer.Option(min=100, help="Of how many people.")] = 200_000,
    probes: Annotated[int, typer.Option(min=10, help="How many faces are searched for.")] = 1000,
    as_json: AsJson = False,
    page: WriteTo = None,
) -> None:
    """Measure search in a synthetic gallery: time, recall, restart, enrolment, memory; against NumPy and faiss."""
    crowd = Crowd(people, max(1, templates // people))
    with tempfile.TemporaryDirectory(prefix="face-server-bench-") as folder, Progress(console=err) as progress:
        run = _Run(Path(folder), crowd, probes, progress)
        run.fill()
        figures = [run.writing(), *run.restarted(), *run.peers()]
    report("bench search", figures, ("numpy",), as_json, page)


@app.command(hidden=True)
def search_job(folder: Path, people: int, looks: int, probes: int) -> None:
    """Open a gallery as a restart does, search and enrol; print what it took."""
    typer.echo(json.dumps(_after_restart(folder, Crowd(people, looks), probes)))


@dataclass(frozen=True, slots=True)
class _Run:
    folder: Path
    crowd: Crowd
    probes: int
    progress: Progress

    def fill(self) -> None:
        """Write all templates into a database."""
        task = self.progress.add_task("Writing the gallery", total=self.crowd.people)
        with closing(_database(self.folder)) as database:
            for first, embeddings in self.crowd.portions():
                names = [_name(first + place) for place in range(len(embeddings) // self.crowd.looks)]
                whose = (name for name in names for _ in range(self.crowd.looks))
                with database.write() as tx:
                    people_rows.add_many(tx, names)
                    template_rows.add_many(tx, zip(whose, map(_photo, embeddings), strict=True))
                    template_rows.advance_generation(tx)
                self.progress.advance(task, len(names))

    def writing(self) -> Figure:
        """Make the index and keep it."""
        self.progress.add_task("Making the index", total=None)
        with closing(_database(self.folder)) as database:
            gallery = _gallery(self.folder, database)
            seconds = _seconds(lambda: gallery.searched.renew(lambda: True))
        return Figure("index made and written, in the background of a server", seconds, "s")

    def restarted(self) -> Iterator[Figure]:
        """What another process finds."""
        self.progress.add_task("Searching after a restart", total=None)
        numbers = map(str, (self.crowd.people, self.crowd.looks, self.probes))
        command = [sys.executable, "-m", "backend.cli", "bench", "search-job", str(self.folder), *numbers]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ourselves
        yield from figures_of(json.loads(done.stdout))

    def peers(self) -> Iterator[Figure]:
        """Plain NumPy, and faiss where it is installed, on the same templates."""
        self.progress.add_task("Comparing", total=None)
        stacked = np.concatenate([embeddings for _, embeddings in self.crowd.portions()])
        faces, _ = self.crowd.probes(20)
        yield _timed("NumPy, every template compared", faces, lambda face: np.argpartition(stacked @ face, -TOP))
        if importlib.util.find_spec("faiss") is not None:
            faiss = importlib.import_module("faiss")
            index = faiss.IndexFlatIP(DIMENSIONS)
            index.add(stacked)
            yield _timed("faiss, every template compared", faces, lambda face: index.search(face[None], TOP))


def figures_of(found: dict[str, Any]) -> Iterator[Figure]:
    """What a restarted process found, against what is to be reached."""
    detail = f"{found['probes']} searches"
    yield at_most("search, top 5, median", found["p50_ms"], "ms", 1.0, detail)
    yield at_most("search, top 5, 99th percentile", found["p99_ms"], "ms", 3.0, detail)
    yield at_most("processor time of a search", found["cpu_ms"], "ms", None, detail)
    yield at_least("recall@1 against exact search", found["recall"], "", 0.99, detail)
    yield at_least("the same, faces hardly like their person", found["far_recall"], "", None, detail)
    yield at_most("ready after a restart", found["ready_s"], "s", 5.0)
    yield at_most(
        "one enrolment, median", found["enrolment_ms"], "ms", 10.0, "written to the disk, and found from then on"
    )
    allowed = BYTES_A_TEMPLATE * found["templates"] / 2**20
    yield at_most("memory", found["memory_mb"], "MB", round(allowed), "what a graph by usearch would be allowed")


def _after_restart(folder: Path, crowd: Crowd, count: int) -> dict[str, Any]:
    before = resident_mb()
    began = time.perf_counter()
    with closing(_database(folder)) as database:
        gallery = _gallery(folder, database)
        ready = time.perf_counter() - began
        _require_opened(gallery)
        faces, _ = crowd.probes(count)
        probes = [Template(face, MODEL) for face in faces]
        gallery.search(probes[0], TOP)
        cpu = time.process_time()
        took = [_seconds(partial(gallery.search, probe, TOP)) for probe in probes]
        cpu = time.process_time() - cpu
        memory = resident_mb() - before
        recall, far_recall = (_recall(gallery, crowd, some) for some in (faces, crowd.probes(count, FAR_SPREAD)[0]))
        enrolments = [_seconds(partial(gallery.add, f"new {turn}", [_photo(faces[turn])])) for turn in _some(count)]
    return {
        "probes": count,
        "templates": crowd.people * crowd.looks,
        "p50_ms": 1000 * float(np.percentile(took, 50)),
        "p99_ms": 1000 * float(np.percentile(took, 99)),
        "cpu_ms": 1000 * cpu / count,
        "recall": recall,
        "far_recall": far_recall,
        "ready_s": ready,
        "enrolment_ms": 1000 * statistics.median(enrolments),
        "memory_mb": memory,
    }


def _recall(gallery: Gallery, crowd: Crowd, faces: NDArray[np.float32]) -> float:
    """How often the first that is found is the first of all."""
    best = np.full(len(faces), -1.0, np.float32)
    who = np.zeros(len(faces), np.intp)
    for first, embeddings in crowd.portions():
        similarities = faces @ embeddings.T
        nearest = similarities.argmax(axis=1)
        better = similarities.max(axis=1) > best
        best = np.maximum(best, similarities.max(axis=1))
        who[better] = first + nearest[better] // crowd.looks
    found = [gallery.searched.index.search(face, 1)[0].person_id for face in faces]
    return float(np.mean([name == _name(int(number)) for name, number in zip(found, who, strict=True)]))


def _require_opened(gallery: Gallery) -> None:
    index = gallery.searched.index
    if not isinstance(index, LayeredIndex) or not isinstance(index.base, SignsIndex):
        raise typer.BadParameter("The index was not opened.")


def _database(folder: Path) -> Database:
    return Database.open(sqlite_url(folder), SecretBox("benchmark"))


def _gallery(folder: Path, database: Database) -> Gallery:
    return Gallery(database, MODEL, CohortAdjustedIndex, Shelf(folder / "index", MODEL, Limit(1)))


def _name(number: int) -> str:
    return f"person {number:07d}"


def _photo(embedding: NDArray[np.float32]) -> NewTemplate:
    return NewTemplate(Template(embedding, MODEL), 0.9, "photo.jpg", embedding.tobytes()[:32].hex())


def _some(count: int) -> range:
    return range(min(ENROLMENTS, count))


def _timed(what: str, faces: NDArray[np.float32], search_for: Callable[[NDArray[np.float32]], object]) -> Figure:
    took = [_seconds(partial(search_for, face)) for face in faces]
    return Figure(f"{what}, median", 1000 * statistics.median(took), "ms", detail=f"{len(faces)} searches")


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
