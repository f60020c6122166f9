"""Why a sighting was told, or why not, in sentences."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo

from backend.domain.errors import SightingNotFound
from backend.domain.identity import Decision, Verdict
from backend.domain.notification import Attempt, Delivery, DeliveryState
from backend.domain.rule import Judgement, Outcome
from backend.domain.sighting import Sighting
from backend.domain.trace import RulingRecord
from backend.storage import channels, outbox, rulings, sightings
from backend.storage.database import Database


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything that is known of how a sighting was told."""

    sighting: Sighting
    rulings: tuple[RulingRecord, ...]
    deliveries: tuple[Delivery, ...]
    attempts: tuple[Attempt, ...]
    words: tuple[str, ...]


def trace_of(database: Database, sighting_id: str, zone: tzinfo | None) -> Trace:
    """The trace of a sighting, its times told in `zone` (None: the server's own); raises SightingNotFound."""
    with database.read() as tx:
        sighting = sightings.find(tx, sighting_id)
        if sighting is None:
            raise SightingNotFound(f"There is no sighting '{sighting_id}'.", sighting_id=sighting_id)
        records = rulings.of_sighting(tx, sighting_id)
        sent = outbox.of_sighting(tx, sighting_id)
        tries = outbox.attempts_of(tx, [delivery.delivery_id for delivery in sent])
        names = {channel.channel_id: channel.name or "the Telegram chat" for channel in channels.all_by_age(tx)}
    words = [*_of_rulings(records, zone), *_of_deliveries(sent, tries, names, zone)]
    return Trace(sighting, tuple(records), tuple(sent), tuple(tries), tuple(words))


def _of_rulings(records: Iterable[RulingRecord], zone: tzinfo | None) -> Iterator[str]:
    for record in records:
        yield f"{record.decided_at.astimezone(zone):%H:%M:%S}: {_decided(record.decision)} ({_looked(record)})."
        yield from (_judged(judgement) for judgement in record.ruling.judgements)


def _looked(record: RulingRecord) -> str:
    looks = f"{record.looks} look" + ("" if record.looks == 1 else "s")
    if not record.qualities:
        return f"{looks}, the best of quality {record.quality:.2f}"
    qualities = ", ".join(f"{quality:.2f}" for quality in record.qualities)
    if record.looks > len(record.qualities):
        return f"{looks}; those that count are of quality {qualities}"
    return f"{looks} of quality {qualities}"


def _decided(decision: Decision) -> str:
    if decision.similarity is None:
        return "Somebody unknown; nobody is enrolled"
    nearest = decision.candidates[0].person_id
    beyond = decision.similarity - decision.threshold
    beside = f"{abs(beyond):.2f} {'above' if beyond >= 0 else 'below'} the threshold {decision.threshold:.2f}"
    facts = f"similarity {decision.similarity:.2f}, {beside}"
    if decision.margin is not None:
        facts += f", {decision.margin:.2f} ahead of {decision.candidates[1].person_id}"
    if decision.verdict is Verdict.MATCH:
        return f"It is {nearest}: {facts}"
    return f"Somebody unknown, {decision.verdict.replace('_', ' ')}; nearest is {nearest}: {facts}"


def _judged(judgement: Judgement) -> str:
    if judgement.outcome is Outcome.NO_RULE:
        return judgement.reason
    return f"Rule “{judgement.rule_name}”: {judgement.reason}"


def _of_deliveries(
    sent: Iterable[Delivery], attempts: Iterable[Attempt], names: Mapping[str, str], zone: tzinfo | None
) -> Iterator[str]:
    tries = tuple(attempts)
    for delivery in sent:
        name = names.get(delivery.channel_id, "a removed channel")
        for attempt in tries:
            if attempt.delivery_id == delivery.delivery_id:
                yield f"{attempt.ended_at.astimezone(zone):%H:%M:%S}: {name}: {attempt.outcome}. {attempt.answer}"
        if delivery.state is DeliveryState.PENDING:
            next_at = delivery.next_attempt_at.astimezone(zone)
            yield f"The message to {name} waits; it is tried at {next_at:%H:%M:%S}, after those before it."
