"""`enrol` and `identify`: people and photos, without a server."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from backend.api.replies import enrolment_reply, identification_reply
from backend.cli.console import AsJson, err, folding, print_reply, titled_table
from backend.cli.local import local_recognition
from backend.container.recognition import Recognition
from backend.domain.errors import ImageRejected, NothingEnrolled
from backend.recognition.enrol import Photo
from backend.vision.image import decode

app = typer.Typer()

Photos = Annotated[list[Path], typer.Argument(help="Picture files.", exists=True, dir_okay=False, readable=True)]


@app.command(epilog="Example: face-server enrol alice photos/alice-1.jpg photos/alice-2.jpg")
def enrol(
    person: Annotated[str, typer.Argument(help="The person's id.")], photos: Photos, as_json: AsJson = False
) -> None:
    """Add photos of a person to the gallery of this machine."""
    with local_recognition() as recognition:
        shown = photos if as_json else track(photos, "Reading photos", console=err, transient=True)
        read = (Photo(path.name, _content(recognition, path)) for path in shown)
        try:
            reply = enrolment_reply(recognition.enroller.enrol(person, read)).model_dump(mode="json")
        except NothingEnrolled as nothing:
            reply = {"person_id": person, "added": 0, **nothing.details}
    print_reply(reply, as_json, _enrolment_table(reply))
    raise typer.Exit(0 if reply["added"] else 1)


@app.command(epilog="Example: face-server identify party.jpg --json")
def identify(photos: Photos, as_json: AsJson = False) -> None:
    """Say who is in each photo, if anyone."""
    with local_recognition() as recognition:
        shown = photos if as_json else track(photos, "Looking", console=err, transient=True)
        replies = [_identified(recognition, path) for path in shown]
    print_reply(replies, as_json, _identification_table(replies))
    raise typer.Exit(1 if any("error" in reply for reply in replies) else 0)


def _identified(recognition: Recognition, path: Path) -> dict[str, Any]:
    try:
        faces = recognition.identifier.identify_image(decode(_content(recognition, path), recognition.limits))
    except ImageRejected as rejected:
        return {"photo": str(path), "error": {"code": rejected.code, "message": rejected.message}}
    rule, model = recognition.identifier.rule, recognition.identifier.model
    reply = identification_reply(faces, rule.threshold, model).model_dump(mode="json", exclude={"action"})
    return {"photo": str(path), **reply}


def _content(recognition: Recognition, path: Path) -> bytes:
    """The file's bytes, and one more than is allowed where it is too large: enough to see that."""
    with path.open("rb") as file:
        return file.read(recognition.limits.max_bytes + 1)


def _enrolment_table(reply: dict[str, Any]) -> Table:
    title = f"{escape(reply['person_id'])}: {reply['added']} added"
    table = titled_table(title, "Photo", "Verdict")
    for rejected in reply["rejected"]:
        table.add_row(escape(rejected["filename"]), f"{rejected['code']}: {rejected['message']}")
    if not reply["rejected"]:
        table.add_row("all photos", "added")
    return table


def _identification_table(replies: list[dict[str, Any]]) -> Table:
    table = Table(*folding("Photo", "Face at", "Who", "Similarity", "Quality"))
    for reply in replies:
        if "error" in reply:
            table.add_row(escape(reply["photo"]), "", reply["error"]["message"], "", "")
        elif not reply["faces"]:
            table.add_row(escape(reply["photo"]), "", "no face", "", "")
        for face in reply.get("faces", ()):
            table.add_row(escape(reply["photo"]), *_face_row(face))
    return table


def _face_row(face: dict[str, Any]) -> tuple[str, str, str, str]:
    box, similarity = face["box"], face["similarity"]
    place = f"{box['x']:.0f},{box['y']:.0f} {box['width']:.0f}×{box['height']:.0f}"
    who = escape(face["person_id"] or face["decision"])
    return place, who, "" if similarity is None else f"{similarity:.2f}", f"{face['quality']['score']:.2f}"
