"""Deliveries and traces on the wire."""

from pydantic import AwareDatetime, BaseModel, Field

from backend.domain.identity import Verdict
from backend.domain.notification import DeliveryState
from backend.domain.rule import Outcome
from backend.schemas.persons import CandidateReply


class AttemptReply(BaseModel):
    """One attempt: when, and what came back."""

    began_at: AwareDatetime
    ended_at: AwareDatetime
    outcome: str = Field(
        description="`delivered`, `delayed`, `failed`, or `withheld` where it was not sent after all; of a change of a "
        "message that was sent `edited`, `edit_delayed` or `edit_refused`."
    )
    answer: str


class DeliveryReply(BaseModel):
    """A sighting that is or was told to a channel."""

    delivery_id: str
    sighting_id: str
    channel_id: str
    state: DeliveryState = Field(
        description="`failed` ones were given up and can be sent again; `withheld` ones fell into the cooldown of "
        "their rules."
    )
    attempts: int = Field(description="Since it was last written or sent again.")
    created_at: AwareDatetime
    next_attempt_at: AwareDatetime
    last_error: str | None
    digest_id: str | None = Field(description="The one message that told of this and others of a burst.")
    history: list[AttemptReply] = Field(description="Every attempt, the oldest first.")


class DeliveryList(BaseModel):
    """Deliveries, newest first."""

    deliveries: list[DeliveryReply]
    next_cursor: str | None = Field(description="Send it back as `cursor` for the next page; None on the last.")


class JudgementReply(BaseModel):
    """What one rule made of the sighting."""

    rule_id: str | None
    rule_name: str
    outcome: Outcome
    reason: str
    channel_ids: list[str]


class RulingReply(BaseModel):
    """One time when the rules were asked: at the sighting's beginning, or when its name changed."""

    decided_at: AwareDatetime
    decision: Verdict
    threshold: float
    above_threshold: float | None = Field(
        description="The nearest person's similarity less the threshold; None where nobody is enrolled."
    )
    margin: float | None = Field(description="How far the nearest person is ahead of the second.")
    candidates: list[CandidateReply]
    looks: int
    quality: float = Field(description="Of the best look, 0–1.")
    qualities: list[float] = Field(description="Of the looks that the decision rests on, 0–1, the best first.")
    outcome: Outcome = Field(description="Of the rule that fired or came nearest to it.")
    judgements: list[JudgementReply]


class TraceReply(BaseModel):
    """Why a sighting was told, or why not."""

    sighting_id: str
    words: list[str] = Field(description="The whole of it in sentences.")
    rulings: list[RulingReply]
    deliveries: list[DeliveryReply]
