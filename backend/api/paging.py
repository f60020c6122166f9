"""Lists in pages: what is short enough to be read whole, answered in parts."""

import base64
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query

from backend.domain.errors import InvalidField

MOST = 1000
Item = TypeVar("Item")
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a list is wanted."""

    limit: int
    after: Key | None
    """The last of the page before; what is removed meanwhile moves nothing into or out of the next page."""

    def page(self, items: Iterable[Item], key: Callable[[Item], Key]) -> tuple[list[Item], str | None]:
        """The wanted items, sorted by a key that each has alone, and the cursor of the next page if there is one."""
        rest = sorted((item for item in items if self.after is None or key(item) > self.after), key=key)
        page = rest[: self.limit]
        return page, _cursor(key(page[-1])) if len(rest) > self.limit else None


def paged(usually: int, most: int) -> Callable[..., Awaitable[Paging]]:
    """What reads from a request which part is wanted: `usually` so many entries, never more than `most`."""

    async def paging(
        limit: Annotated[int, Query(ge=1, le=most, description="How many to answer at most.")] = usually,
        cursor: Annotated[str | None, Query(max_length=1024, description="`next_cursor` of the page before.")] = None,
    ) -> Paging:
        return Paging(limit, None if cursor is None else _key(cursor))

    return paging


PagingDep = Annotated[Paging, Depends(paged(usually=MOST, most=MOST))]


def _cursor(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _key(cursor: str) -> Key:
    try:
        parts = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise InvalidField("cursor", "This is no `next_cursor` of a page before.")
    return tuple(parts)
