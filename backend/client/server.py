"""The methods of the client, one for each route it knows."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from pydantic import BaseModel, SecretStr

from backend.client.connection import Connection, Reply, origin
from backend.domain.access import Scope
from backend.domain.audit import Deed
from backend.domain.notification import DeliveryState
from backend.schemas.audit import AuditPage
from backend.schemas.cameras import (
    CameraCheck,
    CameraCheckReply,
    CameraJob,
    CameraList,
    CameraRemoved,
    CameraStatusReply,
)
from backend.schemas.channels import (
    ChannelChange,
    ChannelEntries,
    ChannelRemoved,
    ChannelReply,
    ChannelRequest,
    TestReply,
)
from backend.schemas.deliveries import DeliveryList, DeliveryReply, TraceReply
from backend.schemas.faces import FaceList, PersonPage
from backend.schemas.health import Readiness
from backend.schemas.keys import KeyEntry, KeyList, KeyMade, KeyRequest
from backend.schemas.models import ModelList
from backend.schemas.persons import AddReply, PersonList, RemoveReply, RetrieveReply
from backend.schemas.profiles import Profile, ProfileChange
from backend.schemas.rules import (
    Arming,
    MuteList,
    MuteRemoved,
    MuteReply,
    MuteRequest,
    RuleList,
    RuleRemoved,
    RuleReply,
    RuleRequest,
)
from backend.schemas.sightings import SightingList
from backend.schemas.telegram import ChatList

PERSON_ROUTE = "/person"
SCHEDULE_ROUTE = "/cameras/schedule"
DEFAULT_TIMEOUT_S = 60.0
"""Fifty large photos are decoded and described within this on two cores."""
_ANYTHING = "application/octet-stream"


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
        self._connection = Connection(token, timeout)

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
        self._connection.close()

    @property
    def address(self) -> str:
        """The scheme, host and port of the API, free of anything secret."""
        return origin(self._base)

    def ready(self) -> Readiness:
        """Whether the server can serve, and by what model; ServerFailed while it cannot."""
        return self._get(Readiness, "/readyz")

    def models(self) -> ModelList:
        """The models with their licences, which answers, and how far the gallery is made anew by another."""
        return self._get(ModelList, "/v1/models")

    # People and pictures

    def persons(self) -> PersonList:
        """Everybody enrolled, sorted by id."""
        return self._get(PersonList, "/persons")

    def people(self, search: str = "", *, limit: int | None = None, cursor: str | None = None) -> PersonPage:
        """People with their display names, notes and groups, sorted by id; `search` is part of an id or a name."""
        return self._get(PersonPage, "/v1/persons", search=search or None, limit=limit, cursor=cursor)

    def everybody(self) -> Iterator[Profile]:
        """All people as `people` answers them, page by page."""
        cursor: str | None = None
        while True:
            page = self.people(limit=200, cursor=cursor)
            yield from page.persons
            if (cursor := page.next_cursor) is None:
                return

    def profile(self, person_id: str) -> Profile:
        """What is known of one person; Missing where there is no such person."""
        return self._get(Profile, _path("persons", person_id))

    def change_profile(self, person_id: str, change: ProfileChange) -> Profile:
        """Change what is set in `change`, and leave the rest; Missing where there is no such person."""
        return self._send(Profile, "PATCH", _path("persons", person_id), change)

    def faces(self, person_id: str, *, limit: int | None = None, cursor: str | None = None) -> FaceList:
        """The faces that a person is recognised by, in the order of enrolment; Missing where nobody has that id."""
        return self._get(FaceList, "/v1" + _path("persons", person_id, "faces"), limit=limit, cursor=cursor)

    def face_picture(self, person_id: str, face_id: str) -> bytes:
        """One of them as a PNG of 112 × 112 pixels; Missing where its picture was not kept."""
        return self._connection.picture(self._base + "/v1" + _path("persons", person_id, "faces", face_id, "picture"))

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

    # Cameras

    def cameras(self) -> CameraList:
        """Every scheduled camera and how it is doing."""
        return self._connection.get(CameraList, self._cameras_url)

    def schedule(self, jobs: Sequence[CameraJob]) -> CameraList:
        """Watch these cameras: all of them, or none where one is Refused."""
        content = [job.model_dump(mode="json", exclude_none=True) for job in jobs]
        return self._connection.send(CameraList, "POST", self._schedule_url, json=content)

    def check_camera(self, link: str) -> CameraCheckReply:
        """Examine a link without watching it, which takes up to 15 s: which step fails, or what it sends."""
        content = CameraCheck(rtsp_link=link).model_dump()
        return self._connection.send(CameraCheckReply, "POST", f"{self._cameras_url}/check", json=content)

    def remove_camera(self, camera_id: str) -> CameraRemoved:
        """Watch this camera no more; Missing where there is no such camera."""
        return self._connection.send(CameraRemoved, "DELETE", self._cameras_url + _path(camera_id))

    def camera_status(self, camera_id: str) -> CameraStatusReply:
        """How one camera is doing; Missing where there is no such camera."""
        return self._act(CameraStatusReply, {"action": "camera_status", "camera_id": camera_id})

    def snapshot(self, camera_id: str) -> bytes:
        """What the camera sees now as a JPEG file; ServerFailed while it sees nothing."""
        return self._connection.picture(self._cameras_url + _path(camera_id, "snapshot"))

    def live(self, camera_id: str) -> Generator[bytes, None, None]:
        """What the camera sees from now on, as JPEG files with boxes and names drawn; ends with the camera.

        While it sees nothing, a picture says why. The connection is closed with the iterator.
        """
        with self._connection.parts(self._cameras_url + _path(camera_id, "live")) as pictures:
            yield from pictures

    # Sightings

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
        return self._get(
            SightingList,
            "/sightings",
            camera_id=camera_id,
            person_id=person_id,
            unknown="true" if unknown else None,
            since=since.isoformat() if since else None,
            until=until.isoformat() if until else None,
            limit=limit,
            cursor=cursor,
        )

    def picture(self, sighting_id: str) -> bytes:
        """The picture of a sighting as a JPEG file; Missing where there is none."""
        return self._connection.picture(self._base + _path("sightings", sighting_id, "picture"))

    def face(self, sighting_id: str) -> bytes:
        """The face alone, cut from that picture, as a JPEG file; Missing where there is none."""
        return self._connection.picture(self._base + _path("sightings", sighting_id, "face"))

    def trace(self, sighting_id: str) -> TraceReply:
        """Why a sighting was told, or why not; Missing where there is no such sighting."""
        return self._get(TraceReply, _path("sightings", sighting_id, "trace"))

    # Rules

    def rules(self) -> RuleList:
        """Every rule with its sentence, those that come with a camera first."""
        return self._get(RuleList, "/rules")

    def add_rule(self, rule: RuleRequest) -> RuleReply:
        """Tell channels of sightings; Refused where it names a channel or camera that is not there."""
        return self._send(RuleReply, "POST", "/rules", rule)

    def change_rule(self, rule_id: str, rule: RuleRequest) -> RuleReply:
        """Replace a rule; Missing where there is none, and for one that comes with a camera."""
        return self._send(RuleReply, "PUT", _path("rules", rule_id), rule)

    def remove_rule(self, rule_id: str) -> RuleRemoved:
        """Remove a rule; Missing as for `change_rule`."""
        return self._send(RuleRemoved, "DELETE", _path("rules", rule_id))

    def mutes(self) -> MuteList:
        """What is muted now, the oldest first."""
        return self._get(MuteList, "/mutes")

    def mute(self, mute: MuteRequest) -> MuteReply:
        """Be silent until a time; Refused where that is past."""
        return self._send(MuteReply, "POST", "/mutes", mute)

    def unmute(self, mute_id: str) -> MuteRemoved:
        """End a mute before its time; Missing where it is over."""
        return self._send(MuteRemoved, "DELETE", _path("mutes", mute_id))

    def is_armed(self) -> bool:
        """Whether the rules that count only while armed do count."""
        return self._get(Arming, "/arming").armed

    def arm(self, *, armed: bool) -> bool:
        """Arm or disarm; whether it is armed now."""
        return self._send(Arming, "PUT", "/arming", Arming(armed=armed)).armed

    # Channels and deliveries

    def channels(self) -> ChannelEntries:
        """Every channel with its secrets masked, the oldest first."""
        return self._get(ChannelEntries, "/channels")

    def add_channel(self, channel: ChannelRequest) -> ChannelReply:
        """Add a channel that rules can name."""
        return self._send(ChannelReply, "POST", "/channels", channel)

    def change_channel(self, channel_id: str, change: ChannelChange) -> ChannelReply:
        """Change what is set in `change`, and leave the rest, secrets too; Missing where there is no such channel."""
        return self._send(ChannelReply, "PATCH", _path("channels", channel_id), change)

    def remove_channel(self, channel_id: str) -> ChannelRemoved:
        """Remove a channel; rules name it no more, and what waits for it fails."""
        return self._send(ChannelRemoved, "DELETE", _path("channels", channel_id))

    def test_channel(self, channel_id: str) -> TestReply:
        """Send a real test message, and what the channel said to it; ServerFailed says why it was not taken."""
        return self._send(TestReply, "POST", _path("channels", channel_id, "test"))

    def deliveries(
        self,
        *,
        state: DeliveryState | None = None,
        channel_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> DeliveryList:
        """Deliveries with every attempt, newest first; those of state `failed` were given up."""
        return self._get(DeliveryList, "/deliveries", state=state, channel_id=channel_id, limit=limit, cursor=cursor)

    def send_again(self, delivery_id: str) -> DeliveryReply:
        """Send a message again that was given up; Missing where it was not."""
        return self._send(DeliveryReply, "POST", _path("deliveries", delivery_id, "retry"))

    def telegram_chats(self, telegram_api_token: str) -> ChatList:
        """The chats that a bot has lately heard from."""
        content = {"telegram_api_token": telegram_api_token}
        return self._connection.send(ChatList, "POST", f"{self._base}/telegram/chats", json=content)

    # Keys and audit, for administrators

    def keys(self, *, limit: int | None = None, cursor: str | None = None) -> KeyList:
        """The API keys, newest first, without what is secret of them."""
        return self._get(KeyList, "/v1/keys", limit=limit, cursor=cursor)

    def create_key(self, name: str, scopes: Sequence[Scope], expires_at: datetime | None = None) -> KeyMade:
        """Make an API key; `key` of the answer is shown this once."""
        wanted = KeyRequest(name=name, scopes=list(scopes), expires_at=expires_at)
        return self._send(KeyMade, "POST", "/v1/keys", wanted)

    def revoke_key(self, key_id: str) -> KeyEntry:
        """Have a key open nothing any more; Missing where there is none that could be revoked."""
        return self._send(KeyEntry, "DELETE", _path("v1", "keys", key_id))

    def audit(self, *, deed: Deed | None = None, limit: int | None = None, cursor: str | None = None) -> AuditPage:
        """Who did what, newest first."""
        return self._get(AuditPage, "/v1/audit", deed=deed, limit=limit, cursor=cursor)

    def _get(self, model: type[Reply], path: str, **parameters: str | int | None) -> Reply:
        return self._connection.get(model, self._base + path, **parameters)

    def _send(self, model: type[Reply], method: str, path: str, content: BaseModel | None = None) -> Reply:
        # What is not set is left out: in a change it stays as it is.
        body = {} if content is None else {"json": _revealed(content)}
        return self._connection.send(model, method, self._base + path, **body)

    def _act(self, model: type[Reply], fields: Mapping[str, str], photos: Iterable[Photo] = ()) -> Reply:
        parts = [("image", (photo.filename, photo.content, _ANYTHING)) for photo in photos]
        # Without a file httpx would send a URL-encoded form, which the API does not take.
        texts = [(name, (None, text.encode())) for name, text in fields.items()]
        return self._connection.send(model, "POST", self._person_url, files=texts + parts)


def _path(*segments: str) -> str:
    """The path of these segments, none of which can lead out of its place."""
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def _revealed(content: BaseModel) -> dict[str, Any]:
    """What is set in the content as JSON, its secrets in the clear: they go to the server."""
    plain: dict[str, Any] = content.model_dump(mode="json", exclude_unset=True)
    return plain | _secrets(content)


def _secrets(content: BaseModel) -> dict[str, Any]:
    """The fields that have secrets in them, as JSON."""
    found: dict[str, Any] = {}
    for name in content.model_fields_set:
        value = getattr(content, name)
        if isinstance(value, SecretStr):
            found[name] = value.get_secret_value()
        elif isinstance(value, BaseModel):
            found[name] = _revealed(value)
    return found


def _root(url: str, route: str) -> str:
    """The address that all routes hang from, told from that of one route; its folder where the route is renamed."""
    trimmed = url.rstrip("/")
    return trimmed.removesuffix(route) if trimmed.endswith(route) else trimmed.rpartition("/")[0]
