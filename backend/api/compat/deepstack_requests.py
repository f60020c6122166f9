"""What DeepStack's clients send: a form with images, options and, where there is no header, the key."""

import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from backend.api.deps import ServicesDep
from backend.api.errors import DOOR_RESPONSES, headers_of, status_of
from backend.api.referring import answer
from backend.api.security import Refusal, prove
from backend.domain.errors import FaceServerError, InvalidField, InvalidInput
from backend.recognition.enrol import Photo
from backend.schemas.deepstack import DeepStackError
from backend.schemas.errors import ErrorReply

logger = logging.getLogger(__name__)

# A key in the form is judged here, one in the header before.
_AT_THE_DOOR: dict[int | str, dict[str, Any]] = {
    status: said | answer(DeepStackError, ErrorReply) for status, said in DOOR_RESPONSES.items()
}
RESPONSES: dict[int | str, dict[str, Any]] = _AT_THE_DOOR | {
    status: answer(DeepStackError) | {"description": meaning}
    for status, meaning in {
        400: "The request makes no sense, or the image cannot be used",
        503: "The server cannot do it now",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that was sent by somebody who may."""

    photos: Mapping[str, Photo]
    """By the names of their fields, in the order they came."""
    fields: Mapping[str, str]

    def photo(self, name: str) -> Photo:
        """The image of that name, or the only one; raises InvalidField without one."""
        only = next(iter(self.photos.values()), None) if len(self.photos) == 1 else None
        found = self.photos.get(name) or only
        if found is None:
            raise InvalidField(name, "No valid image file found")
        return found

    def confidence(self, usual: float) -> float:
        """What `min_confidence` asks for, 0–1, or what is usual; raises InvalidField where it is no such number."""
        text = self.fields.get("min_confidence", "").strip()
        try:
            value = float(text) if text else usual
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise InvalidField("min_confidence", "min_confidence is a number from 0 to 1.")
        return value

    @property
    def userid(self) -> str:
        """Whom it is about; raises InvalidField where nobody is named."""
        named = self.fields.get("userid", "")
        if not named:
            raise InvalidField("userid", "userid is missing.")
        return named


async def _sent(request: Request, services: ServicesDep) -> AsyncIterator[Sent]:
    most = services.recognition.limits.max_bytes
    async with request.form(max_files=services.settings.max_images, max_fields=100) as form:
        fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        try:
            admitted = await prove(request.scope, fields.pop("api_key", ""))
        except Refusal as refusal:
            raise HTTPException(refusal.status, refusal.message, refusal.headers) from None
        photos = {
            name: Photo(file.filename or name, await file.read(most + 1))
            for name, file in form.multi_items()
            if isinstance(file, UploadFile)
        }
        with admitted:
            yield Sent(photos, fields)


SentForm = Annotated[Sent, Depends(_sent)]


_EXAMPLES = {"userid": "alice", "min_confidence": 0.67}
"""What a form's fields may hold; a file's name stands for the file."""


def form_of(*images: str, **fields: str) -> dict[str, Any]:
    """How the OpenAPI document shows a form with these images, and fields of these types."""
    shown = {name: {"type": "string", "format": "binary"} for name in images}
    shown |= {name: {"type": kind} for name, kind in fields.items()}
    shown["api_key"] = {"type": "string", "description": "The token, where no header carries it."}
    required = [*images, *(name for name in fields if name == "userid")]
    schema = {"type": "object", "properties": shown, **({"required": required} if required else {})}
    # Without a key: the header carries it where the document is used to try a route.
    sent = {name: _EXAMPLES.get(name, "party.jpg") for name in (*images, *fields)}
    form = {"schema": schema, "example": sent}
    return {"requestBody": {"required": bool(required), "content": {"multipart/form-data": form}}}


class DeepStackRoute(APIRoute):
    """A route whose errors are DeepStack's."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Handle requests as ever, but for what is raised."""
        handle = super().get_route_handler()

        async def translated(request: Request) -> Response:
            try:
                return await handle(request)
            except FaceServerError as error:
                return _domain_error(error)
            except RequestValidationError:
                return _reply(400, "The request makes no sense.")
            except HTTPException as error:
                return _reply(error.status_code, error.detail, error.headers)

        return translated


def _domain_error(error: FaceServerError) -> JSONResponse:
    status = 400 if isinstance(error, InvalidInput) else status_of(error)
    if status >= 500:
        logger.error("%s", error.message)
    return _reply(status, error.message, headers_of(error))


def _reply(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(DeepStackError(error=message, code=status).model_dump(), status, headers)
