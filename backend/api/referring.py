"""Answers that the API's document tells of by reference.

FastAPI makes a validator of each model that a route's `responses` name, for each route anew: a thousand of them here, a
third of the time from the start to the first answer, and none is ever asked, since errors are answered by our handlers.
"""

from typing import Any

from pydantic import BaseModel

PLACE = "#/components/schemas/{model}"
"""Where the document keeps the schema of a model."""


def answer(*models: type[BaseModel]) -> dict[str, Any]:
    """What a route's `responses` say of a JSON body that is of one of the models; `documenting` tells their schemas."""
    references = [{"$ref": PLACE.format(model=model.__name__)} for model in models]
    schema = references[0] if len(references) == 1 else {"anyOf": references}
    return {"content": {"application/json": {"schema": schema}}}
