"""What the Bot API server may be told to answer, and what it records of each call."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ok:
    """Do as asked."""


@dataclass(frozen=True, slots=True)
class Slow:
    """Do as asked at once, but answer only after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class TooManyRequests:
    """Do nothing and answer 429."""

    retry_after: int


@dataclass(frozen=True, slots=True)
class ServerError:
    """Do nothing and answer a status of 500 or above."""

    status: int = 500


@dataclass(frozen=True, slots=True)
class Refused:
    """Do nothing and answer 400, 403 or the like with Telegram's words."""

    status: int = 400
    description: str = "Bad Request: chat not found"


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the connection in the middle of the answer, having done what was asked or not."""

    delivered: bool = False


@dataclass(frozen=True, slots=True)
class Garbage:
    """Answer 200 with something that is not JSON, having done what was asked or not."""

    delivered: bool = False


Answer = Ok | Slow | TooManyRequests | ServerError | Refused | Cut | Garbage


@dataclass(frozen=True, slots=True)
class Call:
    """One request that reached the server, whatever came of it."""

    method: str
    params: Mapping[str, str]
    """All fields as text; structured ones are JSON."""
    files: Mapping[str, bytes]
    at: float
    """When it came, in `time.monotonic()` seconds."""
    answer: Answer
    delivered: bool
    """Whether it took effect: a person would have seen it, even if its answer got lost."""
    message_id: int | None = None
    """The message that it made or changed."""

    @property
    def chat_id(self) -> int:
        return int(self.params["chat_id"])

    @property
    def photo(self) -> bytes:
        """The one picture that was uploaded."""
        (picture,) = self.files.values()
        return picture
