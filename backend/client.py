"""A Python client of Face Server's HTTP API, used by the web UI and by people.

    with FaceServerClient("http://localhost:8000", token) as server:
        server.enrol([Photo.read(Path("alice.jpg"))], person_id="alice")
        print(server.identify(Photo.read(Path("party.jpg"))).person_id)

What goes wrong is one of these:

ClientError
├── Unreachable        nobody answers at the address, or not in time
├── Unauthorised       no token was sent (401)
├── Forbidden          the token is not the server's, or its key may not do this (403)
├── Missing            what was named does not exist (404)
├── Refused            what was sent cannot be used (400, 413, 415, 422 and other 4xx)
├── ServerFailed       the server could not do its work (5xx)
└── UnexpectedAnswer   something answers, but not Face Server's API
"""

import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from backend.domain.access import Scope
from backend.domain.audit import Deed
from backend.schemas.audit import AuditPage
from backend.schemas.cameras import CameraJob, CameraList, CameraRemoved, CameraStatusReply
from backend.schemas.errors import ErrorReply
from backend.schemas.health import Readiness
from backend.schemas.keys import KeyEntry, KeyList, KeyMade, KeyRequest
from backend.schemas.persons import AddReply, PersonList, RejectedPhoto, RemoveReply, RetrieveReply
from backend.schemas.sightings import SightingList
from backend.schemas.telegram import ChatList

PERSON_ROUTE = "/person"
SCHEDULE_ROUTE = "/cameras/schedule"
DEFAULT_TIMEOUT_S = 60.0
"""Fifty large photos are decoded and described within this on two cores."""
CONNECT_TIMEOUT_S = 3.0
_ANYTHING = "application/octet-stream"

Reply = TypeVar("Reply", bound=BaseModel)


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


