"""Rules: who, where and when is worth a message, to which channels, and what silences them."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from backend.domain.face import Template


class Who(StrEnum):
    """Whom a rule is about."""

    ANYONE = "anyone"
    KNOWN = "known"
    UNKNOWN = "unknown"
    PERSON = "person"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Period:
    """Hours of some days of the week; one that ends no later than it begins lasts into the next day."""

    days: frozenset[int]
    """The days on which it begins, 0 Monday to 6 Sunday."""
    begins: time
    ends: time

    def covers(self, moment: datetime) -> bool:
        """Whether a moment, told in the zone that the period is meant in, lies in it."""
        clock, today = moment.time(), moment.weekday()
        if self.begins < self.ends:
            return today in self.days and self.begins <= clock < self.ends
        yesterday = (moment - timedelta(days=1)).weekday()
        return (today in self.days and clock >= self.begins) or (yesterday in self.days and clock < self.ends)


@dataclass(frozen=True, slots=True)
class Rule:
    """Who × where × when → channels."""

    rule_id: str
    """A rule that is made for a camera has the camera's id."""
    name: str
    who: Who
    subject: str | None
    """The person's id or the group's name, where the rule is about one."""
    camera_id: str | None
    """None for any camera."""
    channel_ids: tuple[str, ...]
    hours: tuple[Period, ...] = ()
    """When it counts; empty for always."""
    quiet_hours: tuple[Period, ...] = ()
    """When it does not count, though its hours say so."""
    armed_only: bool = True
    """Whether it is silent while the house is disarmed."""
    threshold: float | None = None
    """The similarity that a known person must have, beyond the camera's own threshold."""
    cooldown_seconds: int = 0
    """After a message about somebody, how long the rule sends no other about them."""
    enabled: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Mute:
    """Silence until a time, for what all its parts name; a part that is None names everything."""

    mute_id: str
    until: datetime
    rule_id: str | None = None
    camera_id: str | None = None
    person_id: str | None = None
    look: Template | None = None
    """Strangers who look like this."""


class Outcome(StrEnum):
    """What a rule made of a sighting, from the farthest from a message to the message itself."""

    NO_RULE = "no_rule"
    DISABLED = "disabled"
    NOT_HERE = "not_here"
    NOT_THEM = "not_them"
    BELOW_THRESHOLD = "below_threshold"
    OUTSIDE_HOURS = "outside_hours"
    QUIET_HOURS = "quiet_hours"
    DISARMED = "disarmed"
    MUTED = "muted"
    COOLDOWN = "cooldown"
    FIRED = "fired"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one rule made of one sighting, and why."""

    rule_id: str | None
    """None where there is no rule at all."""
    rule_name: str
    outcome: Outcome
    reason: str
    """In words."""
    channel_ids: tuple[str, ...] = ()
    """Those to tell; empty unless it fired."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What all rules together made of one sighting."""

    judgements: tuple[Judgement, ...]

    @property
    def fired(self) -> tuple[Judgement, ...]:
        """The rules that send a message."""
        return tuple(judgement for judgement in self.judgements if judgement.outcome is Outcome.FIRED)

    @property
    def decisive(self) -> Judgement:
        """The rule that fired, or the one that came nearest to it."""
        order = list(Outcome)
        return max(self.judgements, key=lambda judgement: order.index(judgement.outcome))

    @property
    def rules_of_channels(self) -> dict[str, tuple[str, ...]]:
        """Which channels are to be told, each with the ids of the rules that say so."""
        told: dict[str, tuple[str, ...]] = {}
        for judgement in self.fired:
            for channel_id in judgement.channel_ids:
                told[channel_id] = (*told.get(channel_id, ()), str(judgement.rule_id))
        return told
