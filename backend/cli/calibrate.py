"""`calibrate`: thresholds that fit the people enrolled here and the strangers that pass."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from backend import launch
from backend.cli.console import AsJson, err, out, print_reply
from backend.cli.local import local_recognition
from backend.container.recognition import Recognition, index_of
from backend.domain.camera import DEFAULT_THRESHOLD, Camera
from backend.domain.errors import InvalidInput
from backend.evaluation import summary
from backend.evaluation.calibration import (
    ENOUGH_SEARCHES,
    ENOUGH_STRANGERS,
    Calibration,
    Enrolled,
    Stranger,
    calibrate,
    left_out,
    weaknesses,
)
from backend.settings import LocalSettings, is_in_environment, load_local_settings
from backend.storage import cameras, sightings, templates

app = typer.Typer()
PHOTOS = "IDENTIFY_THRESHOLD"
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
        calibration = _calibration(settings, enrolled, strangers, recognition.identifier.rule.threshold)
        reply = _reply(calibration, enrolled, watched, alerts_per_week)
        outcome = _apply(recognition, calibration, watched, alerts_per_week) if apply else []
    print_reply(reply, as_json, _table(calibration, reply))
    if not as_json:
        _print_advice(reply)
    for sentence in outcome:
        # Whoever reads JSON has to learn it as well.
        _say(sentence, err if as_json else out)


def _stored(recognition: Recognition) -> tuple[list[Enrolled], list[Stranger], list[Camera]]:
    model = recognition.gallery.model
    with recognition.database.read() as tx:
        enrolled = [Enrolled(*row) for row in templates.graded(tx, model)]
        strangers = [Stranger(template, seen_at) for seen_at, template in sightings.strangers(tx, model)]
        return enrolled, strangers, cameras.all_by_nickname(tx)


def _calibration(
    settings: LocalSettings, enrolled: Sequence[Enrolled], strangers: Sequence[Stranger], in_use: float
) -> Calibration:
    make_index = index_of(settings)
    searched = left_out(enrolled, make_index)
    shown = track(searched, "Leaving out one photo after the other", total=len(enrolled), console=err, transient=True)
    index = make_index((entry.person_id, entry.template.embedding) for entry in enrolled)
    return calibrate(shown, len(index.people), strangers, index, in_use)


def _apply(
    recognition: Recognition, calibration: Calibration, watched: Sequence[Camera], alerts_per_week: float
) -> list[str]:
    """Take what differs from what is in use; answers what was done, in sentences."""
    identify = calibration.identify_threshold()
    is_photos = identify != calibration.in_use
    wanted = [
        replace(camera, threshold=calibration.camera_threshold(alerts_per_week, camera.threshold)) for camera in watched
    ]
    changed = [camera for camera, before in zip(wanted, watched, strict=True) if camera != before]
    if is_photos:
        launch.write_setting(PHOTOS, f"{identify:g}")
    with recognition.database.write() as tx:
        for camera in changed:
            cameras.change(tx, camera)
    return _outcome(is_photos=is_photos, is_cameras=bool(changed))


def _outcome(*, is_photos: bool, is_cameras: bool) -> list[str]:
    if not (is_photos or is_cameras):
        return ["Nothing was changed: what is in use stays."]
    if is_photos and is_in_environment(PHOTOS):
        written = (
            f"{PHOTOS} is written to .env, but the environment sets it as well and goes before .env: change it there."
        )
        return [written, *(["The cameras' thresholds are taken at the server's next start."] if is_cameras else [])]
    return ["Taken. A server that is running takes them at its next start."]


def _reply(
    calibration: Calibration, enrolled: Sequence[Enrolled], watched: Sequence[Camera], alerts_per_week: float
) -> dict[str, Any]:
    identify = calibration.identify_threshold()
    in_use = {entry.nickname: entry.threshold for entry in watched}
    camera = calibration.camera_threshold(alerts_per_week, min(in_use.values(), default=DEFAULT_THRESHOLD))
    alerts = calibration.alerts_a_week(camera)
    return {
        "people": calibration.people,
        "templates": calibration.templates,
        "strangers": len(calibration.stranger_scores),
        "strangers_per_week": round(calibration.strangers_a_week, 1),
        "too_little": _too_little(calibration),
        "identify": {"now": calibration.in_use, "recommended": identify, **_cost(calibration, identify)},
        "cameras": {
            "now": in_use,
            "recommended": camera,
            "by_camera": {
                nickname: calibration.camera_threshold(alerts_per_week, threshold)
                for nickname, threshold in in_use.items()
            },
            **_cost(calibration, camera),
            "false_alerts_per_week": None if math.isnan(alerts) else round(alerts, 2),
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


def _too_little(calibration: Calibration) -> str | None:
    """Why nothing lower than what is in use is recommended; None where it may be."""
    kept = {"photos": calibration.is_enough_for_photos, "cameras": calibration.is_enough_for_cameras}
    if all(kept.values()):
        return None
    return (
        f"Too little was seen to go below what is in use for {' and '.join(use for use in kept if not kept[use])}: "
        f"{len(calibration.unknown_scores)} searches by unknown faces, {len(calibration.stranger_scores)} of them by "
        f"strangers that cameras saw. It takes {ENOUGH_SEARCHES} searches, for cameras {ENOUGH_STRANGERS} of them by "
        f"strangers, for photos by {ENOUGH_STRANGERS} strangers and people."
    )


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
            _alerts(calibration.alerts_a_week(threshold)),
        )
    return table


def _print_advice(reply: dict[str, Any]) -> None:
    identify, watched = reply["identify"], reply["cameras"]
    _say(f"IDENTIFY_THRESHOLD: {identify['recommended']:.2f} recommended, {identify['now']:.2f} now.")
    for nickname, threshold in watched["now"].items():
        _say(f"Camera {nickname}: {watched['by_camera'][nickname]:.2f} recommended, {threshold:.2f} now.")
    if reply["too_little"]:
        # Broken into lines: it is long, and there is nothing in it to be copied.
        out.print(reply["too_little"], highlight=False)
    if watched["false_alerts_per_week"] is None:
        _say("False alerts a week are unknown: no camera has seen a stranger yet.")
    for pair in reply["look_alike"][:SHOWN]:
        _say(f"Look-alike: {' and '.join(pair['people'])}, similarity {pair['similarity']:.2f}.")
    for weakness in reply["weak"][:SHOWN]:
        _say(f"{weakness['person_id']}: {weakness['reason']}.")
    more = sum(max(0, len(reply[kind]) - SHOWN) for kind in ("look_alike", "weak"))
    if more:
        _say(f"And {more} more; --json names all.")


def _say(sentence: str, console: Console = out) -> None:
    console.print(sentence, highlight=False, markup=False, soft_wrap=True)


def _alerts(a_week: float) -> str:
    return "unknown" if math.isnan(a_week) else f"≤ {a_week:.1f}"


def _rate(percent: float | None, sign: str = "") -> str:
    return "–" if percent is None else f"{sign}{percent:.1f} %"
