"""The images of a CompreFace request: files of a form, or Base64 in JSON."""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import FormData, UploadFile

from backend.api.deps import ServicesDep
from backend.container.services import Services
from backend.domain.errors import InvalidImage
from backend.recognition.enrol import Photo

Images = Mapping[str, Photo]


def images_named(*names: str) -> Callable[[Request, ServicesDep], Awaitable[Images]]:
    """What reads images of these names from a request's body."""

    async def images(request: Request, services: ServicesDep) -> Images:
        content_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if content_type == "application/json":
            document = _object(await request.body())
            return {name: _from_base64(name, document.get(name)) for name in names}
        async with request.form(max_files=len(names)) as form:
            return {name: await _from_form(services, name, form) for name in names}

    return images


def body_of(*names: str) -> dict[str, Any]:
    """How the OpenAPI document shows a body with these images."""
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": _schema(names, "binary"),
                    "example": dict.fromkeys(names, "party.jpg"),
                },
                "application/json": {
                    "schema": _schema(names, "base64"),
                    "example": dict.fromkeys(names, "/9j/4AAQSkZJRg=="),
                },
            },
        }
    }


def _schema(names: tuple[str, ...], form: str) -> dict[str, Any]:
    images = {name: {"type": "string", "format": form} for name in names}
    return {"type": "object", "required": list(names), "properties": images}


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestValidationError([_fault("json_invalid", "body", "The body is not valid JSON.")]) from None
    return document if isinstance(document, dict) else {}


def _from_base64(name: str, text: Any) -> Photo:
    if not isinstance(text, str) or not text:
        raise RequestValidationError([_fault("missing", name, "Field required")])
    # Some clients send what a browser gave them: data:image/jpeg;base64,…
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return Photo(name, base64.b64decode("".join(encoded.split()), validate=True))
    except (binascii.Error, ValueError):
        raise InvalidImage("Provided value is not Base64") from None


async def _from_form(services: Services, name: str, form: FormData) -> Photo:
    file = form.get(name)
    if not isinstance(file, UploadFile):
        raise RequestValidationError([_fault("missing", name, "Field required")])
    # One more than is allowed: enough to see that it is too large.
    return Photo(file.filename or name, await file.read(services.recognition.limits.max_bytes + 1))


def _fault(kind: str, name: str, message: str) -> dict[str, Any]:
    return {"type": kind, "loc": ("body", name), "msg": message}
