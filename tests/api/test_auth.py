"""Who may ask: every route of the application is tried, so that a new one is closed until it is named as open."""

import asyncio
import re

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from backend.api.factory import create_app
from backend.api.security import BearerAuth
from backend.settings import Settings
from tests.api.conftest import TOKEN, LiveServer
from tests.api.raw_http import sent_as_it_is

OPEN = {"/healthz", "/readyz", "/docs", "/docs/oauth2-redirect", "/openapi.json"}
"""What anybody may see; the assets of /docs beside it."""


def _routes() -> list[tuple[str, str]]:
    document = create_app(Settings(_env_file=None, auth_token=TOKEN)).openapi()
    return [
        (method.upper(), re.sub(r"\{\w+\}", "x", path))
        for path, operations in document["paths"].items()
        for method in operations
    ]


CLOSED = [(method, path) for method, path in _routes() if path not in OPEN]
MALFORMED = (
    None,
    "",
    "Basic dXNlcjpwYXNz",
    "Bearer",
    "Bearer ",
    "Bearer \t ",
    TOKEN,
    f"Token {TOKEN}",
    f"Bearer{TOKEN}",
)
WRONG = (f"{TOKEN}x", TOKEN[:-1], f"{TOKEN} {TOKEN}", TOKEN.upper(), "another")


def test_there_are_routes_to_try() -> None:
    assert {("GET", "/persons"), ("POST", "/person"), ("POST", "/cameras/schedule")} <= set(CLOSED)


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_a_request_without_a_proper_header_is_401(server: LiveServer, method: str, path: str) -> None:
    for header in MALFORMED:
        lines = [] if header is None else [f"Authorization: {header}"]
        status, answer = sent_as_it_is(server.url, f"{method} {path} HTTP/1.1", "Content-Length: 0", *lines)
        assert status == 401, header
        assert "www-authenticate: bearer" in answer.lower()
        assert '"code":"unauthorised"' in answer


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_a_request_with_another_token_is_403(anybody: httpx.Client, method: str, path: str) -> None:
    for token in WRONG:
        reply = anybody.request(method, path, headers={"Authorization": f"Bearer {token}"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "forbidden"), token
        assert token not in reply.text
        assert TOKEN not in reply.text


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_a_request_with_the_token_is_let_through(api: httpx.Client, method: str, path: str) -> None:
    # Not read to its end: there are answers that have none.
    with api.stream(method, path) as reply:
        assert reply.status_code not in {401, 403, 405}
        assert reply.status_code < 500


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
@pytest.mark.parametrize("between", [" ", "   ", " \t"])
def test_the_scheme_is_read_as_the_standard_says(anybody: httpx.Client, scheme: str, between: str) -> None:
    reply = anybody.get("/persons", headers={"Authorization": f"{scheme}{between}{TOKEN}"})
    assert reply.status_code == 200


@pytest.mark.parametrize("path", sorted(OPEN))
def test_what_is_open_asks_for_no_token(anybody: httpx.Client, path: str) -> None:
    assert anybody.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/", "/nope", "/docs/../persons", "/docs/..%2fpersons", "//persons", "/persons/", "/healthz/../persons", "/redoc"],
)
def test_no_detour_leads_past_the_token(server: LiveServer, path: str) -> None:
    status, body = sent_as_it_is(server.url, f"GET {path} HTTP/1.1")
    assert status in {401, 404}
    assert '"persons"' not in body


@pytest.mark.parametrize("header", ["Bearer \xff\xfe\x80", "\xff\xfe", "Bearer \xc3\x28", "Bearer " + "x" * 5000])
def test_garbage_in_the_header_is_refused_like_any_other(server: LiveServer, header: str) -> None:
    status, body = sent_as_it_is(server.url, "GET /persons HTTP/1.1", f"Authorization: {header}")
    assert status in {401, 403}
    assert '"request_id"' in body


def test_a_websocket_is_refused_too(server: LiveServer) -> None:
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA==")
    status, _ = sent_as_it_is(server.url, "GET /persons HTTP/1.1", *upgrade)
    assert status in {400, 401, 403}


@pytest.mark.parametrize("token", ["gehëim", "слово", "endet-mit-à"])
def test_a_token_of_any_script_is_compared_as_it_is_sent(token: str) -> None:
    """In UTF-8; the last one ends in a byte that Latin-1 takes for a blank."""

    async def hello(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("hello")(scope, receive, send)

    async def status(sent: str) -> int:
        transport = httpx.ASGITransport(BearerAuth(hello, token))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            headers = {b"Authorization": f"Bearer {sent}".encode()}
            return (await client.get("/persons", headers=headers)).status_code

    assert asyncio.run(status(token)) == 200
    assert asyncio.run(status(f"{token}x")) == 403
