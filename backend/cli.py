"""The commands of `face-server`."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from rich.console import Console
from rich.progress import track
from rich.table import Table

from backend import launch
from backend.api.factory import create_app
from backend.api.logs import configure_logging
from backend.api.replies import enrolment_reply, identification_reply
from backend.cameras.recording import watch_recording
from backend.cameras.source import is_live, open_any
from backend.cameras.visits import Visit
from backend.cameras.worker import CameraWorker
from backend.container import Recognition, open_recognition, visits_of, worker_of
from backend.domain.camera import DEFAULT_THRESHOLD
from backend.domain.errors import ConfigurationError, FaceServerError, ImageRejected, NothingEnrolled
from backend.recognition.enrol import Photo
from backend.settings import load_local_settings, load_settings
from backend.vision.image import decode

GRACE_SECONDS = 3
"""How long requests at hand may take to end once the server is told to stop."""

STOP_SECONDS = 8.0
"""How long a camera may take to let go."""
STATUS_SECONDS = 0.5
"""How often a camera's troubles are looked for."""

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
out = Console()
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Photos = Annotated[list[Path], typer.Argument(help="Picture files.", exists=True, dir_okay=False, readable=True)]
Host = Annotated[str | None, typer.Option(help="The address to listen on; HOST by default.")]
Port = Annotated[int | None, typer.Option(help="The port to listen on; PORT by default.", min=0, max=65535)]
DataDir = Annotated[Path | None, typer.Option(help="Where everything is kept; DATA_DIR by default.")]


@app.callback()
def about() -> None:
    """A local service that knows faces."""


@app.command(epilog="Example: face-server up")
def up() -> None:
    """Run the API with its cameras and the web UI together, making a token first where there is none."""
    raise typer.Exit(launch.up(lambda text: err.print(text, highlight=False, soft_wrap=True)))


