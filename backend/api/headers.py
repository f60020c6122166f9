"""What every answer tells a browser: keep this to yourself, guess nothing, run nothing, frame nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    # Who is enrolled and who was seen is nobody else's, a shared cache's least of all.
    "Cache-Control": "no-store",
}
"""Set where an answer does not say otherwise itself."""
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'"
)
"""The page /docs is a program, with its assets on this server."""
_HTTPS_ONLY = "max-age=31536000"


@dataclass(slots=True)
class SecurityHeaders:
    """Adds them to every answer."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                _complete(MutableHeaders(scope=message), scope)
            await send(message)

        await self.app(scope, receive, send_complete)


def _complete(headers: MutableHeaders, scope: Scope) -> None:
    if scope["path"] == "/docs":
        headers["Content-Security-Policy"] = _DOCS_POLICY
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if scope.get("scheme") == "https":
        headers.setdefault("Strict-Transport-Security", _HTTPS_ONLY)
