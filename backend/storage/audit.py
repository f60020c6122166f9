"""The audit log: written in the transaction of what it tells of, and never changed.

The database itself refuses to change or delete an entry (see the migration): who can do that has the file.
"""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, insert, select

from backend.domain.access import Actor, current_actor
from backend.domain.audit import AuditEntry, Deed, Fact
from backend.storage.database import Transaction
from backend.storage.ids import new_id
from backend.storage.tables import audit


def note(tx: Transaction, deed: Deed, subject: str, **facts: Fact) -> None:
    """Keep that the current actor does this; if the transaction fails, neither is there."""
    actor = current_actor()
    tx.execute(
        insert(audit).values(
            audit_id=new_id(),
            done_at=datetime.now(UTC),
            actor=actor.name,
            key_id=actor.key_id,
            address=actor.address,
            request_id=actor.request_id,
            deed=deed,
            subject=subject,
            facts=json.dumps(facts, ensure_ascii=False),
        )
    )


def page(tx: Transaction, before: str | None, limit: int, deed: Deed | None = None) -> list[AuditEntry]:
    """At most `limit` entries, newest first, written before the one of id `before`, where given only of one deed."""
    query = select(audit).order_by(audit.c.audit_id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.audit_id < before)
    if deed is not None:
        query = query.where(audit.c.deed == deed)
    return [_entry(row) for row in tx.execute(query)]


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        audit_id=row.audit_id,
        done_at=row.done_at,
        actor=Actor(row.actor, row.key_id, row.address, row.request_id),
        deed=Deed(row.deed),
        subject=row.subject,
        facts=json.loads(row.facts),
    )
