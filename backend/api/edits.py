"""Edits that do not undo each other: whoever read a thing may say that it is to be changed only as it was then."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from backend.api.referring import answer
from backend.domain.errors import ChangedMeanwhile
from backend.schemas.errors import ErrorReply

CHANGED_RESPONSE: dict[int | str, dict[str, Any]] = {
    412: answer(ErrorReply) | {"description": "It was changed since it was read"}
}


class EditLock:
    """Lets one edit at a time look at what it changes and change it; safe to use from any thread."""

    def __init__(self) -> None:
        """Begin with no edit going on."""
        self._lock = threading.Lock()

    @contextmanager
    def held(self, if_match: str | None, current: Callable[[], BaseModel]) -> Iterator[None]:
        """Keep other edits out while the block runs; raises ChangedMeanwhile where `current` is not what was read."""
        with self._lock:
            if if_match is not None and not _names(if_match, etag_of(current())):
                raise ChangedMeanwhile("It was changed since it was read; read it again.")
            yield


async def _edit_lock(request: Request) -> EditLock:
    lock: EditLock = request.state.edits
    return lock


EditLockDep = Annotated[EditLock, Depends(_edit_lock)]
IfMatch = Annotated[
    str | None, Header(max_length=1024, description="The `ETag` it had when it was read; 412 if it is another now.")
]


def etag_of(reply: BaseModel) -> str:
    """What tells this state of a thing from any other."""
    return f'"{hashlib.sha256(reply.model_dump_json().encode()).hexdigest()[:32]}"'


def tagged(response: Response, reply: BaseModel) -> None:
    """Send the state's tag with it."""
    response.headers["ETag"] = etag_of(reply)


def _names(header: str, etag: str) -> bool:
    tags = [tag.strip() for tag in header.split(",")]
    return "*" in tags or etag in tags