@app.command(epilog="Example: face-server serve --port 8000 --data-dir data")
def serve(host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Run the API and the cameras in the foreground, logging to standard error."""
    given = {"host": host, "port": port, "data_dir": data_dir}
    settings = load_settings().model_copy(update={name: value for name, value in given.items() if value is not None})
    configure_logging(settings.log_level)
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    server.run()
    raise typer.Exit(0 if server.started else 1)


@app.command(epilog="Example: face-server ui --port 8501")
def ui(host: Host = None, port: Port = None) -> None:
    """Run the web UI in the foreground; it talks to the API at UTILITIES_URL and CAMERA_SCHEDULER_URL."""
    settings = load_local_settings()
    raise typer.Exit(launch.run_ui(host or settings.host, port or settings.ui_port))


@app.command(epilog="Example: face-server enrol alice photos/alice-1.jpg photos/alice-2.jpg")
def enrol(
    person: Annotated[str, typer.Argument(help="The person's id.")], photos: Photos, as_json: AsJson = False
) -> None:
    """Add photos of a person to the gallery of this machine."""
    with _recognition() as recognition:
        shown = photos if as_json else track(photos, "Reading photos", console=err, transient=True)
        read = [Photo(path.name, path.read_bytes()) for path in shown]
        try:
            reply = enrolment_reply(recognition.enroller.enrol(person, read)).model_dump(mode="json")
        except NothingEnrolled as nothing:
            reply = {"person_id": person, "added": 0, **nothing.details}
    _print(reply, as_json, _enrolment_table(reply))
    raise typer.Exit(0 if reply["added"] else 1)


@app.command(epilog="Example: face-server identify party.jpg --json")
def identify(photos: Photos, as_json: AsJson = False) -> None:
    """Say who is in each photo, if anyone."""
    with _recognition() as recognition:
        shown = photos if as_json else track(photos, "Looking", console=err, transient=True)
        replies = [_identified(recognition, path) for path in shown]
    _print(replies, as_json, _identification_table(replies))
    raise typer.Exit(1 if any("error" in reply for reply in replies) else 0)


@app.command(epilog="Examples: face-server watch rtsp://user:pass@192.0.2.10/stream · face-server watch party.mp4")
def watch(
    source: Annotated[str, typer.Argument(help="A camera's link, a video file, or a webcam's number.")],
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Similarity that counts.")] = DEFAULT_THRESHOLD,
    as_json: AsJson = False,
) -> None:
    """Print who passes, as it happens; needs no server. Ctrl-C ends it."""
    settings = load_local_settings()
    log = _PrintedVisits(as_json)
    with _recognition() as recognition:
        if is_live(source):
            _watch_live(worker_of(settings, recognition, source, threshold, log))
        else:
            with open_any(source, settings.rtsp_transport) as recording:
                watch_recording(recording, visits_of(recognition, threshold, log), settings.analysis_fps)
    log.conclude()


def main() -> None:
    """Run a command; what goes wrong is one sentence on standard error."""
    try:
        app()
    except FaceServerError as error:
        err.print(f"face-server: {error.message}", highlight=False, markup=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, ConfigurationError) else 1)


@contextmanager
def _recognition() -> Iterator[Recognition]:
    with ExitStack() as stack:
        with err.status("Loading the face models"):
            recognition = stack.enter_context(open_recognition(load_local_settings()))
        yield recognition


def _identified(recognition: Recognition, path: Path) -> dict[str, Any]:
    try:
        faces = recognition.identifier.identify_image(decode(path.read_bytes(), recognition.limits))
    except ImageRejected as rejected:
        return {"photo": str(path), "error": {"code": rejected.code, "message": rejected.message}}
    rule, model = recognition.identifier.rule, recognition.identifier.model
    reply = identification_reply(faces, rule.threshold, model).model_dump(mode="json", exclude={"action"})
    return {"photo": str(path), **reply}


def _watch_live(worker: CameraWorker) -> None:
    told: str | None = None
    stopping = threading.Event()
    worker.start()
    try:
        while not stopping.wait(STATUS_SECONDS):
            error = worker.status().last_error
            if error is not None and error != told:
                err.print(f"{error} Trying again; Ctrl-C ends it.", highlight=False)
            told = error
    except KeyboardInterrupt:
        worker.stop()
        worker.join(time.monotonic() + STOP_SECONDS)


def _print(reply: object, as_json: bool, table: Table) -> None:
    if as_json:
        out.print_json(json.dumps(reply))
    else:
        out.print(table)


def _enrolment_table(reply: dict[str, Any]) -> Table:
    table = Table("Photo", "Verdict", title=f"{reply['person_id']}: {reply['added']} added", title_justify="left")
    for rejected in reply["rejected"]:
        table.add_row(rejected["filename"], f"{rejected['code']}: {rejected['message']}")
    if not reply["rejected"]:
        table.add_row("all photos", "added")
    return table


def _identification_table(replies: list[dict[str, Any]]) -> Table:
    table = Table("Photo", "Face at", "Who", "Similarity", "Quality")
    for reply in replies:
        if "error" in reply:
            table.add_row(reply["photo"], "", reply["error"]["message"], "", "")
        elif not reply["faces"]:
            table.add_row(reply["photo"], "", "no face", "", "")
        for face in reply.get("faces", ()):
            table.add_row(reply["photo"], *_face_row(face))
    return table


def _face_row(face: dict[str, Any]) -> tuple[str, str, str, str]:
    box, similarity = face["box"], face["similarity"]
    place = f"{box['x']:.0f},{box['y']:.0f} {box['width']:.0f}×{box['height']:.0f}"
    who = face["person_id"] or face["decision"]
    return place, who, "" if similarity is None else f"{similarity:.2f}", f"{face['quality']['score']:.2f}"


class _PrintedVisits:
    """Prints each visit when it is known who it is, and when it has ended."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._told: dict[int, str | None] = {}
        self._ended = 0

    def report(self, visit: Visit) -> None:
        """Print what is new of a visit."""
        if visit.visit_id not in self._told or self._told[visit.visit_id] != visit.person_id:
            self._told[visit.visit_id] = visit.person_id
            self._print("seen", visit)
        if visit.ended:
            self._ended += 1
            self._print("left", visit)

    def conclude(self) -> None:
        """Say how many visits there were."""
        if not self._as_json:
            out.print(f"{self._ended} visits", highlight=False)

    def _print(self, event: str, visit: Visit) -> None:
        if self._as_json:
            out.print(json.dumps(_visit_facts(event, visit)), soft_wrap=True, highlight=False, markup=False)
            return
        at = visit.last_seen_at if visit.ended else visit.started_at
        similarity = visit.decision.similarity
        alike = "" if similarity is None else f"  similarity {similarity:.2f}"
        who = visit.person_id or "somebody unknown"
        out.print(f"{at.astimezone():%H:%M:%S}  {event}  {who}{alike}", highlight=False, markup=False)


def _visit_facts(event: str, visit: Visit) -> dict[str, Any]:
    return {
        "event": event,
        "visit": visit.visit_id,
        "person_id": visit.person_id,
        "similarity": visit.decision.similarity,
        "started_at": visit.started_at.isoformat(),
        "last_seen_at": visit.last_seen_at.isoformat(),
        "looks": visit.looks,
    }


if __name__ == "__main__":
    main()
