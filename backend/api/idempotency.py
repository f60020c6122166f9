"""`Idempotency-Key`: a POST that is sent again, because its answer was lost, is answered and not done again."""

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from anyio import CancelScope, to_thread
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import UploadFile

from backend.api.referring import answer
from backend.domain.access import current_actor
from backend.domain.errors import InvalidField, KeyReused, RequestUnderway
from backend.schemas.errors import ErrorReply
from backend.storage import keyed_requests
from backend.storage.database import Database
from backend.storage.keyed_requests import KeyedRequest

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
LONGEST = 255
_PIECE = 2**16
_PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "The caller's word for this request: sent again with it within a day, it is answered as before.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST},
}

UNDERWAY_RESPONSE: dict[int | str, dict[str, Any]] = {
    409: answer(ErrorReply) | {"description": "The same request, by its Idempotency-Key, is being done"}
}

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotentRoute(APIRoute):
    """A route that does a POST with a key once, where it `creates` something."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Say in the OpenAPI document that a POST may carry a key."""
        if "POST" in (options.get("methods") or ()):
            extra = options.get("openapi_extra") or {}
            if _PARAMETER not in extra.get("parameters", []):
                options["openapi_extra"] = extra | {"parameters": [*extra.get("parameters", []), _PARAMETER]}
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Handler:
        """Handle requests as ever, but for a POST with a key."""
        handle = super().get_route_handler()
        if "POST" not in (self.methods or ()):
            return handle

        async def once(request: Request) -> Response:
            key = request.headers.get(HEADER)
            if key is None:
                return await handle(request)
            try:
                if not await self.creates(request):
                    return await handle(request)
                return await _once(request, _checked(key), handle)
            finally:
                await request.close()

        return once

    async def creates(self, request: Request) -> bool:
        """Whether this POST creates something: what only asks is answered anew each time."""
        del request
        return True


async def _once(request: Request, key: str, handle: Handler) -> Response:
    database: Database = request.state.services.recognition.database
    fingerprint = await _fingerprint(request)
    known = await to_thread.run_sync(_claim, database, key, fingerprint)
    if known is not None:
        return _again(known, fingerprint)
    try:
        response = await handle(request)
    except BaseException:
        # What failed did nothing. Also where the caller hung up, which must not leave the key taken.
        with CancelScope(shield=True):
            await to_thread.run_sync(_give_up, database, key)
        raise
    content_type = response.headers.get("Content-Type", "")
    with CancelScope(shield=True):
        await to_thread.run_sync(_answer, database, key, response.status_code, content_type, bytes(response.body))
    return response


def _again(known: KeyedRequest, fingerprint: str) -> Response:
    if known.fingerprint != fingerprint:
        raise KeyReused(f"Another request was sent with this {HEADER}; make a new key for each.")
    if known.status is None:
        raise RequestUnderway("The same request is being done; ask again for its answer.", retry_after=1)
    return Response(known.body, known.status, {REPLAYED: "true"}, known.content_type)


def _checked(key: str) -> str:
    if not 1 <= len(key) <= LONGEST or not key.isascii() or not key.isprintable():
        raise InvalidField(HEADER, f"A key has 1 to {LONGEST} printable ASCII characters.")
    # Of each caller its own. Nobody's words are kept: a key may be anything.
    return hashlib.sha256(f"{current_actor().key_id or ''}:{key}".encode()).hexdigest()


async def _fingerprint(request: Request) -> str:
    """What tells this request from another: its route and what was sent, whatever the form's boundary was."""
    digest = hashlib.sha256()
    _add(digest, request.method, request.url.path, request.url.query)
    if "form" not in request.headers.get("Content-Type", "").partition(";")[0].lower():
        digest.update(await request.body())
        return digest.hexdigest()
    # Read here, the form is kept with the request for the route.
    for name, value in (await request.form()).multi_items():
        if isinstance(value, UploadFile):
            _add(digest, name, value.filename or "", str(value.size))
            while piece := await value.read(_PIECE):
                digest.update(piece)
            await value.seek(0)
        else:
            _add(digest, name, value)
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", *words: str) -> None:
    for word in words:
        # With its length, so that two words are never taken for another two.
        digest.update(f"{len(word)}:{word}".encode(errors="surrogatepass"))


def _claim(database: Database, key: str, fingerprint: str) -> KeyedRequest | None:
    with database.write() as tx:
        return keyed_requests.claim(tx, key, fingerprint)


def _answer(database: Database, key: str, status: int, content_type: str, body: bytes) -> None:
    with database.write() as tx:
        keyed_requests.answer(tx, key, status, content_type, body)


def _give_up(database: Database, key: str) -> None:
    with database.write() as tx:
        keyed_requests.give_up(tx, key)
