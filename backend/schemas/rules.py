"""Rules, mutes and arming on the wire."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, Field, Strict, StringConstraints, model_validator

from backend.domain.rule import Who
from backend.schemas.moments import Moment
from backend.schemas.sent import Sent, TimeOfDay, Whole

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")
]


class PeriodEntry(Sent):
    """Hours of some days, in the server's time zone; ending no later than they begin, they last into the next day."""

    days: list[Day] = Field(default=list(DAYS), min_length=1, max_length=7, description="The days on which it begins.")
    begins: TimeOfDay = Field(examples=["22:00"])
    ends: TimeOfDay = Field(examples=["06:00"])


class RuleRequest(Sent):
    """Who × where × when → channels."""

    name: Name = Field(examples=["Strangers at night"])
    who: Annotated[Who, Strict(strict=False)] = Field(default=Who.ANYONE, description="Whom it is about.")
    subject: Name | None = Field(default=None, description="The `person_id` or the group, where `who` is one of these.")
    camera_id: str | None = Field(default=None, max_length=26, description="None for any camera.")
    channel_ids: list[str] = Field(min_length=1, max_length=20, description="Who is told.")
    hours: list[PeriodEntry] = Field(default=[], max_length=50, description="When it counts; empty for always.")
    quiet_hours: list[PeriodEntry] = Field(default=[], max_length=50, description="When it is silent nevertheless.")
    armed_only: bool = Field(default=True, description="Silent while the house is disarmed.")
    threshold: float | None = Field(
        default=None, ge=0, le=1, description="The similarity that a known person must have here."
    )
    cooldown_seconds: Whole = Field(
        default=0, ge=0, le=31_536_000, description="No second message about a person within this."
    )
    enabled: bool = True

    @model_validator(mode="after")
    def _subject_is_named_where_there_is_one(self) -> Self:
        if (self.who in (Who.PERSON, Who.GROUP)) != (self.subject is not None):
            raise ValueError("subject names the person or group where who is 'person' or 'group', and is absent else.")
        return self


class RuleReply(RuleRequest):
    """A rule, and what it says."""

    # What was kept is answered as it is; the checks are for what comes in.
    channel_ids: list[str]
    rule_id: str
    sentence: str = Field(description="The rule in words.")
    of_camera: bool = Field(description="Whether it stands for a camera's own fields, and is changed with the camera.")


class RuleList(BaseModel):
    """Every rule, the cameras' own first."""

    rules: list[RuleReply]
    total: int
    next_cursor: str | None = None


class RuleRemoved(BaseModel):
    """The rule that is no more."""

    rule_id: str


class MuteRequest(Sent):
    """Silence until a time, for what all its parts name; without any part, for everything."""

    until: Moment = Field(examples=["2026-11-22T23:00:00Z"])
    rule_id: str | None = Field(default=None, max_length=26)
    camera_id: str | None = Field(default=None, max_length=26)
    person_id: str | None = Field(default=None, max_length=128)


class MuteReply(BaseModel):
    """What is muted."""

    mute_id: str
    until: AwareDatetime
    rule_id: str | None
    camera_id: str | None
    person_id: str | None
    stranger: bool = Field(description="Whether it is for strangers who look like one that was ignored.")


class MuteList(BaseModel):
    """What is muted now, the oldest first."""

    mutes: list[MuteReply]
    total: int
    next_cursor: str | None = None


class MuteRemoved(BaseModel):
    """The mute that was ended."""

    mute_id: str


class Arming(Sent):
    """Whether the rules that count only while armed do count."""

    armed: bool
