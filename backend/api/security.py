"""Authentication, before a request's body is read: a new route is closed until it is named as open."""

import hmac
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.api.errors import error_response

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json"})
OPEN_PREFIX = "/docs/"
COMPREFACE_PREFIX = "/api/v1/"
"""Where CompreFace's clients send the token as `x-api-key`."""
DEEPSTACK_PREFIX = "/v1/vision/"
"""Where DeepStack's clients send the token as a field of the form, `api_key`."""
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not let through."""

    status: int
    code: str
    message: str


class BearerAuth:
    """Lets through who sends `Authorization: Bearer TOKEN`: 401 without or malformed, 403 with another token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        """Stand before `app` and ask for `token`."""
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
        if scope["type"] == "http" and _brings_key_in_form(scope):
            scope["key_check"] = self._refusal_of
            await self._app(scope, receive, send)
            return
        refusal = None if scope["type"] == "lifespan" or _is_open(scope["path"]) else self._refusal_of(_token_of(scope))
        if refusal is None:
            await self._app(scope, receive, send)
            return
        headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
        reply = error_response(refusal.status, refusal.code, refusal.message, headers=headers)
        await reply(scope, receive, send)

    def _refusal_of(self, token: bytes) -> Refusal | None:
        if not token:
            return Refusal(401, "unauthorised", "Send the header 'Authorization: Bearer <AUTH_TOKEN>'.")
        # In a time that tells nothing of where they differ.
        if not hmac.compare_digest(token, self._token):
            return Refusal(403, "forbidden", "The token is not the AUTH_TOKEN of this server.")
        return None


def is_unproven(scope: Scope) -> bool:
    """Whether it is only the body that will say if the request may be here."""
    return "key_check" in scope


def refusal_of_key(scope: Scope, key: str) -> Refusal | None:
    """Why a request whose form holds that key is not let through; None where its header has proven it already."""
    if not is_unproven(scope):
        return None
    refusal: Refusal | None = scope["key_check"](key.strip().encode())
    return refusal


def _token_of(scope: Scope) -> bytes:
    """The token that a request's headers carry, or nothing."""
    headers = Headers(scope=scope)
    key = headers.get("X-API-Key") if scope["path"].startswith(COMPREFACE_PREFIX) else None
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    offered = token if key is None and scheme.lower() == "bearer" else key or ""
    # The bytes that came, which Headers decodes as Latin-1.
    return offered.strip(" \t").encode("latin-1")


def _brings_key_in_form(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    sent_as = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    path = scope["path"]
    return path.startswith(DEEPSTACK_PREFIX) and "Authorization" not in headers and sent_as in _FORMS


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIX)
