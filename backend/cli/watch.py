"""`watch`: a camera or a video, without a server."""

import json
import logging
import threading
import time
from typing import Annotated, Any

import typer

from backend.cameras.follow import Visit
from backend.cameras.recording import watch_recording
from backend.cameras.source import is_live, open_any, webcam
from backend.cameras.worker import CameraWorker
from backend.cli.console import AsJson, err, out
from backend.cli.local import local_recognition
from backend.container.cameras import visits_of, worker_of
from backend.domain.camera import DEFAULT_THRESHOLD
from backend.settings import load_local_settings

STOP_SECONDS = 8.0
"""How long a camera may take to let go."""
STATUS_SECONDS = 0.5
"""How often a camera's troubles are looked for."""

app = typer.Typer()


@app.command(epilog="Examples: face-server watch rtsp://user:pass@192.0.2.10/stream · face-server watch party.mp4")
def watch(
    source: Annotated[str, typer.Argument(help="A camera's link, a video file, or a webcam's number.")],
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Similarity that counts.")] = DEFAULT_THRESHOLD,
    as_json: AsJson = False,
) -> None:
    """Print who passes, as it happens; needs no server. Ctrl-C ends it."""
    settings = load_local_settings()
    log = _PrintedVisits(as_json)
    if source.isdecimal():
        # One that is not there at all is a slip, and not waited for as a camera is.
        webcam(source)
    with local_recognition() as recognition:
        if is_live(source):
            _watch_live(worker_of(settings, recognition, source, threshold, log))
        else:
            with open_any(source, settings.rtsp_transport) as recording:
                watch_recording(recording, visits_of(recognition, threshold, log), settings.analysis_fps)
    log.conclude()


def _watch_live(worker: CameraWorker) -> None:
    told: str | None = None
    # Its troubles are told below, in words for who sits before it.
    logging.getLogger("backend.cameras.reader").setLevel(logging.ERROR)
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

    def catch_up(self) -> None:
        """Nothing is ever left over."""

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
