"""A rule as one sentence that a person can check."""

from collections.abc import Iterable, Mapping

from backend.domain.rule import Period, Rule
from backend.notifications.rules import whom

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def sentence(rule: Rule, camera_names: Mapping[str, str], channel_names: Mapping[str, str]) -> str:
    """What a rule does, such as "Tell phone about strangers at FrontDoor, Sat Sun 22:00–06:00, while armed."."""
    channels = " and ".join(channel_names.get(channel_id, "a removed channel") for channel_id in rule.channel_ids)
    parts = [f"Tell {channels or 'nobody'} about {whom(rule)} at {_place(rule, camera_names)}"]
    if rule.hours:
        parts.append(periods_in_words(rule.hours))
    if rule.quiet_hours:
        parts.append(f"but not {periods_in_words(rule.quiet_hours)}")
    parts.append("while armed" if rule.armed_only else "armed or not")
    if rule.threshold is not None:
        parts.append(f"from similarity {rule.threshold:.2f}")
    if rule.cooldown_seconds:
        parts.append(f"at most once in {span_in_words(rule.cooldown_seconds)} for each person")
    return ", ".join(parts) + ("." if rule.enabled else " (switched off).")


def periods_in_words(periods: Iterable[Period]) -> str:
    """Such as "Sat Sun 22:00–06:00 and every day 12:00–13:00"."""
    return " and ".join(f"{_days(period)} {period.begins:%H:%M}–{period.ends:%H:%M}" for period in periods)


def span_in_words(seconds: int) -> str:
    """A number of seconds in the largest unit that needs no fraction, such as "90 minutes"."""
    length, unit = next((length, unit) for length, unit in _UNITS if seconds % length == 0)
    count = seconds // length
    return f"{count} {unit}" + ("" if count == 1 else "s")


def _place(rule: Rule, camera_names: Mapping[str, str]) -> str:
    return "any camera" if rule.camera_id is None else camera_names.get(rule.camera_id, "a removed camera")


def _days(period: Period) -> str:
    return "every day" if len(period.days) == len(_DAYS) else " ".join(_DAYS[day] for day in sorted(period.days))
