"""The jobs: kept, so that what came of them is known after a restart."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import insert, select, update

from backend.domain.job import UNDER_WAY, Job, JobState
from backend.storage.database import Transaction
from backend.storage.tables import jobs


def add(tx: Transaction, job_id: str, kind: str, report: str) -> None:
    """Keep a job that waits to be done."""
    now = datetime.now(UTC)
    tx.execute(insert(jobs).values(job_id=job_id, kind=kind, state=JobState.WAITING, created_at=now, report=report))


def report(tx: Transaction, job_id: str, state: JobState, report: str) -> None:
    """Keep how far a job is."""
    ended_at = None if state in UNDER_WAY else datetime.now(UTC)
    tx.execute(update(jobs).where(jobs.c.job_id == job_id).values(state=state, ended_at=ended_at, report=report))


def interrupt_all(tx: Transaction) -> None:
    """Say of every job that was under way that its server was stopped."""
    query = update(jobs).where(jobs.c.state.in_(UNDER_WAY))
    tx.execute(query.values(state=JobState.INTERRUPTED, ended_at=datetime.now(UTC)))


def find(tx: Transaction, job_id: str) -> Job | None:
    """A job, or None where there is none of that id."""
    row = tx.execute(select(jobs).where(jobs.c.job_id == job_id)).first()
    return None if row is None else Job(**{**row._asdict(), "state": JobState(row.state)})


def page(tx: Transaction, before: str | None, limit: int) -> Sequence[Job]:
    """At most `limit` jobs, the newest first, begun before the one of id `before`."""
    query = select(jobs).order_by(jobs.c.job_id.desc()).limit(limit)
    if before is not None:
        query = query.where(jobs.c.job_id < before)
    return [Job(**{**row._asdict(), "state": JobState(row.state)}) for row in tx.execute(query)]
