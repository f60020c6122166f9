"""The examples in the API's document: each is what it stands for, and no body, of JSON or a form, goes without."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from backend.api.compat.examples import COMPATIBLE_EXAMPLES
from backend.api.examples import EXAMPLES
from backend.api.factory import create_app
from backend.schemas.sent import Sent
from backend.settings import Settings

ALL = {**EXAMPLES, **COMPATIBLE_EXAMPLES}


@pytest.fixture(scope="module")
def document() -> Any:
    return create_app(Settings(_env_file=None, auth_token="only for the document")).openapi()


@pytest.mark.parametrize("model", list(ALL), ids=lambda model: model.__name__)
def test_an_example_is_taken_by_its_schema_and_tells_nothing_more(model: type[BaseModel]) -> None:
    assert model.model_validate(ALL[model], extra="forbid")


def test_every_body_of_json_has_an_example(document: Any) -> None:
    schemas = document["components"]["schemas"]
    named = {name for operation in _operations(document) for name in _bodies(operation)}
    assert len(named) > 60
    assert sorted(name for name in named if not schemas[name].get("examples")) == []


def test_every_form_has_examples_of_fields_that_it_has(document: Any) -> None:
    forms = [form for operation in _operations(document) if (form := _form(operation))]
    assert len(forms) > 15
    for form in forms:
        schema = document["components"]["schemas"].get(
            form["schema"].get("$ref", "").rpartition("/")[2], form["schema"]
        )
        examples = schema.get("examples") or [form["example"]]
        for example in examples:
            assert set(schema.get("required", ())) <= example.keys() <= schema["properties"].keys()


def test_every_body_of_json_that_is_sent_is_taken_as_it_is_written(document: Any) -> None:
    models = {model.__name__: model for model in ALL}
    sent = {
        name
        for operation in _operations(document)
        for name in _named(
            operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        )
    }
    assert len(sent) > 15
    assert [name for name in sorted(sent) if not issubclass(models[name], Sent)] == []


def _operations(document: Any) -> Iterator[Any]:
    return (operation for operations in document["paths"].values() for operation in operations.values())


def _form(operation: Any) -> Any:
    return operation.get("requestBody", {}).get("content", {}).get("multipart/form-data")


def _bodies(operation: Any) -> Iterator[str]:
    """The schemas that the requests and the answers of an operation name."""
    for part in (operation.get("requestBody", {}), *operation["responses"].values()):
        yield from _named(part.get("content", {}).get("application/json", {}).get("schema", {}))


def _named(schema: Any) -> Iterator[str]:
    if "$ref" in schema:
        yield schema["$ref"].rpartition("/")[2]
    for choice in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from _named(choice)
