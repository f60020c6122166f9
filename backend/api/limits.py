"""Refuses a body that is too large, before it fills memory or disk."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.errors import error_response


class BodyLimit:
    """Answers 413 to a body that says it is too large, and to one that turns out to be."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        """Stand before `app` and let through bodies of at most `max_bytes`."""
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on, counting."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("Content-Length", "")
        if announced.isdecimal() and int(announced) > self._max_bytes:
            await error_response(413, "request_too_large", self._sentence())(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise HTTPException(413, self._sentence())
            return message

        await self._app(scope, counted, send)

    def _sentence(self) -> str:
        return f"A request may hold at most {self._max_bytes // 2**20} MiB."
