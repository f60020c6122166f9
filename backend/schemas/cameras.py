"""Cameras on the wire."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    Tag,
    ValidationInfo,
    field_validator,
)

from backend.domain.camera import DEFAULT_COOLDOWN_SECONDS, DEFAULT_THRESHOLD, CameraState, ConnectStep
from backend.schemas.sent import ChatId, Sent, Whole

MAX_JOBS = 100


Share = Annotated[float, Field(ge=0, le=1)]
Corner = Annotated[tuple[Share, Share], Strict(strict=False)]
"""JSON has no tuples: a list of two."""


class CameraJob(Sent):
    """A camera to watch. The same nickname and link again, credentials aside, updates that camera."""

    model_config = ConfigDict(str_strip_whitespace=True)

    rtsp_link: str = Field(min_length=1, max_length=2048, examples=["rtsp://user:pass@192.0.2.10:554/stream"])
    camera_nickname: str = Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["FrontDoor"])
    telegram_api_token: str | None = Field(
        default=None, max_length=256, description="The bot's token; without it sightings are only stored."
    )
    telegram_chat_id: ChatId | None = Field(
        default=None, validate_default=True, description="The chat that the bot writes to."
    )
    threshold: float = Field(
        default=DEFAULT_THRESHOLD, ge=0, le=1, description="Similarity from which a person counts."
    )
    cooldown_seconds: Whole = Field(
        default=DEFAULT_COOLDOWN_SECONDS,
        ge=0,
        le=31_536_000,
        description="No second message about a person within this.",
    )
    notify_unknown: bool = Field(default=False, description="Send a message about strangers too.")
    detail_link: str | None = Field(
        default=None,
        max_length=2048,
        description="The same view in more pixels (the main stream beside a sub-stream), for the best pictures.",
    )
    analysis_fps: float | None = Field(
        default=None, gt=0, le=60, description="How many frames a second are looked at; `ANALYSIS_FPS` if left out."
    )
    region: list[Corner] | None = Field(
        default=None,
        min_length=3,
        max_length=32,
        description="Where faces count: the corners of a polygon, each [x, y] in shares (0–1) of the picture's size.",
        examples=[[[0, 0.3], [1, 0.3], [1, 1], [0, 1]]],
    )
    min_face_size: Whole = Field(default=0, ge=0, le=1000, description="Faces with fewer pixels do not count.")

    @field_validator("telegram_chat_id")
    @classmethod
    def _telegram_is_whole_or_absent(cls, chat_id: str | None, info: ValidationInfo) -> str | None:
        # A token that is wrong in itself is told of by itself.
        if "telegram_api_token" in info.data and bool(info.data["telegram_api_token"]) != bool(chat_id):
            raise ValueError("telegram_api_token and telegram_chat_id belong together: send both or neither.")
        return chat_id


ONE, MANY = "one", "many"


def one_or_many(body: Any) -> str:
    """Which of the two forms a body has, so that its faults are told for that form alone."""
    return MANY if isinstance(body, list) else ONE


CameraJobs: TypeAlias = Annotated[
    Annotated[CameraJob, Tag(ONE)] | Annotated[list[CameraJob], Field(min_length=1, max_length=MAX_JOBS), Tag(MANY)],
    Discriminator(one_or_many),
]
"""One camera, or up to 100."""


class CameraCountsReply(BaseModel):
    """What the camera's worker has done since it started."""

    frames_read: int
    frames_decoded: int
    frames_analysed: int
    frames_dropped: int = Field(description="Due to be looked at and overtaken by a newer one.")
    frames_damaged: int = Field(description="Arrived damaged and were not looked at.")
    frames_still: int = Field(description="Nothing had moved, so that no face was searched.")
    frames_failed: int = Field(description="Their analysis failed; the log says why.")
    faces: int
    tracks: int
    sightings: int
    reconnects: int
    restarts: int = Field(description="How often its worker died and another took its place.")
    decode_ms: float = Field(description="Processor time spent on decoding.")
    inference_ms: float = Field(description="Time spent in the face models.")


class CameraReply(BaseModel):
    """A scheduled camera and how it is doing."""

    camera_id: str
    camera_nickname: str
    rtsp_link: str = Field(description="The address with its secrets masked.")
    threshold: float
    cooldown_seconds: int
    notify_unknown: bool
    telegram: bool = Field(description="Whether sightings are sent to a Telegram chat.")
    state: CameraState
    fps_read: float
    fps_analysed: float
    last_frame_at: AwareDatetime | None
    last_error: str | None = Field(description="Why it is not streaming.")
    degraded: list[str] = Field(description="What is worse than it should be while it goes on.")
    detail_link: str | None = Field(description="The second address with its secrets masked.")
    analysis_fps: float | None
    region: list[tuple[float, float]] | None
    min_face_size: int
    counts: CameraCountsReply


class CameraStatusReply(CameraReply):
    """The answer of `action=camera_status`."""

    action: Literal["camera_status"] = "camera_status"


class CameraList(BaseModel):
    """Cameras, sorted by nickname."""

    cameras: list[CameraReply]
    total: int
    next_cursor: str | None = None


class CameraCheck(Sent):
    """A link to examine; nothing of it is kept."""

    model_config = ConfigDict(str_strip_whitespace=True)

    rtsp_link: str = Field(min_length=1, max_length=2048, examples=["rtsp://user:pass@192.0.2.10:554/stream"])


class VideoReply(BaseModel):
    """What a camera sends, and what it costs here."""

    codec: str
    width: int
    height: int
    fps: float
    keyframe_seconds: float | None = Field(description="From one keyframe to the next; null if it is more than 3 s.")
    kilobits_per_second: float
    decode_ms: float = Field(description="Processor time to decode a second of video.")
    search_ms: float = Field(description="Time to search one picture for faces.")
    describe_ms: float = Field(description="Time to tell whose face one is.")
    face_sizes: list[int] = Field(description="The faces seen: the shorter side of each in pixels.")


class CapacityReply(BaseModel):
    """How many cameras like this one this machine can watch."""

    while_still: int
    while_busy: int


class CameraCheckReply(BaseModel):
    """What an examination found."""

    ok: bool
    rtsp_link: str = Field(description="The address with its secrets masked.")
    passed: list[ConnectStep] = Field(description="The steps that went well.")
    failed: ConnectStep | None = Field(description="The step that did not.")
    message: str
    video: VideoReply | None
    capacity: CapacityReply | None


class CameraRemoved(BaseModel):
    """The camera that is watched no more; its sightings stay."""

    camera_id: str
