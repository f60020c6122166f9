"""API keys on the wire."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, Strict, field_validator

from backend.domain.access import Scope
from backend.schemas.moments import Moment
from backend.schemas.sent import Sent


class KeyRequest(Sent):
    """A key to be made."""

    model_config = ConfigDict(str_strip_whitespace=True)

    name: str = Field(
        min_length=1,
        max_length=128,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Who or what uses it.",
        examples=["nas"],
    )
    scopes: list[Annotated[Scope, Strict(strict=False)]] = Field(
        min_length=1,
        max_length=4,
        description="What it may be used for; `admin` is everything.",
        examples=[["read", "enrol"]],
    )
    expires_at: Moment | None = Field(
        default=None, description="From when it opens nothing; a key without it does not expire."
    )

    @field_validator("expires_at")
    @classmethod
    def _is_to_come(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and moment <= datetime.now(UTC):
            raise ValueError("The time is past.")
        return moment


class KeyEntry(BaseModel):
    """A key, without what is secret of it."""

    key_id: str
    name: str
    scopes: list[Scope]
    state: Literal["active", "expired", "revoked"]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    last_used_at: AwareDatetime | None = Field(description="To the minute.")
    revoked_at: AwareDatetime | None


class KeyMade(KeyEntry):
    """A key that was just made."""

    key: str = Field(description="What to send as the Bearer token. It is shown here and never again.")


class KeyList(BaseModel):
    """Keys, newest first, the revoked ones too."""

    keys: list[KeyEntry]
    total: int
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last.")