_BY_STATUS: Mapping[int, type[ClientError]] = {
    401: Unauthorised,
    403: Forbidden,
    404: Missing,
}


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture file to send."""

    filename: str
    content: bytes

    @classmethod
    def read(cls, path: Path) -> Self:
        """The file at that path; raises OSError where it cannot be read."""
        return cls(path.name, path.read_bytes())


class FaceServerClient:
    """A connection to one server, to be closed, best by `with`; may be shared by threads.

    Every method raises ClientError. The token goes to the server and nowhere else: redirects are not followed, and
    no proxy is taken from the environment.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        timeout: float = DEFAULT_TIMEOUT_S,
        *,
        person_url: str | None = None,
        schedule_url: str | None = None,
    ) -> None:
        """Connect to the API at `base_url`; `timeout` is in seconds and for each request.

        The two routes that a deployment may place elsewhere can be given in full.
        """
        base = base_url.rstrip("/")
        self._base = base
        self._person_url = person_url or base + PERSON_ROUTE
        self._schedule_url = schedule_url or base + SCHEDULE_ROUTE
        self._cameras_url = _root(self._schedule_url, SCHEDULE_ROUTE) + "/cameras"
        self._http = httpx.Client(
            headers=_authorisation(token),
            timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT_S)),
            follow_redirects=False,
            trust_env=False,
            verify=ssl.create_default_context(),
        )

    @classmethod
    def at_routes(cls, person_url: str, schedule_url: str, token: str) -> Self:
        """The client of the server whose routes `/person` and `/cameras/schedule` have these full addresses."""
        return cls(_root(person_url, PERSON_ROUTE), token, person_url=person_url, schedule_url=schedule_url)

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def address(self) -> str:
        """The scheme, host and port of the API, free of anything secret."""
        return _origin(self._base)

    def ready(self) -> Readiness:
        """Whether the server can serve, and by what model; ServerFailed while it cannot."""
        return self._get(Readiness, f"{self._base}/readyz")

    def persons(self) -> PersonList:
        """Everybody enrolled, sorted by id."""
        return self._get(PersonList, f"{self._base}/persons")

    def enrol(self, photos: Iterable[Photo], person_id: str | None = None) -> AddReply:
        """Add photos to a person, or to a new one; Refused, with `rejected`, where no photo can be used."""
        fields = {"action": "add"} | ({} if person_id is None else {"person_id": person_id})
        return self._act(AddReply, fields, photos)

    def identify(self, photo: Photo) -> RetrieveReply:
        """Who is in the photo; boxes are in pixels of the upright image."""
        return self._act(RetrieveReply, {"action": "retrieve"}, [photo])

    def remove_person(self, person_id: str) -> RemoveReply:
        """Forget a person and all their templates; Missing where there is no such person."""
        return self._act(RemoveReply, {"action": "remove", "person_id": person_id})

    def cameras(self) -> CameraList:
        """Every scheduled camera and how it is doing."""
        return self._get(CameraList, self._cameras_url)

    def schedule(self, jobs: Sequence[CameraJob]) -> CameraList:
        """Watch these cameras: all of them, or none where one is Refused."""
        content = [job.model_dump(mode="json", exclude_none=True) for job in jobs]
        return _parsed(CameraList, self._request("POST", self._schedule_url, json=content))

    def remove_camera(self, camera_id: str) -> CameraRemoved:
        """Watch this camera no more; Missing where there is no such camera."""
        return _parsed(CameraRemoved, self._request("DELETE", f"{self._cameras_url}/{quote(camera_id, safe='')}"))

    def camera_status(self, camera_id: str) -> CameraStatusReply:
        """How one camera is doing; Missing where there is no such camera."""
        return self._act(CameraStatusReply, {"action": "camera_status", "camera_id": camera_id})

    def sightings(
        self,
        *,
        camera_id: str | None = None,
        person_id: str | None = None,
        unknown: bool = False,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> SightingList:
        """Sightings, newest first; `unknown` lists strangers only, times must know their zone."""
        wanted: dict[str, str | int | None] = {
            "camera_id": camera_id,
            "person_id": person_id,
            "unknown": "true" if unknown else None,
            "since": since.isoformat() if since else None,
            "until": until.isoformat() if until else None,
            "limit": limit,
            "cursor": cursor,
        }
        return self._get(SightingList, f"{self._base}/sightings", _given(**wanted))

    def picture(self, sighting_id: str) -> bytes:
        """The picture of a sighting as a JPEG file; Missing where there is none."""
        answer = self._request("GET", f"{self._base}/sightings/{quote(sighting_id, safe='')}/picture")
        if not answer.headers.get("content-type", "").startswith("image/"):
            raise _unexpected(answer)
        return answer.content

    def telegram_chats(self, telegram_api_token: str) -> ChatList:
        """The chats that a bot has lately heard from."""
        content = {"telegram_api_token": telegram_api_token}
        return _parsed(ChatList, self._request("POST", f"{self._base}/telegram/chats", json=content))

    def keys(self, *, limit: int | None = None, cursor: str | None = None) -> KeyList:
        """The API keys, newest first, without what is secret of them; for an administrator."""
        return self._get(KeyList, f"{self._base}/v1/keys", _given(limit=limit, cursor=cursor))

    def create_key(self, name: str, scopes: Sequence[Scope], expires_at: datetime | None = None) -> KeyMade:
        """Make an API key; `key` of the answer is shown this once."""
        wanted = KeyRequest(name=name, scopes=list(scopes), expires_at=expires_at)
        content = wanted.model_dump(mode="json")
        return _parsed(KeyMade, self._request("POST", f"{self._base}/v1/keys", json=content))

    def revoke_key(self, key_id: str) -> KeyEntry:
        """Have a key open nothing any more; Missing where there is none that could be revoked."""
        return _parsed(KeyEntry, self._request("DELETE", f"{self._base}/v1/keys/{quote(key_id, safe='')}"))

    def audit(self, *, deed: Deed | None = None, limit: int | None = None, cursor: str | None = None) -> AuditPage:
        """Who did what, newest first; for an administrator."""
        return self._get(AuditPage, f"{self._base}/v1/audit", _given(deed=deed, limit=limit, cursor=cursor))

    def _get(self, model: type[Reply], url: str, parameters: Mapping[str, str | int] | None = None) -> Reply:
        return _parsed(model, self._request("GET", url, params=parameters))

    def _act(self, model: type[Reply], fields: Mapping[str, str], photos: Iterable[Photo] = ()) -> Reply:
        parts = [("image", (photo.filename, photo.content, _ANYTHING)) for photo in photos]
        # Without a file httpx would send a URL-encoded form, which the API does not take.
        texts = [(name, (None, text.encode())) for name, text in fields.items()]
        return _parsed(model, self._request("POST", self._person_url, files=texts + parts))

    def _request(self, method: str, url: str, **content: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, url, **content)
        except httpx.TimeoutException as error:
            raise Unreachable(None, "timeout", f"{_origin(url)} did not answer in time.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(None, "unreachable", f"Nobody answers at {_origin(url)}.") from error
        if not answer.is_success:
            raise _error(answer)
        return answer


def _given(**parameters: str | int | None) -> dict[str, str | int]:
    return {name: value for name, value in parameters.items() if value is not None}


def _authorisation(token: str) -> dict[bytes, bytes]:
    # As bytes, so that a mistyped token with other than ASCII letters is refused by the server, not by httpx.
    return {b"Authorization": b"Bearer " + token.strip().encode()} if token.strip() else {}


def _root(url: str, route: str) -> str:
    """The address that all routes hang from, told from that of one route; its folder where the route is renamed."""
    trimmed = url.rstrip("/")
    return trimmed.removesuffix(route) if trimmed.endswith(route) else trimmed.rpartition("/")[0]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _parsed(model: type[Reply], answer: httpx.Response) -> Reply:
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        raise _unexpected(answer) from error


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
    message = f"{_origin(str(answer.request.url))} answered with {what} that is not from Face Server's API."
    return UnexpectedAnswer(answer.status_code, "unexpected_answer", message)
