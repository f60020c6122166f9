"""Who did what: the audit log."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from backend.api.deps import DatabaseDep
from backend.api.errors import COMMON_RESPONSES
from backend.domain.audit import AuditEntry, Deed
from backend.schemas.audit import AuditPage, AuditReply
from backend.storage import audit

router = APIRouter(prefix="/audit", tags=["audit"], responses=COMMON_RESPONSES)


@router.get("")
def list_audit(
    database: DatabaseDep,
    deed: Annotated[Deed | None, Query(description="Only what is of this kind.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="How many to answer at most.")] = 50,
    cursor: Annotated[
        str | None, Query(pattern="^[0-9A-HJKMNP-TV-Z]{26}$", description="`next_cursor` of the page before.")
    ] = None,
) -> AuditPage:
    """List who enrolled, removed, changed or exported what, newest first."""
    with database.read() as tx:
        # One more than asked for tells whether there is a next page.
        found = audit.page(tx, cursor, limit + 1, deed)
    page = found[:limit]
    return AuditPage(
        entries=[_reply(entry) for entry in page],
        next_cursor=page[-1].audit_id if len(found) > limit else None,
    )


def _reply(entry: AuditEntry) -> AuditReply:
    actor = asdict(entry.actor)
    return AuditReply(
        audit_id=entry.audit_id,
        done_at=entry.done_at,
        actor=actor.pop("name"),
        **actor,
        deed=entry.deed,
        subject=entry.subject,
        facts=dict(entry.facts),
    )
