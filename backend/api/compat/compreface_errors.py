"""Errors as CompreFace's clients know them: a message, and a number that they branch on."""

import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from backend.api.errors import DOOR_RESPONSES, headers_of, status_of
from backend.api.referring import answer
from backend.domain.errors import (
    FaceNotFound,
    FaceServerError,
    FaceTooSmall,
    ImageRejected,
    InvalidInput,
    LowQuality,
    MultipleFaces,
    PersonExists,
    PersonNotFound,
    TemplateNotFound,
)
from backend.schemas.compreface import CompreFaceError

logger = logging.getLogger(__name__)

NO_FACE, NOT_AN_IMAGE, TOO_MANY_FACES = 28, 21, 31
CONSTRAINT, MISSING_PARAMETER, MISSING_PART, INCORRECT_ARGUMENT = 26, 33, 34, 36
IMAGE_NOT_FOUND, SUBJECT_NOT_FOUND, SUBJECT_EXISTS, SERVER_FAILED, UNDEFINED = 11, 42, 43, 41, 0

_CODES: Mapping[type[FaceServerError], tuple[int, int]] = {
    FaceNotFound: (400, NO_FACE),
    # To its clients a face that cannot be used is no face.
    FaceTooSmall: (400, NO_FACE),
    LowQuality: (400, NO_FACE),
    MultipleFaces: (400, TOO_MANY_FACES),
    ImageRejected: (400, NOT_AN_IMAGE),
    InvalidInput: (400, CONSTRAINT),
    PersonNotFound: (404, SUBJECT_NOT_FOUND),
    PersonExists: (400, SUBJECT_EXISTS),
    TemplateNotFound: (404, IMAGE_NOT_FOUND),
}
"""Status and number of the nearest ancestor, as in its `CommonExceptionCode`."""

RESPONSES: dict[int | str, dict[str, Any]] = DOOR_RESPONSES | {
    400: answer(CompreFaceError) | {"description": "The request makes no sense, or the image has no face"},
    404: answer(CompreFaceError) | {"description": "There is no such subject or face"},
    409: answer(CompreFaceError) | {"description": "The face was saved with another model"},
    503: answer(CompreFaceError) | {"description": "The server cannot do it now"},
}


class CompreFaceRoute(APIRoute):
    """A route whose errors are CompreFace's."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Handle requests as ever, but for what is raised."""
        handle = super().get_route_handler()

        async def translated(request: Request) -> Response:
            try:
                return await handle(request)
            except FaceServerError as error:
                return _domain_error(error)
            except RequestValidationError as error:
                return _reply(400, *_described(error))
            except HTTPException as error:
                return _reply(error.status_code, UNDEFINED, error.detail)

        return translated


def _domain_error(error: FaceServerError) -> JSONResponse:
    known = next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), None)
    status, code = known or (status_of(error), SERVER_FAILED)
    if status >= 500:
        logger.error("%s", error.message)
    return _reply(status, code, error.message, headers_of(error))


def _described(error: RequestValidationError) -> tuple[int, str]:
    # Where and why; never what was sent, which may be a secret.
    fault = error.errors()[0]
    where, name = fault["loc"][0], fault["loc"][-1]
    if fault["type"] == "missing":
        code = MISSING_PARAMETER if where == "query" else MISSING_PART
        return code, f"Required {where} value '{name}' is missing"
    code = CONSTRAINT if fault["type"] in _CONSTRAINTS else INCORRECT_ARGUMENT
    return code, f"{name}: {fault['msg']}"


_CONSTRAINTS = frozenset(
    {
        "greater_than_equal",
        "less_than_equal",
        "string_too_short",
        "string_too_long",
    }
)


def _reply(status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(CompreFaceError(message=message, code=code).model_dump(), status, headers)
