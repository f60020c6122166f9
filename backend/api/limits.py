"""Refuses a body that is too large, before it fills memory or disk."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.errors import error_response
from backend.api.security import is_unproven


class BodyLimit:
    """Answers 413 to a body that says it is too large, and to one that turns out to be."""

    def __init__(self, app: ASGIApp, max_form_bytes: int, max_document_bytes: int) -> None:
        """Stand before `app` and let through bodies up to a size.

        That is `max_form_bytes` for forms, whose files are put aside on disk, and `max_document_bytes` for all else,
        which is held in memory whole.
        """
        self._app = app
        self._max_form_bytes = max_form_bytes
        self._max_document_bytes = max_document_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on, counting."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_form = headers.get("Content-Type", "").lower().startswith("multipart/form-data")
        # Of somebody who has not proven yet who they are, no more is taken than one image needs.
        most = self._max_form_bytes if is_form and not is_unproven(scope) else self._max_document_bytes
        announced = headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) > most:
            await error_response(413, "request_too_large", _sentence(most))(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise HTTPException(413, _sentence(most))
            return message

        await self._app(scope, counted, send)


def _sentence(most: int) -> str:
    return f"A request like this may hold at most {most / 2**20:.0f} MiB."
