"""Cameras that are watched, and how each is doing."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from backend.domain.errors import InvalidField
from backend.domain.geometry import Region

LINK_SCHEMES = ("rtsp", "rtsps", "http", "https")
DEFAULT_THRESHOLD = 0.5
DEFAULT_COOLDOWN_SECONDS = 3600

_QUERY = re.compile(r"[?#]")
_LOGIN_END = re.compile(r"[:/?#]|%3a", re.IGNORECASE)
"""What ends a user name; a colon may be written as %3A."""
_PATH_SECRET = re.compile(r"((?:pass\w*|pwd|token|key|auth|secret)=).*", re.IGNORECASE)
"""Cheap cameras want their password in the path: /user=admin_password=…_channel=1."""


class Transport(StrEnum):
    """How RTSP carries the video."""

    TCP = "tcp"
    UDP = "udp"


class HardwareDecoding(StrEnum):
    """What decodes video: the processor, the best device there is, or a kind of device by FFmpeg's name."""

    NONE = "none"
    AUTO = "auto"
    CUDA = "cuda"
    VAAPI = "vaapi"
    QSV = "qsv"
    VIDEOTOOLBOX = "videotoolbox"
    D3D11VA = "d3d11va"
    VULKAN = "vulkan"
    DRM = "drm"


class ConnectStep(StrEnum):
    """The steps from a link to its first picture, in their order; a StreamError names the one that failed as `step`."""

    LINK = "link"
    """It is an address that a camera may have."""
    NAME = "name"
    """Its host's name is known."""
    PORT = "port"
    """Somebody listens there."""
    ANSWER = "answer"
    """They speak the protocol, in time."""
    LOGIN = "login"
    """They accept the user name and password."""
    PATH = "path"
    """They have something at the link's path."""
    VIDEO = "video"
    """There is video in it."""
    CODEC = "codec"
    """Its codec is one that can be decoded."""
    PICTURE = "picture"
    """A whole picture comes of it."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A video source to be watched, and what to do when somebody passes it."""

    camera_id: str
    nickname: str
    link: str
    """The address with its user name and password: a secret; show `masked_link(link)` instead."""
    threshold: float
    """The similarity from which a person is recognised at this camera, 0–1."""
    cooldown_seconds: int
    """After a message about a person, how long this camera sends no other about them."""
    channel_id: str | None
    """The channel that is told of sightings; None where they are only stored."""
    notify_unknown: bool
    """Whether the channel is told of strangers too."""
    created_at: datetime
    detail_link: str | None = None
    """The address of the same view in more pixels, opened only for the best picture of a visit; a secret as well."""
    analysis_fps: float | None = None
    """How many frames a second are looked at; None for the server's usual rate."""
    region: Region | None = None
    """Where in the picture faces count; None for anywhere."""
    min_face_size: int = 0
    """Faces with fewer pixels do not count."""


class CameraState(StrEnum):
    """Where a camera stands."""

    CONNECTING = "connecting"
    STREAMING = "streaming"
    RECONNECTING = "reconnecting"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CameraCounts:
    """What a camera's worker has done since it started."""

    frames_read: int = 0
    frames_decoded: int = 0
    frames_analysed: int = 0
    frames_dropped: int = 0
    """Frames due for analysis that were overtaken by a newer one."""
    frames_damaged: int = 0
    """Frames that could not be decoded, or not wholly, and were not looked at."""
    frames_still: int = 0
    """Frames looked at in which nothing had moved, so that no face was searched in them."""
    frames_failed: int = 0
    """Frames whose analysis failed; the log says why."""
    faces: int = 0
    tracks: int = 0
    sightings: int = 0
    reconnects: int = 0
    restarts: int = 0
    """How often the worker died and another took its place."""
    decode_ms: float = 0.0
    """CPU time."""
    inference_ms: float = 0.0
    """Time in the face models, by the clock."""


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """How a camera is doing at this moment."""

    state: CameraState
    fps_read: float = 0.0
    """Frames a second that arrive, over the last seconds."""
    fps_analysed: float = 0.0
    """Frames a second that are looked at, over the last seconds."""
    last_frame_at: datetime | None = None
    last_error: str | None = None
    """Why it is not streaming; holds no secret."""
    degraded: tuple[str, ...] = ()
    """What is worse than it should be while it goes on, a sentence each."""
    counts: CameraCounts = CameraCounts()


def checked_link(link: str) -> str:
    """The address as given, if it is one that a camera may have.

    Raises InvalidField for another scheme, a missing host, or characters that do not belong in an address.
    """
    try:
        parts = urlsplit(link)
        usable = parts.scheme.lower() in LINK_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(character.isspace() or not character.isprintable() for character in link):
        raise InvalidField(
            "rtsp_link",
            f"A camera's link begins with one of {', '.join(f'{scheme}://' for scheme in LINK_SCHEMES)} and names a "
            "host; a password in it has / written as %2F, ? as %3F, # as %23 and @ as %40.",
        )
    return link


def same_source(one: str, other: str) -> bool:
    """Whether two addresses differ in nothing but the user name and password: a corrected password is no new camera."""
    return _without_credentials(one) == _without_credentials(other)


def masked_link(link: str) -> str:
    """The address without what is secret in it: password or a user alone, query, fragment, and a password in the path.

    Takes any text. The last @ ends the password, so that one with a bare / or ? in it is hidden whole.
    """
    scheme, separator, rest = link.partition("://")
    address = _QUERY.split(rest)[0]
    login, at, place = (address if "@" in address else rest).rpartition("@")
    user = _LOGIN_END.split(login)[0]
    # Alone it is as good as a password: some cameras want a key in its place.
    user, password = ("***" if at else user, "") if user == login else (user, ":***")
    path = _PATH_SECRET.sub(r"\1***", _QUERY.split(place)[0])
    return f"{scheme}{separator}{user}{password}{at}{path}{'' if address == rest else '?***'}"


def _without_credentials(link: str) -> str:
    parts = urlsplit(link)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
