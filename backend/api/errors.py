"""Errors on the wire: one envelope, and one table from domain errors to statuses."""

import logging
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.headers import SECURITY_HEADERS
from backend.api.referring import answer
from backend.api.request_id import HEADER, current_request_id
from backend.domain.errors import (
    Busy,
    ChangedMeanwhile,
    ConfigurationError,
    DeliveryError,
    FaceServerError,
    ImageTooLarge,
    InvalidInput,
    ModelError,
    ModelMismatch,
    NotAllowed,
    NotFound,
    PersonExists,
    RequestUnderway,
    ShuttingDown,
    StorageError,
    StreamError,
    UnsupportedFormat,
)
from backend.schemas.cameras import MANY, ONE
from backend.schemas.errors import ErrorBody, ErrorReply

logger = logging.getLogger(__name__)

STATUSES: Mapping[type[FaceServerError], int] = {
    ImageTooLarge: 413,
    UnsupportedFormat: 415,
    InvalidInput: 422,
    NotFound: 404,
    NotAllowed: 403,
    ModelMismatch: 409,
    PersonExists: 409,
    RequestUnderway: 409,
    ChangedMeanwhile: 412,
    Busy: 503,
    ShuttingDown: 503,
    ModelError: 503,
    StorageError: 503,
    StreamError: 503,
    DeliveryError: 503,
    ConfigurationError: 500,
}
"""The status of the nearest ancestor counts."""

TRY_AGAIN_SECONDS = 5
"""After how long to try again what cannot be done now, where nobody knows better."""

_MEANINGS = {
    400: "The body cannot be read",
    401: "No token, or not as a Bearer token",
    403: "Another token, a key that is revoked or has expired, or one without the scope",
    404: "There is no such thing",
    408: "The body came too slowly",
    413: "Too large",
    415: "Of a kind that is not read here",
    422: "A field is missing or makes no sense",
    429: "Too many wrong tokens came from this address; Retry-After says when to try again",
    503: "The server cannot do it now",
}
COMMON_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: answer(ErrorReply) | {"description": meaning} for status, meaning in _MEANINGS.items()
}
"""What any route may answer, for the OpenAPI document."""
DOOR_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: COMMON_RESPONSES[status] for status in (401, 403, 408, 413, 429)
}
"""What is answered before a request reaches its route."""

_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "request_too_large",
    415: "unsupported_media_type",
}
_SENTENCES = {
    "Not Found": "There is no such route; /docs shows those there are.",
    "Method Not Allowed": "This route does not take that method; the header Allow names those it takes.",
    "There was an error parsing the body": "The body cannot be read.",
}
"""The framework's own words, and ours."""
_FAULTS = {
    "model_attributes_type": "Expected a JSON object.",
    "extra_forbidden": "There is no such field.",
    "string_pattern_mismatch": "This does not have the form that is wanted here.",
    "timezone_aware": "Send a time with its zone, such as 2026-11-22T12:00:00Z.",
}
_NOT_A_FILE = "Expected UploadFile"
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
"""What a field may be called. Anything else that a caller made up may be a secret in the wrong place."""


def error_response(
    status: int,
    code: str,
    message: str,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An error in the envelope, with the id of the request at hand."""
    body = ErrorBody(code=code, message=message, details=dict(details or {}))
    reply = ErrorReply(error=body, request_id=current_request_id.get())
    return JSONResponse(reply.model_dump(mode="json"), status, dict(headers or {}))


def install_error_handlers(app: FastAPI) -> None:
    """Have every error of the application answered in the envelope."""
    app.add_exception_handler(FaceServerError, _domain_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unforeseen_error)


def status_of(error: FaceServerError) -> int:
    """The HTTP status of a domain error, looked up along its ancestors."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def headers_of(error: FaceServerError) -> dict[str, str]:
    """What a domain error says in the reply's headers: how long to wait, where it knows or something lacks for now."""
    wait = error.details.get("retry_after", TRY_AGAIN_SECONDS if status_of(error) == 503 else None)
    return {"Retry-After": str(math.ceil(wait))} if isinstance(wait, int | float) else {}


async def _domain_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, FaceServerError)  # noqa: S101 — the handler is registered for nothing else
    status = status_of(error)
    if status >= 500:
        logger.error("%s", error.message)
    details = {name: value for name, value in error.details.items() if value is not None}
    return error_response(status, error.code, error.message, details, headers_of(error))


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 — the handler is registered for nothing else
    wanted = _media_type_missed(request, error.body)
    if wanted is not None:
        return error_response(415, _CODES[415], f"Send the body as {wanted}, and say so in the header Content-Type.")
    faults = [_fault(fault) for fault in error.errors()]
    if any(fault["type"] == "json_invalid" for fault in error.errors()):
        return error_response(400, "invalid_json", "The body is not valid JSON.")
    message = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
    index = next((fault["index"] for fault in faults if fault["index"] is not None), None)
    return error_response(
        422, "invalid_field", message, {"field": faults[0]["field"], "index": index, "faults": faults}
    )


def _fault(fault: Mapping[str, Any]) -> dict[str, Any]:
    # Where and why; never what was sent, which may be a token or a camera's password.
    place = [part for part in fault["loc"][1:] if part not in (ONE, MANY)]
    # An object that is sent alone is the first of one, whatever lists are in it.
    index = 0 if fault["loc"][1:2] == (ONE,) else next((part for part in place if isinstance(part, int)), None)
    return {"index": index, "field": _field(place), "message": _sentence(fault)}


def _field(place: Sequence[str | int]) -> str:
    names = (part if _NAME.fullmatch(part) else "…" for part in place if not isinstance(part, int))
    return ".".join(names) or "body"


def _sentence(fault: Mapping[str, Any]) -> str:
    message: str = fault["msg"].removeprefix("Value error, ")
    return "Expected a file." if message.startswith(_NOT_A_FILE) else _FAULTS.get(fault["type"], message)


def _media_type_missed(request: Request, body: Any) -> str | None:
    """What a body should have been sent as, where it was sent as something that was therefore never looked into."""
    if isinstance(body, bytes):
        return "application/json"
    sent_as = request.headers.get("Content-Type", _FORMS[0]).partition(";")[0].strip().lower()
    return _FORMS[0] if isinstance(body, FormData) and sent_as not in _FORMS else None


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 — the handler is registered for nothing else
    # Not by their phrases, which change with Python's version.
    code = _CODES.get(error.status_code, "http_error")
    headers = dict(error.headers or {})
    if error.status_code == 405 and (allowed := request.scope.get("state", {}).get("allowed")):
        # The framework names those of the first route of that path alone.
        headers["Allow"] = ", ".join(allowed)
    return error_response(error.status_code, code, _SENTENCES.get(error.detail, error.detail), headers=headers)


async def _unforeseen_error(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    message = "The server failed; its log has the reason under this request_id."
    # Answered outside of all middleware, so the header is not added by the one that does so elsewhere.
    return error_response(
        500, "internal_error", message, headers={**SECURITY_HEADERS, HEADER: current_request_id.get()}
    )


class StartupErrors:
    """Has a start that is refused end with our one sentence in the place of a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, but for the report of a failed start."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failed: list[Message] = []

        async def held_back(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                failed.append(message)
            else:
                await send(message)

        try:
            await self._app(scope, receive, held_back)
        except FaceServerError as error:
            await send({"type": "lifespan.startup.failed", "message": f"Face Server cannot start. {error.message}"})
        except BaseException:
            for message in failed:
                await send(message)
            raise
