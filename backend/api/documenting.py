"""The API's own document: what FastAPI tells of the routes, completed and put right."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from backend.api.compat.examples import COMPATIBLE_EXAMPLES
from backend.api.examples import EXAMPLES
from backend.api.form_examples import FORM_EXAMPLES
from backend.api.referring import PLACE
from backend.schemas.compreface import CompreFaceError
from backend.schemas.deepstack import DeepStackError
from backend.schemas.errors import ErrorReply

_ERRORS: Sequence[type[BaseModel]] = (ErrorReply, CompreFaceError, DeepStackError)
"""What routes refer to; see `referring`."""

_ITS_OWN = ("HTTPValidationError", "ValidationError")
"""FastAPI's own errors, which no route here answers."""


def complete_document(app: FastAPI) -> None:
    """Have the application's document show an example of each body, and no answer that is never given."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        _add_errors(document["components"]["schemas"])
        _add_examples(document["components"]["schemas"])
        _leave_out_its_own(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend its document


def _add_errors(schemas: dict[str, Any]) -> None:
    for model in _ERRORS:
        schema = model.model_json_schema(mode="serialization", ref_template=PLACE)
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema


def _add_examples(schemas: dict[str, Any]) -> None:
    for model, example in {**EXAMPLES, **COMPATIBLE_EXAMPLES}.items():
        schemas[model.__name__]["examples"] = [example]
    for name, examples in FORM_EXAMPLES.items():
        schemas[name]["examples"] = list(examples)


def _leave_out_its_own(document: dict[str, Any]) -> None:
    # It adds a 422 to each route that names none: other servers' clients are answered 400 in its place.
    for operations in document["paths"].values():
        for operation in operations.values():
            if _ITS_OWN[0] in str(operation["responses"].get("422", "")):
                del operation["responses"]["422"]
    for name in _ITS_OWN:
        document["components"]["schemas"].pop(name, None)
