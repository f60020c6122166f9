"""What can go wrong between the client and a server."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from backend.schemas.persons import RejectedPhoto


class ClientError(Exception):
    """The root of the tree: the HTTP status if there was one, a stable code, a sentence for people, and its facts."""

    def __init__(
        self,
        status: int | None,
        code: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> None:
        """Keep what the server said; `request_id` finds the request in its log."""
        super().__init__(status, code, message, details, request_id)
        self.status = status
        self.code = code
        self.message = message
        self.details = dict(details or {})
        self.request_id = request_id

    def __str__(self) -> str:
        """The sentence for people."""
        return self.message


class Unreachable(ClientError):
    """Nobody answers at the address, or not in time."""


class Unauthorised(ClientError):
    """No token was sent, and the server wants one."""


class Forbidden(ClientError):
    """The token is not the server's, or its key may not do this."""


class Missing(ClientError):
    """What was named does not exist."""


class Refused(ClientError):
    """What was sent cannot be used, or not now."""

    @property
    def rejected(self) -> list[RejectedPhoto]:
        """The photos that were not taken, and why; empty where the error is about something else."""
        try:
            return TypeAdapter(list[RejectedPhoto]).validate_python(self.details.get("rejected", []))
        except ValidationError:
            return []


class ServerFailed(ClientError):
    """The server could not do its work."""


class UnexpectedAnswer(ClientError):
    """Something answers, but not Face Server's API."""
