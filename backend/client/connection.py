"""HTTP to one server: requests with its token, answers as values or as errors of the client's tree."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from backend.client.errors import (
    ClientError,
    Forbidden,
    Missing,
    Refused,
    ServerFailed,
    Unauthorised,
    UnexpectedAnswer,
    Unreachable,
)
from backend.schemas.errors import ErrorReply

CONNECT_TIMEOUT_S = 3.0

Reply = TypeVar("Reply", bound=BaseModel)

_BY_STATUS: Mapping[int, type[ClientError]] = {
    401: Unauthorised,
    403: Forbidden,
    404: Missing,
}


class Connection:
    """Requests that carry a token; every method raises ClientError. May be shared by threads."""

    def __init__(self, token: str, timeout: float) -> None:
        """Send `token` with each request, and wait `timeout` seconds at most for each."""
        self._http = httpx.Client(
            headers=_authorisation(token),
            timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT_S)),
            follow_redirects=False,
            trust_env=False,
            verify=ssl.create_default_context(),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, model: type[Reply], url: str, **parameters: str | int | None) -> Reply:
        """The answer to a GET; parameters that are None are left out."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return self.send(model, "GET", url, params=given or None)

    def send(self, model: type[Reply], method: str, url: str, **content: Any) -> Reply:
        """The answer to a request with that content, as httpx takes it."""
        answer = self._request(method, url, **content)
        try:
            return model.model_validate_json(answer.content)
        except ValidationError as error:
            raise _unexpected(answer) from error

    def picture(self, url: str) -> bytes:
        """A picture's file."""
        answer = self._request("GET", url)
        if not answer.headers.get("content-type", "").startswith("image/"):
            raise _unexpected(answer)
        return answer.content

    @contextmanager
    def parts(self, url: str) -> Iterator[Iterator[bytes]]:
        """The parts of a multipart answer as they come; each must tell its length."""
        with _translated(url), self._http.stream("GET", url) as answer:
            if not answer.is_success:
                answer.read()
                raise _error(answer)
            if not answer.headers.get("content-type", "").startswith("multipart/"):
                raise _unexpected(answer)
            yield _parts(answer.iter_bytes())

    def _request(self, method: str, url: str, **content: Any) -> httpx.Response:
        with _translated(url):
            answer = self._http.request(method, url, **content)
        if not answer.is_success:
            raise _error(answer)
        return answer


def origin(url: str) -> str:
    """The scheme, host and port of an address, free of anything secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _authorisation(token: str) -> dict[bytes, bytes]:
    # As bytes, so that a mistyped token with other than ASCII letters is refused by the server, not by httpx.
    return {b"Authorization": b"Bearer " + token.strip().encode()} if token.strip() else {}


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as error:
        raise Unreachable(None, "timeout", f"{origin(url)} did not answer in time.") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(None, "unreachable", f"Nobody answers at {origin(url)}.") from error


def _parts(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The bodies of the parts; what is between them is their heads and the boundary."""
    held = b""
    for chunk in chunks:
        held += chunk
        while (part := _first_part(held)) is not None:
            body, held = part
            yield body


def _first_part(held: bytes) -> tuple[bytes, bytes] | None:
    """The first whole part and what comes after it; None while it is incomplete."""
    head, end, rest = held.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.splitlines() if line.lower().startswith(b"content-length:")]
    if not end or not lengths or len(rest) < (length := int(lengths[-1])):
        return None
    return rest[:length], rest[length:]


def _error(answer: httpx.Response) -> ClientError:
    kind = ServerFailed if answer.is_server_error else _BY_STATUS.get(answer.status_code, Refused)
    try:
        reply = ErrorReply.model_validate_json(answer.content)
    except ValidationError:
        # A proxy may guard or replace the server; only these say what they mean without a body of ours.
        if kind in (Unauthorised, Forbidden, ServerFailed):
            return kind(answer.status_code, "no_details", f"The server answered {answer.status_code}.")
        return _unexpected(answer)
    return kind(answer.status_code, reply.error.code, reply.error.message, reply.error.details, reply.request_id)


def _unexpected(answer: httpx.Response) -> UnexpectedAnswer:
    what = "a redirect" if answer.is_redirect else f"status {answer.status_code}"
    message = f"{origin(str(answer.request.url))} answered with {what} that is not from Face Server's API."
    return UnexpectedAnswer(answer.status_code, "unexpected_answer", message)
