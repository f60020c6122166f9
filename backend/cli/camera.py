"""`camera check`: what a camera's link leads to, without a server."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from backend.api.replies import check_reply
from backend.cli.console import AsJson, folding, print_reply
from backend.cli.local import local_recognition
from backend.container.cameras import doctor_of, hardware_of
from backend.domain.camera import ConnectStep
from backend.settings import load_local_settings

app = typer.Typer()
camera = typer.Typer(help="Cameras, without a server.", no_args_is_help=True)
app.add_typer(camera, name="camera")

_SAID = {
    ConnectStep.LINK: "the link is one that a camera may have",
    ConnectStep.NAME: "its name is known",
    ConnectStep.PORT: "somebody listens at its port",
    ConnectStep.ANSWER: "it answers",
    ConnectStep.LOGIN: "it accepts the user name and password",
    ConnectStep.PATH: "there is something at the link's path",
    ConnectStep.VIDEO: "there is video in it",
    ConnectStep.CODEC: "its codec is supported",
    ConnectStep.PICTURE: "whole pictures come of it",
}


@camera.command(epilog="Example: face-server camera check rtsp://user:pass@192.0.2.10/stream")
def check(link: Annotated[str, typer.Argument(help="A camera's link.")], as_json: AsJson = False) -> None:
    """Say which step of reaching a camera fails, or what it sends and how many such cameras this machine can watch."""
    settings = load_local_settings()
    with local_recognition() as recognition:
        diagnosis = doctor_of(settings, recognition, hardware_of(settings)).examine(link)
    reply = check_reply(diagnosis).model_dump(mode="json")
    print_reply(reply, as_json, _table(reply))
    raise typer.Exit(0 if reply["ok"] else 1)


def _table(reply: dict[str, Any]) -> Table:
    table = Table(*folding("", ""), title=escape(reply["rtsp_link"]), title_justify="left", show_header=False)
    for step in reply["passed"]:
        table.add_row("ok", _SAID[ConnectStep(step)])
    if reply["failed"]:
        table.add_row("failed", escape(reply["message"]))
    for name, value in _findings(reply):
        table.add_row(name, value)
    return table


def _findings(reply: dict[str, Any]) -> list[tuple[str, str]]:
    video, capacity = reply["video"], reply["capacity"]
    if video is None or capacity is None:
        return []
    keyframes = video["keyframe_seconds"]
    faces = ", ".join(f"{size} px" for size in video["face_sizes"])
    return [
        ("video", f"{video['codec']} {video['width']}×{video['height']}, {video['fps']:.1f} pictures a second"),
        ("keyframes", "more than 3 s apart" if keyframes is None else f"{keyframes:.2f} s apart"),
        ("data", f"{video['kilobits_per_second']:.0f} kbit/s"),
        ("decoding", f"{video['decode_ms']:.0f} ms of a core for each second"),
        ("searching", f"{video['search_ms']:.0f} ms for each picture"),
        ("recognising", f"{video['describe_ms']:.0f} ms for each face"),
        ("faces", faces or "none in sight"),
        (
            "this machine",
            f"can watch {capacity['while_still']} cameras like this while little moves, "
            f"{capacity['while_busy']} with somebody in every picture",
        ),
    ]
