"""Who may ask: every route of the application is tried, so that a new one is closed until it has a rule."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import APIRouter
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Send
from starlette.types import Scope as RequestScope

from backend.api.access import Needs, RouteTable, Rule, needs
from backend.api.attempts import FailedAttempts
from backend.api.factory import create_app
from backend.api.security import BearerAuth, Policy
from backend.domain.access import Scope
from backend.settings import Settings
from backend.storage import api_keys
from tests.api.conftest import TOKEN, LiveServer
from tests.api.raw_http import sent_as_it_is

OPEN = {"/healthz", "/readyz", "/docs", "/docs/oauth2-redirect", "/openapi.json"}
"""What anybody may see; the assets of /docs beside it."""
RULES = RouteTable(create_app(Settings(_env_file=None, auth_token=TOKEN)).routes).rules
CLOSED = [(method, rule) for rule in RULES if rule.path not in OPEN for method in sorted(rule.methods)]
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
    f"Bearer {TOKEN} x",
    f"Bearer {TOKEN} {TOKEN}",
    f"Bearer {TOKEN}\t{TOKEN}",
)
WRONG = (f"{TOKEN}x", TOKEN[:-1], TOKEN.upper(), "another", "fs_" + "A" * 43)
every_closed_route = pytest.mark.parametrize(
    ("method", "rule"), CLOSED, ids=[f"{method} {rule.path}" for method, rule in CLOSED]
)


def _path(rule: Rule) -> str:
    return re.sub(r"\{\w+\}", "x", rule.path)


@pytest.fixture(scope="module")
def keys(server: LiveServer) -> dict[str, str]:
    """A key of each scope, one of all but each scope, one that was revoked, and one that has expired."""
    database, long_ago = server.services.recognition.database, datetime.now(UTC) - timedelta(seconds=1)
    others = {f"all but {scope}": set(Scope) - {scope, Scope.ADMIN} for scope in Scope}
    single = {str(scope): {scope} for scope in Scope}
    with database.write() as tx:
        made = {name: api_keys.add(tx, name, scopes, None) for name, scopes in (others | single).items()}
        made["revoked"] = api_keys.add(tx, "revoked", Scope, None)
        made["expired"] = api_keys.add(tx, "expired", Scope, long_ago)
        api_keys.revoke(tx, made["revoked"].key.key_id)
    return {name: key.secret for name, key in made.items()}


def test_there_are_routes_to_try() -> None:
    tried = {(method, rule.path) for method, rule in CLOSED}
    assert {("GET", "/persons"), ("POST", "/person"), ("POST", "/cameras/schedule"), ("POST", "/v1/keys")} <= tried


def test_what_is_described_is_what_is_tried() -> None:
    described = create_app(Settings(_env_file=None, auth_token=TOKEN)).openapi()["paths"]
    assert set(described) <= {rule.path for rule in RULES}


@every_closed_route
def test_every_route_has_a_rule(method: str, rule: Rule) -> None:
    assert rule.needs is not None, f"give {rule.path} or its router a rule: dependencies=[needs(…)]"


@every_closed_route
def test_a_request_without_a_proper_header_is_401(server: LiveServer, method: str, rule: Rule) -> None:
    for header in MALFORMED:
        lines = [] if header is None else [f"Authorization: {header}"]
        status, answer = sent_as_it_is(server.url, f"{method} {_path(rule)} HTTP/1.1", "Content-Length: 0", *lines)
        assert status == 401, header
        assert "www-authenticate: bearer" in answer.lower()
        assert '"code":"unauthorised"' in answer


@every_closed_route
def test_a_request_with_another_token_is_403(anybody: httpx.Client, method: str, rule: Rule) -> None:
    for token in WRONG:
        reply = anybody.request(method, _path(rule), headers={"Authorization": f"Bearer {token}"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "forbidden"), token
        assert token not in reply.text
        assert TOKEN not in reply.text


@every_closed_route
def test_a_key_that_is_revoked_or_has_expired_or_lacks_the_scope_is_403(
    anybody: httpx.Client, keys: dict[str, str], method: str, rule: Rule
) -> None:
    assert rule.needs is not None
    lacking = f"all but {rule.needs.by_method(method)}"
    for name, code in (("revoked", "key_revoked"), ("expired", "key_expired"), (lacking, "scope_missing")):
        reply = anybody.request(method, _path(rule), headers={"Authorization": f"Bearer {keys[name]}"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, code), name
        assert keys[name] not in reply.text


@every_closed_route
def test_a_key_of_the_scope_and_the_administrators_token_are_let_through(
    api: httpx.Client, keys: dict[str, str], method: str, rule: Rule
) -> None:
    assert rule.needs is not None
    for token in (TOKEN, keys["admin"], keys[rule.needs.by_method(method)]):
        # Not read to its end: there are answers that have none.
        with api.stream(method, _path(rule), headers={"Authorization": f"Bearer {token}"}) as reply:
            assert reply.status_code not in {401, 403, 405, 429}
            assert reply.status_code < 500


@pytest.mark.parametrize("action", ["add", "remove"])
def test_an_action_that_enrols_or_removes_takes_more_than_its_route(
    api: httpx.Client, keys: dict[str, str], action: str
) -> None:
    form, files = {"action": action, "person_id": "alice"}, {"image": b"no picture"}
    lacking = api.post("/person", headers={"Authorization": f"Bearer {keys['all but enrol']}"}, data=form, files=files)
    assert (lacking.status_code, lacking.json()["error"]["code"]) == (403, "scope_missing")
    both = {"Authorization": f"Bearer {keys['all but cameras']}"}
    assert api.post("/person", headers=both, data=form, files=files).status_code in {404, 422}


def test_a_route_that_somebody_forgot_to_give_a_rule_is_refused_to_everybody() -> None:
    forgotten = APIRouter()

    @forgotten.get("/forgotten")
    def answer() -> None:
        """Answer nothing."""

    app = create_app(Settings(_env_file=None, auth_token=TOKEN))
    app.include_router(forgotten)
    (rule,) = [rule for rule in RouteTable(app.routes).rules if rule.path == "/forgotten"]
    assert rule.needs is None

    async def reply() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.get("/forgotten", headers={"Authorization": f"Bearer {TOKEN}"})

    refused = asyncio.run(reply())
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "scope_missing")


def test_the_rule_nearest_to_a_route_counts() -> None:
    inner = APIRouter(dependencies=[needs(Scope.READ, change=Scope.ENROL)])

    @inner.post("/own", dependencies=[needs(Scope.CAMERAS)])
    @inner.post("/routers")
    def answer() -> None:
        """Answer nothing."""

    app = create_app(Settings(_env_file=None, auth_token=TOKEN))
    app.include_router(inner, dependencies=[needs(Scope.ADMIN)])
    rules = {rule.path: rule.needs for rule in RouteTable(app.routes).rules}
    assert rules["/own"] == Needs(Scope.CAMERAS, Scope.CAMERAS)
    assert rules["/routers"] == Needs(Scope.READ, Scope.ENROL)


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
    asked = _guarded(Policy(token, FailedAttempts(0)))
    assert [asked(sent).status_code for sent in (token, f"{token}x")] == [200, 403]


def test_a_token_that_has_blanks_in_it_opens_and_another_such_is_a_wrong_one() -> None:
    asked = _guarded(Policy("correct horse", FailedAttempts(0)))
    assert [asked(sent).status_code for sent in ("correct horse", "correct horsf", "correct")] == [200, 403, 403]


def _guarded(policy: Policy) -> "_Asked":
    return _Asked(BearerAuth(_hello, policy, lambda: RouteTable(())))


async def _hello(scope: RequestScope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


class _Asked:
    """A guarded application, asked with a token."""

    def __init__(self, app: BearerAuth) -> None:
        self._app = app

    def __call__(self, token: str, address: str = "192.0.2.1") -> httpx.Response:
        return asyncio.run(self._answer(token, address))

    async def _answer(self, token: str, address: str) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.get("/persons", headers={b"Authorization": f"Bearer {token}".encode()})


class _Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_who_fails_too_often_waits_and_even_the_right_token_is_not_looked_at() -> None:
    clock = _Clock()
    asked = _guarded(Policy("right", FailedAttempts(3, clock)))
    assert [asked("wrong").status_code for _ in range(3)] == [403, 403, 403]
    clock.now += 20
    refused = asked("right")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "40")
    assert refused.json()["error"]["code"] == "too_many_attempts"
    assert asked("right", address="192.0.2.2").status_code == 200
    clock.now += 40
    assert asked("right").status_code == 200


def test_an_address_of_the_sixth_version_does_not_escape_within_its_network() -> None:
    asked = _guarded(Policy("right", FailedAttempts(2, _Clock())))
    for host in (1, 2):
        assert asked("wrong", address=f"2001:db8::{host}").status_code == 403
    assert asked("wrong", address="2001:db8::3").status_code == 429
    assert asked("wrong", address="2001:db8:0:1::3").status_code == 403


def test_the_memory_of_failures_is_bounded() -> None:
    attempts = FailedAttempts(1, _Clock())
    for number in range(10_001):
        attempts.note(f"10.0.{number // 256}.{number % 256}")
    assert attempts.seconds_to_wait("10.0.0.0") == 0
    assert attempts.seconds_to_wait("10.0.0.1") > 0


def test_a_failed_attempt_is_logged_with_its_address_and_without_what_was_sent(
    anybody: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    anybody.get("/persons", headers={"Authorization": "Bearer a-wrong-one"})
    assert "An attempt from 127.0.0.1 failed" in caplog.text
    assert "a-wrong-one" not in caplog.text
