"""Asks the rules about a sighting, inside the transaction that writes it, and puts its messages into the outbox."""

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

from backend.domain.camera import Camera
from backend.domain.clock import Clock, utc_now
from backend.domain.notification import Delivery
from backend.domain.rule import Outcome, Rule, Who
from backend.domain.sighting import Evidence, Sighting
from backend.domain.trace import RulingRecord
from backend.notifications.rules import House, Occasion, Told, cooldown_in_words, cooldown_left_s, judge
from backend.storage import cameras, mutes, outbox, people, rules, rulings, sightings
from backend.storage.database import Transaction


class Router:
    """Decides who is told of a sighting; safe to use from any thread."""

    def __init__(self, zone: tzinfo | None, clock: Clock = utc_now) -> None:
        """Read hours in `zone`; None is the server's own, summer time included."""
        self._zone = zone
        self._clock = clock

    def tell(
        self, tx: Transaction, sighting: Sighting, evidence: Evidence, camera: Camera, *, risen: bool = False
    ) -> bool:
        """Write the messages that the rules ask for, and why; whether there is one to be sent, or to be changed.

        One whose similarity has only `risen` is asked about again where a rule found it too low, and would not now.
        """
        if risen and not _suffices_now(tx, sighting):
            return False
        now = self._clock()
        every_rule = [*_rules_of(camera), *rules.all_by_age(tx)]
        house = House(rules.is_armed(tx), mutes.lasting(tx, now))
        occasion = _occasion(tx, sighting, evidence, now.astimezone(self._zone))
        ruling = judge(every_rule, occasion, house, lambda rule: _told(tx, rule, now))
        record = RulingRecord(now, evidence.decision, evidence.looks, evidence.quality, ruling, evidence.qualities)
        rulings.add(tx, sighting.sighting_id, record)
        for channel_id, rule_ids in ruling.rules_of_channels.items():
            outbox.add(tx, sighting.sighting_id, channel_id, rule_ids, now)
        return bool(outbox.of_sighting(tx, sighting.sighting_id))


def camera_rule(camera: Camera) -> Rule | None:
    """The rule that a camera's own Telegram fields stand for; None where it has none.

    It counts armed or not only as every rule does: a camera that was never disarmed always tells.
    """
    if camera.channel_id is None:
        return None
    return Rule(
        rule_id=camera.camera_id,
        name=camera.nickname,
        who=Who.ANYONE if camera.notify_unknown else Who.KNOWN,
        subject=None,
        camera_id=camera.camera_id,
        channel_ids=(camera.channel_id,),
        cooldown_seconds=camera.cooldown_seconds,
    )


def _suffices_now(tx: Transaction, sighting: Sighting) -> bool:
    """Whether a rule that found the similarity of a known person below its threshold would no longer do so."""
    records = rulings.of_sighting(tx, sighting.sighting_id)
    judged = records[-1].ruling.judgements if records and sighting.person_id is not None else ()
    silent = {judgement.rule_id for judgement in judged if judgement.outcome is Outcome.BELOW_THRESHOLD}
    return bool(silent) and any(
        rule.rule_id in silent and (sighting.similarity or 0.0) >= (rule.threshold or 0.0)
        for rule in rules.all_by_age(tx)
    )


def _rules_of(camera: Camera) -> Iterator[Rule]:
    own = camera_rule(camera)
    if own is not None:
        yield own


def _occasion(tx: Transaction, sighting: Sighting, evidence: Evidence, moment: datetime) -> Occasion:
    known = sighting.person_id is not None
    return Occasion(
        person_id=sighting.person_id,
        groups=people.groups_of(tx, str(sighting.person_id)) if known else frozenset(),
        camera_id=sighting.camera_id,
        similarity=sighting.similarity,
        threshold=sighting.threshold,
        template=evidence.template,
        moment=moment,
    )


def _told(tx: Transaction, rule: Rule, now: datetime, waiting: Delivery | None = None) -> list[Told]:
    if not rule.cooldown_seconds:
        return []
    sent = outbox.sent_since(tx, rule.rule_id, now - timedelta(seconds=rule.cooldown_seconds), waiting)
    return [Told(message.person_id, message.template, message.delivered_at) for message in sent]


def told_meanwhile(tx: Transaction, delivery: Delivery, now: datetime) -> str | None:
    """Why a waiting message is not to be sent after all; None where it is.

    When its rules were asked, none had told of the same person; since then the messages before it may have been taken.
    What a person wants sent again is sent.
    """
    sighting, look = sightings.find(tx, delivery.sighting_id), sightings.template(tx, delivery.sighting_id)
    asked = [rule for rule_id in outbox.rules_of(tx, delivery.delivery_id) if (rule := _rule(tx, rule_id)) is not None]
    if sighting is None or look is None or not asked or outbox.was_given_up(tx, delivery.delivery_id):
        return None
    news = Told(sighting.person_id, look, now)
    left = min(cooldown_left_s(rule, news, _told(tx, rule, now, delivery)) for rule in asked)
    return cooldown_in_words(left) if left > 0 else None


def _rule(tx: Transaction, rule_id: str) -> Rule | None:
    """A rule that people wrote, or a camera's own; None where it is gone."""
    camera = cameras.find(tx, rule_id)
    return rules.find(tx, rule_id) if camera is None else camera_rule(camera)
