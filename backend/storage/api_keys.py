"""The keys of the API: made here, shown once, kept as hashes.

The hash is plain SHA-256. A slow one, as passwords need, would only slow every request down: what it makes expensive is
trying likely inputs, and among 2²⁵⁶ random ones none is likely.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from backend.domain.access import ApiKey, Scope
from backend.domain.audit import Deed
from backend.storage import audit
from backend.storage.database import Transaction
from backend.storage.ids import new_id
from backend.storage.tables import api_keys

PREFIX = "fs_"
"""Begins every key, so that one in the wrong place is recognised for what it is."""
KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
"""What every key looks like: 32 random bytes in URL-safe Base64."""
USE_IS_NOTED_EVERY = timedelta(minutes=1)
"""How exactly it is known when a key was last used: noting each use would make a write of each read."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made."""

    key: ApiKey
    secret: str
    """What its owner sends; it is known here and now and never again."""


def add(tx: Transaction, name: str, scopes: Iterable[Scope], expires_at: datetime | None) -> NewKey:
    """Make a key."""
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(new_id(), name, frozenset(scopes), datetime.now(UTC), expires_at)
    tx.execute(
        insert(api_keys).values(
            key_id=key.key_id,
            name=name,
            key_hash=_hash(secret),
            scopes=" ".join(sorted(key.scopes)),
            created_at=key.created_at,
            expires_at=expires_at,
        )
    )
    audit.note(tx, Deed.KEY_CREATED, key.key_id, name=name, scopes=", ".join(sorted(key.scopes)))
    return NewKey(key, secret)


def by_secret(tx: Transaction, secret: str) -> ApiKey | None:
    """The key that somebody sent, expired and revoked ones too; None where there is no such key."""
    row = tx.execute(select(api_keys).where(api_keys.c.key_hash == _hash(secret))).first()
    return None if row is None else _key(row)


def find(tx: Transaction, key_id: str) -> ApiKey | None:
    """A key by its id, or None where there is none."""
    row = tx.execute(select(api_keys).where(api_keys.c.key_id == key_id)).first()
    return None if row is None else _key(row)


def page(tx: Transaction, before: str | None, limit: int) -> list[ApiKey]:
    """At most `limit` keys, revoked ones too, newest first, made before the one of id `before`."""
    conditions = [] if before is None else [api_keys.c.key_id < before]
    query = select(api_keys).where(*conditions).order_by(api_keys.c.key_id.desc()).limit(limit)
    return [_key(row) for row in tx.execute(query)]


def count(tx: Transaction) -> int:
    """How many keys there are, revoked ones too."""
    return tx.connection.scalars(select(func.count()).select_from(api_keys)).one()


def revoke(tx: Transaction, key_id: str) -> ApiKey | None:
    """Have a key open nothing any more and answer it; None where there is no such key, or it was revoked before."""
    known = find(tx, key_id)
    if known is None or known.revoked_at is not None:
        return None
    now = datetime.now(UTC)
    tx.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(revoked_at=now))
    audit.note(tx, Deed.KEY_REVOKED, key_id, name=known.name)
    return replace(known, revoked_at=now)


def is_use_to_be_noted(key: ApiKey, now: datetime) -> bool:
    """Whether its last use is so long ago that this one should be noted."""
    return key.last_used_at is None or now - key.last_used_at >= USE_IS_NOTED_EVERY


def note_use(tx: Transaction, key_id: str, now: datetime) -> None:
    """Keep when a key was last used."""
    tx.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(last_used_at=now))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        key_id=row.key_id,
        name=row.name,
        scopes=frozenset(map(Scope, row.scopes.split())),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
