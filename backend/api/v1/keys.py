"""API keys: make, list, revoke."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.api.deps import DatabaseDep
from backend.api.errors import COMMON_RESPONSES
from backend.api.replies import key_reply
from backend.domain.errors import KeyNotFound
from backend.schemas.keys import KeyEntry, KeyList, KeyMade, KeyRequest
from backend.storage import api_keys

router = APIRouter(prefix="/keys", tags=["keys"], responses=COMMON_RESPONSES)

Cursor = Annotated[
    str | None, Query(pattern="^[0-9A-HJKMNP-TV-Z]{26}$", description="`next_cursor` of the page before.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="How many to answer at most.")]


@router.get("")
def list_keys(database: DatabaseDep, limit: Limit = 50, cursor: Cursor = None) -> KeyList:
    """List the API keys, newest first, without what is secret of them."""
    with database.read() as tx:
        # One more than asked for tells whether there is a next page.
        found = api_keys.page(tx, cursor, limit + 1)
        total = api_keys.count(tx)
    page = found[:limit]
    return KeyList(
        keys=[key_reply(key) for key in page],
        total=total,
        next_cursor=page[-1].key_id if len(found) > limit else None,
    )


@router.post("", status_code=201)
def create_key(database: DatabaseDep, wanted: KeyRequest) -> KeyMade:
    """Make an API key; the answer is the only one that shows it."""
    with database.write() as tx:
        made = api_keys.add(tx, wanted.name, wanted.scopes, wanted.expires_at)
    return KeyMade(**dict(key_reply(made.key)), key=made.secret)


@router.delete("/{key_id}")
def revoke_key(database: DatabaseDep, key_id: str) -> KeyEntry:
    """Revoke an API key: from now on it opens nothing."""
    with database.write() as tx:
        revoked = api_keys.revoke(tx, key_id)
        if revoked is None:
            raise KeyNotFound(key_id)
    return key_reply(revoked)
