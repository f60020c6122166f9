"""Who may ask: authentication and scopes, before a request's body is read; a route without a rule is closed."""

import hmac
import logging
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.api.access import RouteTable, Rule, allowed_methods
from backend.api.attempts import FailedAttempts
from backend.api.errors import error_response
from backend.api.request_id import current_request_id
from backend.domain.access import ADMINISTRATOR, Actor, ApiKey, Caller, acting_as
from backend.domain.errors import StorageError
from backend.storage import api_keys
from backend.storage.database import Database

logger = logging.getLogger(__name__)

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json"})
OPEN_PREFIX = "/docs/"
COMPREFACE_PREFIX = "/api/v1/"
"""Where CompreFace's clients send the token as `x-api-key`."""
DEEPSTACK_PREFIX = "/v1/vision/"
"""Where DeepStack's clients send the token as a field of the form, `api_key`."""
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
NO_ADDRESS = "unknown"


@dataclass(frozen=True, slots=True)
class Policy:
    """Who is let in, and how patient we are with those who are not."""

    token: str
    """The administrator's."""
    attempts: FailedAttempts
    open_paths: frozenset[str] = OPEN_PATHS


class Refusal(Exception):
    """A request is not let through."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


@dataclass(slots=True)
class BearerAuth:
    """Lets through who sends `Authorization: Bearer TOKEN`, with the administrator's token or a key of enough scope.

    401 without a token or with a malformed one, 403 with another, with a key that is revoked or has expired, and with
    one that lacks the scope; 429 to an address that failed too often.
    """

    app: ASGIApp
    policy: Policy
    routes: Callable[[], RouteTable]
    _table: RouteTable | None = field(default=None, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        rule = self._rule_of(scope)
        if self._is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        if _brings_key_in_form(scope):
            scope["key_check"] = lambda key: self._admitted(scope, key, rule)
            await self.app(scope, receive, send)
            return
        try:
            actor = await self._admitted(scope, _token_of(scope), rule)
        except Refusal as refusal:
            response = error_response(refusal.status, refusal.code, refusal.message, headers=refusal.headers)
            await response(scope, receive, send)
            return
        with acting_as(actor):
            await self.app(scope, receive, send)

    async def _admitted(self, scope: Scope, token: bytes, rule: Rule | None) -> Actor:
        caller = await self._caller(scope, token)
        _check_scope(scope, caller, rule)
        scope.setdefault("state", {})["caller"] = caller
        return Actor(caller.name, caller.key_id, address_of(scope), current_request_id.get())

    def _is_open(self, path: str) -> bool:
        return path in self.policy.open_paths or path.startswith(OPEN_PREFIX)

    async def _caller(self, scope: Scope, token: bytes) -> Caller:
        address = address_of(scope) or NO_ADDRESS
        wait = self.policy.attempts.seconds_to_wait(address)
        if wait > 0:
            # Not even the right token is looked at: the answer would tell a guess that was right.
            after = {"Retry-After": str(math.ceil(wait))}
            raise Refusal(429, "too_many_attempts", "Too many wrong tokens came from this address; wait.", after)
        if not token or self._is_malformed(token):
            message = "Send the header 'Authorization: Bearer <AUTH_TOKEN>'."
            raise Refusal(401, "unauthorised", message, {"WWW-Authenticate": "Bearer"})
        try:
            return ADMINISTRATOR if self._is_administrators(token) else await _key_holder(scope, token)
        except Refusal as refusal:
            if refusal.status == 403:
                self.policy.attempts.note(address)
                logger.warning("An attempt from %s failed: %s", address, refusal.message)
            raise

    def _is_malformed(self, token: bytes) -> bool:
        """Whether blanks are in what was sent, where there are none in the administrator's token: keys have none."""
        return len(token.split()) > 1 and len(self.policy.token.split()) <= 1

    def _is_administrators(self, token: bytes) -> bool:
        # In a time that tells nothing of where they differ.
        return hmac.compare_digest(token, self.policy.token.encode())

    def _rule_of(self, scope: Scope) -> Rule | None:
        # Made at the first request: by then every route is there.
        self._table = self._table or self.routes()
        rule = self._table.rule_of(scope)
        state = scope.setdefault("state", {})
        if rule is not None:
            state["route"] = rule.path
        elif scope["type"] == "http":
            state["allowed"] = allowed_methods(self._table.rules, scope["path"])
        return rule


def _check_scope(scope: Scope, caller: Caller, rule: Rule | None) -> None:
    if rule is None:
        return  # 404 or 405, which a caller of any scope may be told
    wanted = None if rule.needs is None else rule.needs.by_method(scope["method"])
    if wanted is None or not caller.may(wanted):
        name = "that nobody has: this route has no rule" if wanted is None else f"'{wanted}'"
        raise Refusal(403, "scope_missing", f"This takes a key with the scope {name}.")


def address_of(scope: Scope) -> str | None:
    """The address that a request came from."""
    client = scope.get("client")
    return None if client is None else str(client[0])


def is_unproven(scope: Scope) -> bool:
    """Whether it is only the body that will say if the request may be here."""
    return "key_check" in scope


async def prove(scope: Scope, key: str) -> AbstractContextManager[None]:
    """What to answer the request within, whose form holds that key; raises Refusal where it may not be here."""
    if not is_unproven(scope):
        return nullcontext()
    return acting_as(await scope["key_check"](key.strip().encode()))


def _token_of(scope: Scope) -> bytes:
    """The token that a request's headers carry, or nothing."""
    headers = Headers(scope=scope)
    key = headers.get("X-API-Key") if scope["path"].startswith(COMPREFACE_PREFIX) else None
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    offered = token if key is None and scheme.lower() == "bearer" else key or ""
    # The bytes that came, which Headers decodes as Latin-1.
    return offered.strip(" \t").encode("latin-1")


def _brings_key_in_form(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    sent_as = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    path = scope["path"]
    return path.startswith(DEEPSTACK_PREFIX) and "Authorization" not in headers and sent_as in _FORMS


async def _key_holder(scope: Scope, token: bytes) -> Caller:
    # What does not look like a key is not searched for: guessing must cost us nothing.
    services = scope.get("state", {}).get("services")
    secret = token.decode("latin-1")
    if services is None or not api_keys.KEY.fullmatch(secret):
        raise _wrong()
    try:
        return await to_thread.run_sync(_holder, services.recognition.database, secret)
    except StorageError as error:
        raise Refusal(503, error.code, error.message, {"Retry-After": "1"}) from None


def _holder(database: Database, token: str) -> Caller:
    now = datetime.now(UTC)
    with database.read() as tx:
        key = api_keys.by_secret(tx, token)
    if key is None:
        raise _wrong()
    if key.revoked_at is not None:
        raise Refusal(403, "key_revoked", f"The key '{key.name}' was revoked.")
    if key.has_expired(now):
        raise Refusal(403, "key_expired", f"The key '{key.name}' has expired.")
    _note_use(database, key, now)
    return key.caller


def _note_use(database: Database, key: ApiKey, now: datetime) -> None:
    if not api_keys.is_use_to_be_noted(key, now):
        return
    try:
        with database.write() as tx:
            api_keys.note_use(tx, key.key_id, now)
    except StorageError as error:
        # A full disk must not keep anybody from asking who is at the door.
        logger.warning("The use of a key could not be noted: %s", error.message)


def _wrong() -> Refusal:
    return Refusal(403, "forbidden", "The token is neither the AUTH_TOKEN of this server nor one of its keys.")
