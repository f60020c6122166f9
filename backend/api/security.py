"""Bearer authentication, before a request's body is read: a new route is closed until it is named as open."""

import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.api.errors import error_response

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json"})
OPEN_PREFIX = "/docs/"
COMPREFACE_PREFIX = "/api/v1/"
"""Where CompreFace's clients send the token as `x-api-key`."""


class BearerAuth:
    """Lets through who sends `Authorization: Bearer TOKEN`: 401 without or malformed, 403 with another token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        """Stand before `app` and ask for `token`."""
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
        refusal = None if scope["type"] == "lifespan" or _is_open(scope["path"]) else self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, code, message = refusal
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        await error_response(status, code, message, headers=headers)(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        token = _token_of(scope)
        if not token:
            return 401, "unauthorised", "Send the header 'Authorization: Bearer <AUTH_TOKEN>'."
        # Compared as the bytes that came, which Headers decodes as Latin-1, in a time that tells nothing of where they
        # differ.
        if not hmac.compare_digest(token.encode("latin-1"), self._token):
            return 403, "forbidden", "The token is not the AUTH_TOKEN of this server."
        return None


def _token_of(scope: Scope) -> str:
    """The token that a request carries, or nothing."""
    headers = Headers(scope=scope)
    key = headers.get("X-API-Key") if scope["path"].startswith(COMPREFACE_PREFIX) else None
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    offered = token if key is None and scheme.lower() == "bearer" else key or ""
    return offered.strip(" \t")


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIX)
