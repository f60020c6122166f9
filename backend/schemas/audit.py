"""The audit log on the wire."""

from pydantic import AwareDatetime, BaseModel, Field

from backend.domain.audit import Deed


class AuditReply(BaseModel):
    """One thing that was done."""

    audit_id: str
    done_at: AwareDatetime
    actor: str = Field(
        description="The name of the key; `administrator`, `command line`, `server`, or the Telegram chat that asked."
    )
    key_id: str | None = Field(description="The key it was done with, if with one.")
    address: str | None = Field(description="Where the request came from.")
    request_id: str | None
    deed: Deed = Field(description="What was done.")
    subject: str = Field(description="The id of what it was done to.")
    facts: dict[str, str | int | bool | None] = Field(description="What else is known of it.")


class AuditPage(BaseModel):
    """Entries of the audit log, newest first."""

    entries: list[AuditReply]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last.")
