"""Deliveries, the dead letters among them, and why a sighting was told or not."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query

from backend.api.deps import ServicesDep
from backend.api.errors import COMMON_RESPONSES
from backend.domain.audit import Deed
from backend.domain.errors import DeliveryNotFound
from backend.domain.notification import Attempt, Delivery, DeliveryState
from backend.domain.rule import Judgement
from backend.domain.trace import RulingRecord
from backend.notifications.trace import trace_of
from backend.schemas.deliveries import (
    AttemptReply,
    DeliveryList,
    DeliveryReply,
    JudgementReply,
    RulingReply,
    TraceReply,
)
from backend.schemas.persons import CandidateReply
from backend.storage import audit, outbox

router = APIRouter(tags=["deliveries"], responses=COMMON_RESPONSES)

Cursor = Annotated[
    str | None, Query(pattern="^[0-9A-HJKMNP-TV-Z]{26}$", description="`next_cursor` of the page before.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="How many to answer at most.")]


@router.get("/deliveries")
def list_deliveries(
    services: ServicesDep,
    state: Annotated[DeliveryState | None, Query(description="Only those; `failed` were given up.")] = None,
    channel_id: Annotated[str | None, Query(description="Only those to this channel.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> DeliveryList:
    """List deliveries with every attempt, newest first."""
    with services.recognition.database.read() as tx:
        # One more than asked for tells whether there is a next page.
        found = outbox.page(tx, state, channel_id, cursor, limit + 1)
        page = found[:limit]
        attempts = outbox.attempts_of(tx, [delivery.delivery_id for delivery in page])
    return DeliveryList(
        deliveries=[_delivery_reply(delivery, attempts) for delivery in page],
        next_cursor=page[-1].delivery_id if len(found) > limit else None,
    )


@router.post("/deliveries/{delivery_id}/retry")
def retry_delivery(services: ServicesDep, delivery_id: str) -> DeliveryReply:
    """Send a message again that was given up."""
    with services.recognition.database.write() as tx:
        known = outbox.find(tx, delivery_id)
        if known is None or known.state is not DeliveryState.FAILED:
            raise DeliveryNotFound(delivery_id)
        outbox.send_again(tx, delivery_id)
        audit.note(tx, Deed.DELIVERY_RETRIED, delivery_id)
        delivery = outbox.find(tx, delivery_id) or known
        attempts = outbox.attempts_of(tx, [delivery_id])
    services.dispatcher.wake()
    return _delivery_reply(delivery, attempts)


@router.get("/sightings/{sighting_id}/trace")
def sighting_trace(services: ServicesDep, sighting_id: str) -> TraceReply:
    """Answer why a sighting was told, or why not: what was known, each rule, and each attempt."""
    trace = trace_of(services.recognition.database, sighting_id, None)
    return TraceReply(
        sighting_id=sighting_id,
        words=list(trace.words),
        rulings=[_ruling_reply(record) for record in trace.rulings],
        deliveries=[_delivery_reply(delivery, trace.attempts) for delivery in trace.deliveries],
    )


def _delivery_reply(delivery: Delivery, attempts: Iterable[Attempt]) -> DeliveryReply:
    history = [
        AttemptReply(began_at=tried.began_at, ended_at=tried.ended_at, outcome=tried.outcome, answer=tried.answer)
        for tried in attempts
        if tried.delivery_id == delivery.delivery_id
    ]
    return DeliveryReply(
        delivery_id=delivery.delivery_id,
        sighting_id=delivery.sighting_id,
        channel_id=delivery.channel_id,
        state=delivery.state,
        attempts=delivery.attempts,
        created_at=delivery.created_at,
        next_attempt_at=delivery.next_attempt_at,
        last_error=delivery.last_error,
        digest_id=delivery.digest_id,
        history=history,
    )


def _ruling_reply(record: RulingRecord) -> RulingReply:
    decision = record.decision
    return RulingReply(
        decided_at=record.decided_at,
        decision=decision.verdict,
        threshold=decision.threshold,
        above_threshold=None if decision.similarity is None else decision.similarity - decision.threshold,
        margin=decision.margin,
        candidates=[CandidateReply(person_id=c.person_id, similarity=c.similarity) for c in decision.candidates],
        looks=record.looks,
        quality=record.quality,
        qualities=list(record.qualities),
        outcome=record.ruling.decisive.outcome,
        judgements=[_judgement_reply(judgement) for judgement in record.ruling.judgements],
    )


def _judgement_reply(judgement: Judgement) -> JudgementReply:
    return JudgementReply(
        rule_id=judgement.rule_id,
        rule_name=judgement.rule_name,
        outcome=judgement.outcome,
        reason=judgement.reason,
        channel_ids=list(judgement.channel_ids),
    )
