"""An id for each request, in the reply's header, in its errors and in the log."""

from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from ulid import ULID

HEADER = "X-Request-ID"
LONGEST = 128
current_request_id: ContextVar[str] = ContextVar("current_request_id", default="-")


class RequestIds:
    """Takes the caller's `X-Request-ID` where it is a plain word, and makes one elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the request its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _usable(Headers(scope=scope).get(HEADER)) or str(ULID())
        current_request_id.set(request_id)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        await self._app(scope, receive, send_with_id)


def _usable(given: str | None) -> str | None:
    # Anything else could forge lines in the log.
    if given is None or len(given) > LONGEST or not given.replace("-", "").replace("_", "").isalnum():
        return None
    return given if given.isascii() else None
