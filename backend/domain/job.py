"""Work that goes on after its request was answered."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class JobState(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """The server was stopped before it was done; what it had done stays."""


UNDER_WAY = frozenset({JobState.WAITING, JobState.RUNNING})


@dataclass(frozen=True, slots=True)
class Job:
    """A job and what came of it so far."""

    job_id: str
    kind: str
    state: JobState
    created_at: datetime
    ended_at: datetime | None
    report: str
    """JSON, of a form that belongs to the kind."""
