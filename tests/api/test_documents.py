"""What the API says of itself: `openapi.json` is committed, and `/docs` needs nobody else."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.api.factory import create_app
from backend.settings import Settings

COMMITTED = Path(__file__).parents[2] / "openapi.json"
REMEDY = "Bring openapi.json up to date: python -m tools.write_openapi"
ELSEWHERE = re.compile(r"""(?:https?:)?//[\w.-]+""")


@pytest.fixture(scope="module")
def document() -> Any:
    return create_app(Settings(_env_file=None, auth_token="only for the document")).openapi()


def _operations(document: Any) -> list[tuple[str, str, Any]]:
    return [
        (method, path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]


def test_the_committed_document_is_that_of_the_code(document: Any) -> None:
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == document, REMEDY


def test_the_server_answers_with_the_document(anybody: httpx.Client, document: Any) -> None:
    assert anybody.get("/openapi.json").json() == document


def test_every_operation_has_a_sentence_and_a_name_of_its_own(document: Any) -> None:
    operations = _operations(document)
    assert len(operations) >= 10
    assert not [path for _, path, operation in operations if not operation["description"].splitlines()[0].endswith(".")]
    names = [operation["operationId"] for _, _, operation in operations]
    assert len(names) == len(set(names))


def test_the_document_says_which_operations_want_the_token(document: Any) -> None:
    unguarded = {path for _, path, operation in _operations(document) if not operation.get("security")}
    assert unguarded == {"/healthz", "/readyz"}
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"


def test_the_docs_page_loads_nothing_from_elsewhere(anybody: httpx.Client) -> None:
    page = anybody.get("/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    assert not ELSEWHERE.findall(page.text)
    assets = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert len(assets) >= 3
    for asset in assets:
        assert asset.startswith("/docs/assets/")
        assert anybody.get(asset).status_code == 200


def test_the_styles_of_the_docs_page_load_nothing_from_elsewhere_either(anybody: httpx.Client) -> None:
    styles = anybody.get("/docs/assets/swagger-ui.css").text
    links = re.findall(r"url\(\s*[\"']?([^)\"']+)", styles)
    assert not [link for link in links if not link.startswith(("data:", "#"))]
    assert "@import" not in styles
