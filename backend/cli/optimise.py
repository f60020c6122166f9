"""`optimise`: the embedder in int8, made and measured on this machine's own photos, and kept if it is worth it."""

import os
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import track
from rich.table import Table

from backend.cli.console import AsJson, err, out, print_reply
from backend.container.models import model_cache, open_workshop
from backend.domain.errors import ConfigurationError, FaceServerError, InvalidInput
from backend.domain.face import Template
from backend.domain.geometry import RgbImage
from backend.evaluation import summary
from backend.evaluation.describing import Failure, nearest_to_middle
from backend.evaluation.optimising import Bounds, Outcome, face_pairs, outcome
from backend.evaluation.speed import Span, Work, in_turns, timed
from backend.evaluation.trials import Labelled, sample
from backend.settings import LocalSettings, load_local_settings
from backend.vision import quantised, quantising
from backend.vision.alignment import align
from backend.vision.embedding import Embedder
from backend.vision.image import ImageLimits, decode
from backend.vision.loading import Workshop
from backend.vision.runtime import Precision

app = typer.Typer()

NOT_KEPT: Final = 3
"""The exit status where the int8 form was made, measured and not kept."""
NICENESS: Final = 10
"""How far this stands back behind a server that is running meanwhile."""
TURNS, FACES_A_TURN = 15, 8
FEWEST_FACES: Final = 5
"""To learn from, and to measure with."""


