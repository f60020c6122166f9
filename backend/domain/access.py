"""Who may do what: scopes, API keys, and in whose name something is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Scope(StrEnum):
    """What a key may be used for."""

    READ = "read"
    """Look at everything, and have faces recognised."""
    ENROL = "enrol"
    """Add, change and remove people and their faces."""
    CAMERAS = "cameras"
    """Change cameras, rules and channels."""
    ADMIN = "admin"
    """Everything, keys and the audit log too."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    name: str
    scopes: frozenset[Scope]
    key_id: str | None = None
    """None for the administrator, who has AUTH_TOKEN."""

    def may(self, scope: Scope) -> bool:
        """Whether they may do what takes this scope."""
        return not self.scopes.isdisjoint({scope, Scope.ADMIN})


ADMINISTRATOR = Caller("administrator", frozenset({Scope.ADMIN}))
"""Who has AUTH_TOKEN."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of an API key; the key itself is known to its owner alone."""

    key_id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    """None for a key that does not expire."""
    last_used_at: datetime | None = None
    """To the minute."""
    revoked_at: datetime | None = None

    def has_expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now

    @property
    def caller(self) -> Caller:
        """Who uses it."""
        return Caller(self.name, self.scopes, self.key_id)


@dataclass(frozen=True, slots=True)
class Actor:
    """In whose name something is done, from which address, in which request: what the audit log tells."""

    name: str
    key_id: str | None = None
    address: str | None = None
    request_id: str | None = None


_SERVER = Actor("server")
_current: ContextVar[Actor] = ContextVar("current_actor", default=_SERVER)


def current_actor() -> Actor:
    """In whose name this thread or task works; the server itself where nobody asked."""
    return _current.get()


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Do what the block does in somebody's name, also in threads that are handed this context."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)
