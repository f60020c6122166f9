"""Imports in the background: one at a time, on a thread that is stopped and joined."""

import json
import logging
import queue
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import closing
from contextvars import Context, copy_context
from dataclasses import asdict
from pathlib import Path
from typing import IO

from backend.domain.errors import Busy, FaceServerError, InvalidField, JobNotFound, StorageError
from backend.domain.job import UNDER_WAY, Job, JobState
from backend.recognition.imports import Progress
from backend.recognition.intake import Intake
from backend.storage import jobs
from backend.storage.database import Database
from backend.storage.ids import new_id

logger = logging.getLogger(__name__)

IMPORT = "import"
MOST_WAITING = 10
SECONDS_BETWEEN_REPORTS = 0.5
_PIECE = 2**20


class Jobs:
    """Takes archives in and enrols what is in them; safe to use from any thread."""

    def __init__(self, database: Database, intake: Callable[[], Intake], folder: Path) -> None:
        """Keep archives in `folder` until the `intake` of that moment has taken them in."""
        self._database = database
        self._intake = intake
        self._folder = folder
        self._waiting: queue.Queue[tuple[str, Context] | None] = queue.Queue()
        self._cancelled: set[str] = set()
        self._stopping = threading.Event()
        self._ended = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        """Say of what an earlier run left that it was interrupted, and begin."""
        with self._database.write() as tx:
            jobs.interrupt_all(tx)
        for left in self._folder.glob("*.zip"):
            left.unlink(missing_ok=True)
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End after the photo at hand; `stop` waits for that."""
        self._stopping.set()
        self._waiting.put(None)

    def stop(self, deadline_s: float) -> None:
        """End after the photo at hand, and wait up to `deadline_s` seconds for that."""
        self.ask_to_stop()
        self._thread.join(deadline_s)
        if self._thread.is_alive():
            logger.warning("An import hangs and is abandoned; the next start says that it was interrupted.")

    def submit(self, archive: IO[bytes]) -> Job:
        """Have an archive of photos, or an export, taken in.

        Raises InvalidField for one that is neither, and Busy behind too many others.
        """
        if self._waiting.qsize() >= MOST_WAITING:
            raise Busy("Too many imports are waiting; try again when one is done.", retry_after=60)
        job_id = new_id()
        path = self._path(job_id)
        try:
            self._write(path, archive)
            with _opened(path) as opened:
                total = self._intake().count(opened)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        with self._database.write() as tx:
            jobs.add(tx, job_id, IMPORT, _document(Progress(total)))
        # What it does, it does in the name of who asked for it.
        self._waiting.put((job_id, copy_context()))
        return self.job(job_id)

    def job(self, job_id: str) -> Job:
        """A job; raises JobNotFound."""
        with self._database.read() as tx:
            found = jobs.find(tx, job_id)
        if found is None:
            raise JobNotFound(f"There is no job '{job_id}'.", job_id=job_id)
        return found

    def ended(self, job_id: str, within_s: float) -> Job:
        """A job once it is under way no more, or after so many seconds as it is then; raises JobNotFound."""
        with self._ended:
            self._ended.wait_for(lambda: self.job(job_id).state not in UNDER_WAY, within_s)
        return self.job(job_id)

    def cancel(self, job_id: str) -> Job:
        """Have a job end after the photo at hand; what it has done stays. Raises JobNotFound."""
        found = self.job(job_id)
        if found.state in UNDER_WAY:
            self._cancelled.add(job_id)
        return found

    def _work(self) -> None:
        while (wanted := self._waiting.get()) is not None and not self._stopping.is_set():
            job_id, context = wanted
            try:
                context.run(self._do, job_id)
            except FaceServerError as error:
                logger.error("The job %s failed: %s", job_id, error.message)
                self._fail(job_id)
            except Exception:
                logger.exception("The job %s failed", job_id)
                self._fail(job_id)
            finally:
                self._cancelled.discard(job_id)
                self._path(job_id).unlink(missing_ok=True)
                with self._ended:
                    self._ended.notify_all()

    def _do(self, job_id: str) -> None:
        goes = self._reporter(job_id)
        with _opened(self._path(job_id)) as archive:
            progress = self._intake().archive(archive, goes)
        self._report(job_id, self._outcome(job_id, progress), progress)

    def _outcome(self, job_id: str, progress: Progress) -> JobState:
        if progress.done == progress.total:
            return JobState.DONE
        return JobState.CANCELLED if job_id in self._cancelled else JobState.INTERRUPTED

    def _reporter(self, job_id: str) -> Callable[[Progress], bool]:
        told_at = float("-inf")

        def goes(progress: Progress) -> bool:
            nonlocal told_at
            if time.monotonic() - told_at >= SECONDS_BETWEEN_REPORTS:
                self._report(job_id, JobState.RUNNING, progress)
                told_at = time.monotonic()
            return job_id not in self._cancelled and not self._stopping.is_set()

        return goes

    def _report(self, job_id: str, state: JobState, progress: Progress) -> None:
        with self._database.write() as tx:
            jobs.report(tx, job_id, state, _document(progress))

    def _fail(self, job_id: str) -> None:
        try:
            with self._database.write() as tx:
                jobs.report(tx, job_id, JobState.FAILED, self.job(job_id).report)
        except FaceServerError as error:
            # The next start says that it was interrupted.
            logger.error("That the job %s failed cannot be kept: %s", job_id, error.message)

    def _write(self, path: Path, archive: IO[bytes]) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                while piece := archive.read(_PIECE):
                    file.write(piece)
        except OSError as error:
            raise StorageError(f"The archive cannot be written: {error.strerror}.") from error

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.zip"


def _opened(path: Path) -> "closing[zipfile.ZipFile]":
    try:
        return closing(zipfile.ZipFile(path))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InvalidField("archive", "This is no zip archive that can be read.") from error


def _document(progress: Progress) -> str:
    return json.dumps(asdict(progress), ensure_ascii=False)
