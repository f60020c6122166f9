"""Requests that carried a key, with their answers: what is sent again is answered and not done again."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, select, update

from backend.storage.database import Transaction
from backend.storage.tables import keyed_requests

KEPT = timedelta(hours=24)
"""How long an answer is remembered."""
PATIENCE = timedelta(minutes=10)
"""After this a request without an answer is held to have died with its server."""


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """What is known of a request by its key."""

    fingerprint: str
    """Tells the request from any other."""
    status: int | None
    """None while it is being done."""
    content_type: str
    body: bytes


def claim(tx: Transaction, key: str, fingerprint: str) -> KeyedRequest | None:
    """What is known of that key; where nothing is, it is this request's from now on and the answer is None."""
    now = datetime.now(UTC)
    old = keyed_requests.c.claimed_at < now - KEPT
    dead = keyed_requests.c.status.is_(None) & (keyed_requests.c.claimed_at < now - PATIENCE)
    tx.execute(delete(keyed_requests).where(old | dead))
    row = tx.execute(select(keyed_requests).where(keyed_requests.c.key == key)).first()
    if row is not None:
        return KeyedRequest(row.fingerprint, row.status, row.content_type or "", row.body or b"")
    tx.execute(insert(keyed_requests).values(key=key, fingerprint=fingerprint, claimed_at=now))
    return None


def answer(tx: Transaction, key: str, status: int, content_type: str, body: bytes) -> None:
    """Remember what a request was answered."""
    query = update(keyed_requests).where(keyed_requests.c.key == key)
    tx.execute(query.values(status=status, content_type=content_type, body=body))


def give_up(tx: Transaction, key: str) -> None:
    """Forget a request that did nothing, so that it can be sent again."""
    tx.execute(delete(keyed_requests).where(keyed_requests.c.key == key))
