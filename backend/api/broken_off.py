"""What is answered to the requests that the server's end breaks off."""

import asyncio
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.errors import error_response, headers_of, status_of
from backend.domain.errors import ShuttingDown


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """Answers 503 to a request that is broken off because the server stops, and is still without an answer."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, watching whether its answer begins."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except asyncio.CancelledError:
            if scope["type"] != "http" or begun:
                raise
            error = ShuttingDown()
            reply = error_response(status_of(error), error.code, error.message, headers=headers_of(error))
            await reply(scope, receive, send)
