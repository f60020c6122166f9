"""The examples in the API's document: each is what it stands for, and no body goes without."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from backend.api.examples import EXAMPLES
from backend.api.factory import create_app
from backend.settings import Settings

OF_OTHER_SERVERS = ("/api/v1/", "/v1/vision/")
"""These are described by the servers in whose place they stand."""


@pytest.fixture(scope="module")
def document() -> Any:
    return create_app(Settings(_env_file=None, auth_token="only for the document")).openapi()


@pytest.mark.parametrize("model", list(EXAMPLES), ids=lambda model: model.__name__)
def test_an_example_is_taken_by_its_schema_and_tells_nothing_more(model: type[BaseModel]) -> None:
    assert model.model_validate(EXAMPLES[model], extra="forbid")


def test_every_body_of_json_has_an_example(document: Any) -> None:
    schemas = document["components"]["schemas"]
    named = {name for path, operations in document["paths"].items() for name in _bodies(path, operations)}
    assert len(named) > 40
    assert sorted(name for name in named if not schemas[name].get("examples")) == []


def _bodies(path: str, operations: Any) -> Iterator[str]:
    """The schemas that the requests and the answers of a path name."""
    if path.startswith(OF_OTHER_SERVERS):
        return
    for operation in operations.values():
        for part in (operation.get("requestBody", {}), *operation["responses"].values()):
            yield from _named(part.get("content", {}).get("application/json", {}).get("schema", {}))


def _named(schema: Any) -> Iterator[str]:
    if "$ref" in schema:
        yield schema["$ref"].rpartition("/")[2]
    for choice in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from _named(choice)
