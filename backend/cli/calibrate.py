"""`calibrate`: thresholds that fit the people enrolled here and the strangers that pass."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.progress import track
from rich.table import Table

from backend import launch
from backend.cli.console import AsJson, err, out, print_reply
from backend.cli.local import local_recognition
from backend.container.recognition import Recognition, index_of
from backend.domain.camera import Camera
from backend.domain.errors import InvalidInput
from backend.evaluation import summary
from backend.evaluation.calibration import Calibration, Enrolled, Stranger, calibrate, left_out, weaknesses
from backend.settings import LocalSettings, load_local_settings
from backend.storage import cameras, sightings, templates

app = typer.Typer()
SHOWN = 10
"""How many look-alike people and how many weak people the table names; JSON has all."""


@app.command("calibrate", epilog="Example: face-server calibrate --alerts-per-week 1 --apply")
def calibrated(
    alerts_per_week: Annotated[
        float, typer.Option(min=0, help="How many false alerts a week the cameras may raise together.")
    ] = 1.0,
    apply: Annotated[bool, typer.Option("--apply", help="Take the recommended thresholds.")] = False,
    as_json: AsJson = False,
) -> None:
    """Recommend thresholds from the people enrolled here and the strangers seen by the cameras."""
    settings = load_local_settings()
    with local_recognition() as recognition:
        enrolled, strangers, watched = _stored(recognition)
        if not enrolled:
            raise InvalidInput("Nobody is enrolled yet: enrol people first, with three photos each.")
        calibration = _calibration(settings, enrolled, strangers)
        reply = _reply(recognition.identifier.rule.threshold, calibration, enrolled, watched, alerts_per_week)
        if apply:
            _apply(recognition, watched, reply)
    print_reply(reply, as_json, _table(calibration, reply))
    if not as_json:
        _print_advice(reply)
        if apply:
            out.print("Taken. A server that is running takes them at its next start.", highlight=False)


def _stored(recognition: Recognition) -> tuple[list[Enrolled], list[Stranger], list[Camera]]:
    model = recognition.gallery.model
    with recognition.database.read() as tx:
        enrolled = [Enrolled(*row) for row in templates.graded(tx, model)]
        strangers = [Stranger(template, seen_at) for seen_at, template in sightings.strangers(tx, model)]
        return enrolled, strangers, cameras.all_by_nickname(tx)


def _calibration(settings: LocalSettings, enrolled: Sequence[Enrolled], strangers: Sequence[Stranger]) -> Calibration:
    make_index = index_of(settings)
    searched = left_out(enrolled, make_index)
    shown = track(searched, "Leaving out one photo after the other", total=len(enrolled), console=err, transient=True)
    index = make_index((entry.person_id, entry.template.embedding) for entry in enrolled)
    return calibrate(shown, len(index.people), strangers, index)


def _apply(recognition: Recognition, watched: Sequence[Camera], reply: dict[str, Any]) -> None:
    launch.write_setting("IDENTIFY_THRESHOLD", f"{reply['identify']['recommended']:g}")
    with recognition.database.write() as tx:
        for camera in watched:
            cameras.change(tx, replace(camera, threshold=reply["cameras"]["recommended"]))


def _reply(
    identify_now: float,
    calibration: Calibration,
    enrolled: Sequence[Enrolled],
    watched: Sequence[Camera],
    alerts_per_week: float,
) -> dict[str, Any]:
    identify, camera = calibration.identify_threshold(), calibration.camera_threshold(alerts_per_week)
    return {
        "people": calibration.people,
        "templates": calibration.templates,
        "strangers": len(calibration.stranger_scores),
        "strangers_per_week": round(calibration.strangers_a_week, 1),
        "identify": {"now": identify_now, "recommended": identify, **_cost(calibration, identify)},
        "cameras": {
            "now": {entry.nickname: entry.threshold for entry in watched},
            "recommended": camera,
            **_cost(calibration, camera),
            "false_alerts_per_week": round(calibration.alerts_a_week(camera), 2),
        },
        "look_alike": [
            {"people": [pair.person_id, pair.other_id], "similarity": round(pair.similarity, 3)}
            for pair in calibration.look_alike()
        ],
        "weak": [
            {"person_id": weakness.person_id, "reason": weakness.reason}
            for weakness in weaknesses(enrolled, calibration)
        ],
    }


def _cost(calibration: Calibration, threshold: float) -> dict[str, float | None]:
    """What a threshold does, in percent."""
    return {
        "missed": summary.percent(calibration.missed(threshold)),
        "mistaken_at_most": summary.percent(calibration.mistaken(threshold)),
    }


def _table(calibration: Calibration, reply: dict[str, Any]) -> Table:
    """The recommended thresholds, and what others would do."""
    heads = ("Threshold", "own photos missed", "strangers mistaken", "false alerts a week")
    title = f"{reply['people']} people, {reply['templates']} photos, {reply['strangers']} sightings of strangers"
    table = Table(*heads, title=title, title_justify="left")
    identify, camera = reply["identify"]["recommended"], reply["cameras"]["recommended"]
    names = {camera: " cameras", identify: " photos"}
    for threshold in sorted({0.35, 0.4, 0.45, 0.5, 0.55, 0.6, identify, camera}):
        table.add_row(
            f"{threshold:.2f}{names.get(threshold, '')}",
            _rate(summary.percent(calibration.missed(threshold))),
            _rate(summary.percent(calibration.mistaken(threshold)), "≤ "),
            f"≤ {calibration.alerts_a_week(threshold):.1f}",
        )
    return table


def _print_advice(reply: dict[str, Any]) -> None:
    identify, watched = reply["identify"], reply["cameras"]
    _say(f"IDENTIFY_THRESHOLD: {identify['recommended']:.2f} recommended, {identify['now']:.2f} now.")
    for nickname, threshold in watched["now"].items():
        _say(f"Camera {nickname}: {watched['recommended']:.2f} recommended, {threshold:.2f} now.")
    for pair in reply["look_alike"][:SHOWN]:
        _say(f"Look-alike: {' and '.join(pair['people'])}, similarity {pair['similarity']:.2f}.")
    for weakness in reply["weak"][:SHOWN]:
        _say(f"{weakness['person_id']}: {weakness['reason']}.")
    more = sum(max(0, len(reply[kind]) - SHOWN) for kind in ("look_alike", "weak"))
    if more:
        _say(f"And {more} more; --json names all.")


def _say(sentence: str) -> None:
    out.print(sentence, highlight=False, markup=False, soft_wrap=True)


def _rate(percent: float | None, sign: str = "") -> str:
    return "–" if percent is None else f"{sign}{percent:.1f} %"