@app.command(epilog="Examples: face-server optimise --images photos · face-server optimise --remove")
def optimise(
    images: Annotated[
        Path | None,
        typer.Option(
            help="Photos to learn from and to measure with: one folder a person, or photos alone.",
            exists=True,
            file_okay=False,
            readable=True,
        ),
    ] = None,
    most: Annotated[int, typer.Option(min=5, max=1000, help="At most so many photos to learn from.")] = 300,
    max_loss: Annotated[
        float, typer.Option(min=0, max=100, help="How many percentage points of accuracy may be lost.")
    ] = 0.5,
    remove: Annotated[bool, typer.Option("--remove", help="Remove what this command has kept before.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the embedder in int8 for this processor, and keep it for PRECISION=int8 if it loses little and gains time.

    Ends with status 3 where it is not kept.
    """
    settings = load_local_settings()
    if remove:
        _remove(settings, as_json)
        return
    if images is None:
        raise typer.BadParameter("Name a folder of photos.", param_hint="--images")
    quantising.check_installed()
    drawn = sample(images, most)
    os.nice(NICENESS)
    with err.status("Loading the face models"):
        workshop = open_workshop(settings)
    if "int8" not in workshop.runtime.precisions:
        raise ConfigurationError(
            f"{workshop.runtime.name} on {workshop.runtime.device} does not compute in int8. Set DEVICE to cpu."
        )
    bench = _Bench(workshop, ImageLimits(settings.max_image_bytes, settings.max_image_pixels))
    learning = bench.faces(drawn.learning, "Finding faces to learn from", every=not drawn.labelled)
    measuring = bench.faces(drawn.measuring, "Finding faces to measure with", every=not drawn.labelled)
    if min(len(learning.found), len(measuring.found)) < FEWEST_FACES:
        raise InvalidInput(
            f"{images} shows too few faces: {len(learning.found)} to learn from and {len(measuring.found)} to measure "
            f"with, of at least {FEWEST_FACES} each.{_first_failure(learning, measuring)}"
        )
    form = quantising.quantise(workshop.file, _Shown(learning.images), len(learning.images))
    measured = bench.measured(form, measuring, drawn.labelled)
    faults = measured.faults(Bounds(max_loss / 100, quantised.LEAST_SIMILARITY))
    kept = None if faults else quantised.keep(workshop.file, workshop.runtime, form)
    reply = _reply(measured, faults, kept, max_loss, learning, measuring)
    print_reply(reply, as_json, _table(reply))
    if not as_json:
        out.print(reply["verdict"], highlight=False, markup=False)
    raise typer.Exit(NOT_KEPT if faults else 0)


def _first_failure(*faces: "_Faces") -> str:
    failures = [failure for each in faces for failure in each.failures]
    if not failures:
        return ""
    return f" {len(failures)} photos could not be used; {failures[0].photo.name}: {failures[0].reason}"


def _remove(settings: LocalSettings, as_json: bool) -> None:
    removed = quantised.remove(model_cache(settings))
    told = f"Removed: {removed}." if removed else "There was nothing to remove."
    if settings.precision == "int8":
        told += " PRECISION is int8: set it to auto, or the next start fails."
    if as_json:
        out.print_json(data={"removed": removed, "verdict": told})
    else:
        out.print(told, highlight=False)


@dataclass(frozen=True, slots=True)
class _Faces:
    """Aligned faces, and the photos that show none."""

    found: Sequence[tuple[str, RgbImage]]
    """Who it is, as far as that is known, and the face."""
    failures: Sequence[Failure]

    @property
    def images(self) -> list[RgbImage]:
        return [image for _, image in self.found]

    @property
    def people(self) -> list[str]:
        return [person_id for person_id, _ in self.found]


@dataclass(frozen=True, slots=True)
class _Shown:
    """Faces that are gone through with a bar of how far it has got, each time anew."""

    images: Sequence[RgbImage]

    def __iter__(self) -> Iterator[RgbImage]:
        return iter(track(self.images, "Learning from faces", console=err, transient=True))


@dataclass(frozen=True, slots=True)
class _Bench:
    """Where forms of the embedder are measured."""

    workshop: Workshop
    limits: ImageLimits

    def faces(self, photos: Sequence[Labelled], task: str, every: bool) -> _Faces:
        """Of each photo the face in its middle, or every one."""
        found: list[tuple[str, RgbImage]] = []
        failures: list[Failure] = []
        for entry in track(photos, task, console=err, transient=True):
            try:
                found += [(entry.person_id, face) for face in self._aligned(entry.photo, every)]
            except FaceServerError as error:
                failures.append(Failure(entry.photo, error.message))
            except OSError as error:
                failures.append(Failure(entry.photo, f"The file cannot be read: {error.strerror}."))
        return _Faces(found, failures)

    def _aligned(self, photo: Path, every: bool) -> list[RgbImage]:
        image = decode(photo.read_bytes(), self.limits)
        detections = self.workshop.detector.detect(image)
        if not detections:
            raise InvalidInput("No face was found.")
        meant = detections if every else [nearest_to_middle(detections, image)]
        return [align(image, detection.landmarks) for detection in meant]

    def measured(self, form: bytes, faces: _Faces, labelled: bool) -> Outcome:
        """What the int8 form loses and gains beside the others."""
        with tempfile.TemporaryDirectory(prefix="face-server-int8-") as folder:
            file = Path(folder) / "embedder.int8"
            file.write_bytes(form)
            embedders = dict(self._embedders(file))
            templates = {str(name): _templates(name, embedder, faces.images) for name, embedder in embedders.items()}
            times = _times(embedders, faces.images[:FACES_A_TURN])
        return outcome(templates, times, face_pairs(faces.people) if labelled else None)

    def _embedders(self, int8: Path) -> Iterator[tuple[Precision, Embedder]]:
        files: Mapping[Precision, Path] = {"f32": self.workshop.file, "bf16": self.workshop.file, "int8": int8}
        for precision, file in files.items():
            if precision in self.workshop.runtime.precisions:
                yield precision, self.workshop.embedder(precision, file)


def _templates(name: str, embedder: Embedder, faces: Sequence[RgbImage]) -> list[Template]:
    shown = track(faces, f"Making templates in {name}", console=err, transient=True)
    return [template for face in shown for template in embedder.embed([face])]


def _times(embedders: Mapping[Precision, Embedder], faces: Sequence[RgbImage]) -> dict[str, Span]:
    """What one face takes in each precision: the median of several turns, which they take one after the other."""

    def work(embedder: Embedder) -> Work:
        return lambda: timed(lambda: [embedder.embed([face]) for face in faces])

    rivals = {str(name): work(embedder) for name, embedder in embedders.items()}
    turns = [in_turns(rivals, turn) for turn in track(range(TURNS), "Taking times", console=err, transient=True)]
    return {name: _median([turn[name] for turn in turns], len(faces)) for name in rivals}


def _median(spans: Sequence[Span], faces: int) -> Span:
    return Span(
        statistics.median(span.seconds for span in spans) / faces,
        statistics.median(span.cpu_seconds for span in spans) / faces,
    )


def _reply(
    measured: Outcome,
    faults: Sequence[str],
    kept: Path | None,
    max_loss: float,
    learning: _Faces,
    measuring: _Faces,
) -> dict[str, Any]:
    failures = [*learning.failures, *measuring.failures]
    return {
        "kept": kept is not None,
        "verdict": _verdict(measured, faults),
        "file": None if kept is None else str(kept),
        "learnt_from": len(learning.found),
        "measured_with": len(measuring.found),
        "similarity": {name: round(value, 4) for name, value in asdict(measured.agreement).items()},
        "forms": [
            {
                "precision": form.precision,
                "accuracy": _percent(form.accuracy),
                "ms": round(1000 * form.time.seconds, 2),
                "cpu_ms": round(1000 * form.time.cpu_seconds, 2),
            }
            for form in measured.forms
        ],
        "accuracy_against_f32": _percent(measured.mixed),
        "loss": _percent(measured.loss),
        "max_loss": max_loss,
        "failures": [{"photo": str(failure.photo), "reason": failure.reason} for failure in failures],
    }


def _verdict(measured: Outcome, faults: Sequence[str]) -> str:
    if faults:
        return f"Not kept: {'; '.join(faults)}. What was kept before stays."
    part = f"{100 * measured.part_of_time:.0f} % of the processor time of {measured.usual.precision}"
    if measured.loss is None:
        lost = "its accuracy was not measured, for lack of labelled photos"
    else:
        lost = f"{100 * max(measured.loss, 0):.2f} points of accuracy are lost"
    return f"Kept: it takes {part}, and {lost}. Set PRECISION=int8 and start the server anew to use it."


def _table(reply: Mapping[str, Any]) -> Table:
    alike = reply["similarity"]
    caption = (
        f"Learnt from {reply['learnt_from']} faces, measured with {reply['measured_with']} others; photos that could "
        f"not be used: {len(reply['failures'])}\nSimilarity of templates to f32: least {alike['least']:.3f}, one in a "
        f"hundred {alike['one_percent']:.3f}, median {alike['median']:.3f}"
    )
    table = Table("", "accuracy on pairs", "ms a face", "ms of processor", caption=caption, caption_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for form in reply["forms"]:
        table.add_row(form["precision"], _rate(form["accuracy"]), f"{form['ms']:.1f}", f"{form['cpu_ms']:.1f}")
    table.add_row("int8 against f32", _rate(reply["accuracy_against_f32"]), "", "")
    return table


def _percent(share: float | None) -> float | None:
    return None if share is None else summary.percent(share)


def _rate(percent: float | None) -> str:
    return "–" if percent is None else f"{percent:.2f} %"
