"""Which channels are told of a sighting, and why or why not; pure, so that every case can be drawn in a test."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.domain.face import Template
from backend.domain.rule import Judgement, Mute, Outcome, Rule, Ruling, Who

SAME_STRANGER = 0.45
"""The similarity from which two strangers are held to be one person, for whom one message is enough.

Between SFace's usual threshold for one pair of photos (0.363) and the one at which 1 % of strangers are taken for
somebody in a gallery of 1,680 people (0.482): a cooldown sees few strangers, but missing one is worse than telling
of one twice.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Occasion:
    """A sighting as the rules see it."""

    person_id: str | None
    """None for somebody unknown."""
    groups: frozenset[str]
    camera_id: str
    similarity: float | None
    threshold: float
    """The camera's own, by which somebody is known or unknown."""
    template: Template
    moment: datetime
    """Now, in the zone that hours are meant in."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """A message of a rule that a channel took."""

    person_id: str | None
    template: Template
    moment: datetime
    """When the channel took it."""


@dataclass(frozen=True, slots=True)
class House:
    """What holds for all rules at the moment."""

    armed: bool
    mutes: tuple[Mute, ...]


def judge(rules: Sequence[Rule], occasion: Occasion, house: House, told: Callable[[Rule], Iterable[Told]]) -> Ruling:
    """What all rules make of a sighting; `told` answers of whom a rule sent messages within its cooldown."""
    judgements = tuple(_judgement(rule, occasion, house, told) for rule in rules)
    return Ruling(judgements or (Judgement(None, "", Outcome.NO_RULE, "There is no rule for this camera."),))


def _judgement(rule: Rule, occasion: Occasion, house: House, told: Callable[[Rule], Iterable[Told]]) -> Judgement:
    outcome, reason = _objection(rule, occasion, house) or _cooling_down(rule, occasion, told(rule))
    channels = rule.channel_ids if outcome is Outcome.FIRED else ()
    return Judgement(rule.rule_id, rule.name, outcome, reason, channels)


_Objection = tuple[Outcome, str] | None


def _objection(rule: Rule, occasion: Occasion, house: House) -> _Objection:
    """Why a rule is silent, but for its cooldown; None where nothing speaks against it."""
    return _not_meant(rule, occasion) or _not_now(rule, occasion, house) or _muted(rule, occasion, house.mutes)


def _not_meant(rule: Rule, occasion: Occasion) -> _Objection:
    if not rule.enabled or not rule.channel_ids:
        return Outcome.DISABLED, "It is switched off." if rule.channel_ids else "It names no channel."
    if rule.camera_id not in (None, occasion.camera_id):
        return Outcome.NOT_HERE, "It is for another camera."
    if not _is_about(rule, occasion):
        return _not_them(rule, occasion)
    if occasion.person_id is not None and (occasion.similarity or 0.0) < (rule.threshold or -1.0):
        return Outcome.BELOW_THRESHOLD, _below(occasion.similarity, rule.threshold or 0.0)
    return None


def _is_about(rule: Rule, occasion: Occasion) -> bool:
    match rule.who:
        case Who.ANYONE:
            return True
        case Who.UNKNOWN:
            return occasion.person_id is None
        case Who.KNOWN:
            return occasion.person_id is not None
        case Who.PERSON:
            return occasion.person_id is not None and occasion.person_id == rule.subject
        case Who.GROUP:
            return rule.subject in occasion.groups


def _not_them(rule: Rule, occasion: Occasion) -> _Objection:
    if occasion.person_id is None and occasion.similarity is not None:
        return Outcome.BELOW_THRESHOLD, _below(occasion.similarity, occasion.threshold)
    return Outcome.NOT_THEM, f"It is about {whom(rule)}."


def _below(similarity: float | None, threshold: float) -> str:
    return f"Below the threshold: similarity {similarity or 0.0:.2f}, {threshold:.2f} is needed."


def _not_now(rule: Rule, occasion: Occasion, house: House) -> _Objection:
    if rule.hours and not any(period.covers(occasion.moment) for period in rule.hours):
        return Outcome.OUTSIDE_HOURS, "It is outside its hours."
    if any(period.covers(occasion.moment) for period in rule.quiet_hours):
        return Outcome.QUIET_HOURS, "These are its quiet hours."
    if rule.armed_only and not house.armed:
        return Outcome.DISARMED, "Face Server is disarmed."
    return None


def _muted(rule: Rule, occasion: Occasion, mutes: Iterable[Mute]) -> _Objection:
    ends = [mute.until for mute in mutes if _silences(mute, rule, occasion)]
    if not ends:
        return None
    until = max(ends).astimezone(occasion.moment.tzinfo)
    return Outcome.MUTED, f"Muted until {until:%d %B %Y, %H:%M %Z}."


def _silences(mute: Mute, rule: Rule, occasion: Occasion) -> bool:
    return (
        mute.until > occasion.moment
        and mute.rule_id in (None, rule.rule_id)
        and mute.camera_id in (None, occasion.camera_id)
        and mute.person_id in (None, occasion.person_id)
        and (mute.look is None or (occasion.person_id is None and same_stranger(mute.look, occasion.template)))
    )


def _cooling_down(rule: Rule, occasion: Occasion, told: Iterable[Told]) -> tuple[Outcome, str]:
    left = cooldown_left_s(rule, Told(occasion.person_id, occasion.template, occasion.moment), told)
    if left > 0:
        return Outcome.COOLDOWN, cooldown_in_words(left)
    return Outcome.FIRED, "It sends a message."


def cooldown_left_s(rule: Rule, news: Told, told: Iterable[Told]) -> float:
    """How many seconds a rule sends no other message about whom `news`, of now, is about; 0 where it may."""
    cooldown = timedelta(seconds=rule.cooldown_seconds)
    ends = [message.moment + cooldown for message in told if _is_same(message, news)]
    return max(((end - news.moment).total_seconds() for end in ends), default=0.0)


def cooldown_in_words(left_s: float) -> str:
    """Why a rule is silent whose cooldown runs."""
    return f"Told already; its cooldown has {max(1.0, left_s):.0f} s left."


def _is_same(message: Told, news: Told) -> bool:
    """Whether a message was about the same person, or about a stranger who looks the same."""
    if message.person_id is not None or news.person_id is not None:
        return message.person_id == news.person_id
    return same_stranger(message.template, news.template)


def same_stranger(one: Template, other: Template) -> bool:
    """Whether two strangers look like one person; under another model than before nobody does."""
    return one.model == other.model and one.similarity(other) >= SAME_STRANGER


_WHOM: Mapping[Who, str] = {
    Who.ANYONE: "anyone",
    Who.KNOWN: "anyone who is known",
    Who.UNKNOWN: "strangers",
}


def whom(rule: Rule) -> str:
    """Whom a rule is about, in words."""
    if rule.who is Who.GROUP:
        return f"the group {rule.subject}"
    return _WHOM.get(rule.who, str(rule.subject))
