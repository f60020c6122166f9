"""`evaluate`: how good recognition is on labelled photos, as this machine is set up and against the plain reference."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track
from rich.table import Table

from backend.cli.console import AsJson, err, print_reply
from backend.container.models import load_models, thresholds_of
from backend.container.recognition import index_of
from backend.evaluation import summary
from backend.evaluation.comparing import PairScores, compare
from backend.evaluation.describing import Album, describe_all
from backend.evaluation.pages import openset_report, pairs_report
from backend.evaluation.report import Report, write_report
from backend.evaluation.searching import Method, SearchResults, search_all
from backend.evaluation.trials import open_set, photos_by_person, read_pairs
from backend.gallery.index import ExactIndex
from backend.settings import LocalSettings, load_local_settings
from backend.vision.conventions import Thresholds
from backend.vision.cores import usable_cores
from backend.vision.image import ImageLimits
from backend.vision.pipeline import FacePipeline
from backend.vision.runtime import Precision

app = typer.Typer()
evaluate = typer.Typer(help="Measure how good recognition is on labelled photos.", no_args_is_help=True)
app.add_typer(evaluate, name="evaluate")

Images = Annotated[
    Path, typer.Option(help="A folder with one folder a person.", exists=True, file_okay=False, readable=True)
]


def _in_a_folder(report: Path | None) -> Path | None:
    """Said before anything is measured, which takes long."""
    if report is not None and not os.access(report.resolve().parent, os.W_OK):
        raise typer.BadParameter(f"nothing can be written to the folder {report.resolve().parent}.")
    return report


ReportFile = Annotated[
    Path | None,
    typer.Option("--report", help="Where to write an HTML report with plots.", dir_okay=False, callback=_in_a_folder),
]
REFERENCE = "plain reference"
"""Find, align, embed and take the highest cosine: what everything else is measured against."""


@evaluate.command(epilog="Example: face-server evaluate pairs --images lfw --pairs lfw/pairs.txt")
def pairs(
    images: Images,
    pairs: Annotated[Path, typer.Option(help="A file like LFW's pairs.txt.", exists=True, dir_okay=False)],
    as_json: AsJson = False,
    report: ReportFile = None,
) -> None:
    """Compare labelled pairs of photos: accuracy, TAR at FAR, thresholds."""
    labelled = read_pairs(pairs, images)
    bench = _Bench.set_up()
    album = bench.album({photo: ("plain", "enrolment") for pair in labelled for photo in (pair.left, pair.right)})
    ways = {"as set up": "enrolment", REFERENCE: "plain"}
    results = {name: compare(labelled, album, model) for name, model in ways.items()}
    reply = _pairs_reply(results, album, bench.facts)
    if report is not None:
        rows = _pairs_rows(results)
        _write(report, pairs_report(results, album, rows, _facts(bench.facts, images, album)), album, bench.limits)
    note = f"{_failure_note(album)}; TAR at 0.1 % {_of_best(reply['tar_of_best']['0.001'])}"
    print_reply(reply, as_json, _table(_pairs_rows(results), note))


@evaluate.command(epilog="Example: face-server evaluate openset --images lfw --enrol 1 --report openset.html")
def openset(
    images: Images,
    enrol: Annotated[int, typer.Option(min=1, help="How many photos of each person to enrol.")] = 1,
    seed: Annotated[int, typer.Option(help="Which photos are enrolled.")] = 0,
    most_probes: Annotated[
        int | None, typer.Option(min=1, help="At most so many searches for one person; all photos by default.")
    ] = None,
    as_json: AsJson = False,
    report: ReportFile = None,
) -> None:
    """Search a gallery with people who are in it and with strangers: rank 1, FNIR at FPIR, thresholds."""
    trial = open_set(photos_by_person(images), enrol, seed, most_probes)
    bench = _Bench.set_up()
    wanted = {entry.photo: ("plain", "enrolment") for entry in trial.enrolled}
    wanted |= {entry.photo: ("plain", "photos") for entry in trial.probes}
    album = bench.album(wanted)
    results = {method.name: search_all(trial, album, method) for method in _methods(bench.settings)}
    drawn = {"enrol": enrol, "seed": seed, "most_probes": most_probes}
    thresholds = (bench.thresholds.identify, 0.5)
    reply = _openset_reply(results, summary.trial_summary(trial, album) | drawn, thresholds, bench.facts)
    rows = _openset_rows(results)
    if report is not None:
        facts = _facts(bench.facts | drawn, images, album)
        _write(report, openset_report(results, trial, album, rows, facts), album, bench.limits)
    note = f"{trial.people} people enrolled, {len(trial.mated)} mated and {len(trial.non_mated)} non-mated searches"
    note += f"; {_failure_note(album)}; FNIR at 1 % {_of_best(reply['fnir_of_best']['0.01'])}"
    print_reply(reply, as_json, _table(rows, note))


@dataclass(frozen=True, slots=True)
class _Bench:
    """The models as this machine is set up, and what they run on."""

    settings: LocalSettings
    models: Mapping[str, FacePipeline]
    """By the purposes that `Method` names."""
    limits: ImageLimits
    thresholds: Thresholds
    precision: Precision

    @classmethod
    def set_up(cls) -> "_Bench":
        settings = load_local_settings()
        with err.status("Loading the face models"):
            pipelines = load_models(settings)
        models = {"plain": pipelines.plain, "enrolment": pipelines.enrolment, "photos": pipelines.photos}
        limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
        thresholds = thresholds_of(settings, pipelines.thresholds)
        return cls(settings, models, limits, thresholds, pipelines.precision)

    @property
    def facts(self) -> dict[str, Any]:
        """What was measured, and on what."""
        return {
            "model": self.models["plain"].model,
            "precision": self.precision,
            "mirror_enrol": self.settings.mirror_enrol,
            "mirror_search": self.settings.mirror_search,
            "cohort_adjustment": self.settings.cohort_adjustment,
            "machine": f"{platform.machine()}, {usable_cores()} cores",
            "versions": f"face-server {version('face-server')}, OpenVINO {version('openvino')}, "
            f"Python {platform.python_version()}",
        }

    def album(self, wanted: Mapping[Path, Sequence[str]]) -> Album:
        """Every photo described by the models it is wanted from, with a bar of how far it has got."""
        outcomes = describe_all(wanted, self.models, self.limits)
        return Album.of(track(outcomes, "Looking at photos", total=len(wanted), console=err, transient=True))


def _methods(settings: LocalSettings) -> list[Method]:
    """The way this machine is set up first, the plain reference last, and what lies between."""
    glancing = "plain" if settings.mirror_search == "auto" else None
    return [
        Method("as set up", "enrolment", "photos", index_of(settings), glancing),
        Method("without cohort", "enrolment", "photos", ExactIndex.of, glancing),
        Method("cohort alone", "plain", "plain", index_of(settings)),
        Method(REFERENCE, "plain", "plain", ExactIndex.of),
    ]


def _pairs_reply(results: Mapping[str, PairScores], album: Album, facts: Mapping[str, Any]) -> dict[str, Any]:
    scores = results["as set up"]
    return {
        "pairs": len(scores.pairs),
        **summary.pairs_summary(scores),
        "reference": summary.pairs_summary(results[REFERENCE]),
        "failures": [{"photo": str(failure.photo), "reason": failure.reason} for failure in album.failures],
        "facts": facts,
    }


def _openset_reply(
    results: Mapping[str, SearchResults],
    trial: Mapping[str, Any],
    thresholds: Sequence[float],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    summaries = {name: summary.search_summary(found, thresholds) for name, found in results.items()}
    reference = summaries[REFERENCE]
    return {
        **trial,
        **summaries["as set up"],
        "fewer_misses": summary.fewer_misses(summaries["as set up"], reference),
        "reference": reference,
        "methods": [{"name": name, **found} for name, found in summaries.items()],
        "facts": facts,
    }


def _pairs_rows(results: Mapping[str, PairScores]) -> list[list[str]]:
    rows = [["", "accuracy", "TAR at 1 %", "TAR at 0.1 %", "threshold", "not compared"]]
    for name, scores in results.items():
        found = summary.pairs_summary(scores)
        accuracy = f"{_rate(found['accuracy'])} ± {_rate(found['accuracy_deviation'])}"
        rates = [_rate(found["tar"][far]) for far in ("0.01", "0.001")]
        rows.append([name, accuracy, *rates, _cosine(found["thresholds"]["0.001"]), str(found["not_compared"])])
    return rows


def _openset_rows(results: Mapping[str, SearchResults]) -> list[list[str]]:
    rows = [["", "rank 1", "FNIR at 10 %", "threshold", "FNIR at 1 %", "threshold"]]
    for name, found in results.items():
        rates = summary.search_summary(found, ())
        cells = [
            cell
            for fpir in ("0.1", "0.01")
            for cell in (_rate(rates["fnir"][fpir]), _cosine(rates["thresholds"][fpir]))
        ]
        rows.append([name, _rate(rates["rank1"]), *cells])
    return rows


def _table(rows: Sequence[Sequence[str]], caption: str) -> Table:
    heads, *body = rows
    table = Table(*heads, caption=caption, caption_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in body:
        table.add_row(*row)
    return table


def _failure_note(album: Album) -> str:
    return f"photos that could not be used: {len(album.failures)}"


def _of_best(rate: float | None) -> str:
    """How a rate changes where the quality is heeded."""
    return f"without the tenth of poorest quality: {_rate(rate)}"


def _facts(facts: Mapping[str, Any], images: Path, album: Album) -> dict[str, str]:
    """What a report tells of how it was made."""
    counts = {"images": images.resolve().name, "photos described": str(len(album.descriptions))}
    return counts | {name.replace("_", " "): str(fact) for name, fact in facts.items() if fact is not None}


def _rate(percent: float | None) -> str:
    return "–" if percent is None else f"{percent:.2f} %"


def _cosine(threshold: float | None) -> str:
    return "–" if threshold is None else f"{threshold:.3f}"


def _write(file: Path, report: Report, album: Album, limits: ImageLimits) -> None:
    write_report(file, report, album, limits)
    err.print(f"Report written to {file}", highlight=False, markup=False, soft_wrap=True)
