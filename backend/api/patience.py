"""How long we wait for a body: one that dribbles in must not hold a connection and a file for ever."""

import time
from dataclasses import dataclass

import anyio
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SLOWEST_BYTES_A_SECOND = 16 * 2**10
"""What a phone sends with hardly any signal; a photo of 4 MB then takes four minutes."""


@dataclass(slots=True)
class BodyPatience:
    """Answers 408 to a body that comes more slowly than a bad line would bring it."""

    app: ASGIApp
    seconds: float
    """What every body is given, beside what its bytes take at the slowest."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, watching its body come."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin, received, is_whole = time.monotonic(), 0, False

        async def hurried() -> Message:
            nonlocal received, is_whole
            if is_whole:
                # What is waited for now is that the client hangs up.
                return await receive()
            patience = self.seconds + received / SLOWEST_BYTES_A_SECOND
            with anyio.move_on_after(begin + patience - time.monotonic()):
                message = await receive()
                received += len(message.get("body", b""))
                is_whole = not message.get("more_body", False)
                return message
            raise HTTPException(408, "The body came too slowly.", {"Connection": "close"})

        await self.app(scope, hurried, send)
