"""Who is worth a message, where and when, and what every silence is called."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from backend.domain.face import Template
from backend.domain.rule import Judgement, Mute, Outcome, Period, Rule, Ruling, Who
from backend.notifications.rules import House, Occasion, Told, judge
from tests.unit.notifications.situations import NOON, a_look, a_rule

ALIKE = 60.0  # degrees: cosine 0.50
UNLIKE = 65.0  # degrees: cosine 0.42
SUNDAY = 6
EVERY_DAY = frozenset(range(7))
ARMED = House(armed=True, mutes=())
HOUR = timedelta(hours=1)


def an_occasion(person_id: str | None = "alice", **changed: object) -> Occasion:
    """Somebody at the front door on a Sunday at noon."""
    values: dict[str, object] = {
        "person_id": person_id,
        "groups": frozenset(),
        "camera_id": "front",
        "similarity": 0.7,
        "threshold": 0.5,
        "template": a_look(),
        "moment": NOON,
    }
    return Occasion(**(values | changed))  # type: ignore[arg-type]  # the fields' own types, mixed in one dict


def told(person_id: str | None, look: Template | None = None, seconds_ago: float = 60.0) -> Told:
    return Told(person_id, look or a_look(), NOON - timedelta(seconds=seconds_ago))


def judged(rule: Rule, occasion: Occasion, *before: Told, house: House = ARMED) -> Judgement:
    return judge([rule], occasion, house, lambda _: before).decisive


def muting(**parts: object) -> House:
    values: dict[str, object] = {"mute_id": "mute", "until": NOON + HOUR}
    return House(armed=True, mutes=(Mute(**(values | parts)),))  # type: ignore[arg-type]  # the fields' own types


@pytest.mark.parametrize(
    ("who", "subject", "person_id", "fires"),
    [
        (Who.ANYONE, None, "alice", True),
        (Who.ANYONE, None, None, True),
        (Who.KNOWN, None, "alice", True),
        (Who.KNOWN, None, None, False),
        (Who.UNKNOWN, None, "alice", False),
        (Who.UNKNOWN, None, None, True),
        (Who.PERSON, "alice", "alice", True),
        (Who.PERSON, "bob", "alice", False),
        (Who.PERSON, "alice", None, False),
        (Who.GROUP, "family", "alice", True),
        (Who.GROUP, "post", "alice", False),
        (Who.GROUP, "family", None, False),
    ],
)
def test_a_rule_is_about_those_it_names(who: Who, subject: str | None, person_id: str | None, fires: bool) -> None:
    groups = frozenset({"family"}) if person_id else frozenset()
    judgement = judged(a_rule(who=who, subject=subject), an_occasion(person_id, groups=groups))
    assert (judgement.outcome is Outcome.FIRED) is fires


def test_a_rule_that_fires_names_its_channels() -> None:
    assert judged(a_rule("phone", "siren"), an_occasion()).channel_ids == ("phone", "siren")


def test_a_rule_for_another_camera_is_silent() -> None:
    assert judged(a_rule(camera_id="garden"), an_occasion()).outcome is Outcome.NOT_HERE


def test_a_rule_that_is_switched_off_or_names_no_channel_says_so() -> None:
    assert judged(a_rule(enabled=False), an_occasion()).reason == "It is switched off."
    assert judged(a_rule(channel_ids=()), an_occasion()).reason == "It names no channel."


def test_a_stranger_near_a_person_is_below_the_threshold() -> None:
    judgement = judged(a_rule(who=Who.KNOWN), an_occasion(None, similarity=0.41))
    assert judgement.outcome is Outcome.BELOW_THRESHOLD
    assert "similarity 0.41, 0.50 is needed" in judgement.reason


def test_a_rule_may_ask_for_more_likeness_than_the_camera() -> None:
    rule = a_rule(threshold=0.6)
    assert judged(rule, an_occasion(similarity=0.59)).outcome is Outcome.BELOW_THRESHOLD
    assert judged(rule, an_occasion(similarity=0.6)).outcome is Outcome.FIRED


@pytest.mark.parametrize(
    ("days", "begins", "ends", "covered"),
    [
        ({SUNDAY}, time(12), time(13), True),
        ({SUNDAY}, time(11), time(12), False),
        ({0}, time(12), time(13), False),
        ({5}, time(22), time(13), True),
        ({SUNDAY}, time(22), time(13), False),
        ({SUNDAY}, time(11), time(6), True),
        ({SUNDAY}, time(0), time(0), True),
    ],
)
def test_hours_hold_on_their_days_and_over_midnight(days: set[int], begins: time, ends: time, covered: bool) -> None:
    period = Period(frozenset(days), begins, ends)
    assert (judged(a_rule(hours=(period,)), an_occasion()).outcome is Outcome.FIRED) is covered
    quiet = judged(a_rule(quiet_hours=(period,)), an_occasion()).outcome
    assert quiet is (Outcome.QUIET_HOURS if covered else Outcome.FIRED)


def test_hours_are_those_of_the_given_zone() -> None:
    summer_night = datetime(2026, 7, 1, 21, 30, tzinfo=UTC).astimezone(ZoneInfo("Europe/Zurich"))
    rule = a_rule(hours=(Period(EVERY_DAY, time(23), time(6)),))
    assert judged(rule, an_occasion(moment=summer_night)).outcome is Outcome.FIRED


@pytest.mark.parametrize(
    ("moment", "begins", "ends", "covered"),
    [
        # Summer time ends: there are two hours of two o'clock.
        ("2026-10-25T00:30:00Z", time(2), time(3), True),
        ("2026-10-25T01:30:00Z", time(2), time(3), True),
        ("2026-10-25T02:00:00Z", time(2), time(3), False),
        ("2026-10-25T04:59:00Z", time(22), time(6), True),
        # It begins: there is none.
        ("2027-03-28T00:59:00Z", time(22), time(2, 30), True),
        ("2027-03-28T01:00:00Z", time(22), time(2, 30), False),
        ("2027-03-28T03:59:00Z", time(22), time(6), True),
        ("2027-03-28T04:00:00Z", time(22), time(6), False),
    ],
)
def test_hours_go_by_the_clock_on_the_wall_when_summer_time_ends_or_begins(
    moment: str, begins: time, ends: time, covered: bool
) -> None:
    rule = a_rule(hours=(Period(EVERY_DAY, begins, ends),))
    local = datetime.fromisoformat(moment).astimezone(ZoneInfo("Europe/Berlin"))
    assert (judged(rule, an_occasion(moment=local)).outcome is Outcome.FIRED) is covered


def test_a_disarmed_house_silences_the_rules_that_count_only_while_it_is_armed() -> None:
    disarmed = House(armed=False, mutes=())
    assert judged(a_rule(), an_occasion(), house=disarmed).outcome is Outcome.DISARMED
    assert judged(a_rule(armed_only=False), an_occasion(), house=disarmed).outcome is Outcome.FIRED


@pytest.mark.parametrize(
    ("parts", "silent"),
    [
        ({}, True),
        ({"person_id": "alice"}, True),
        ({"person_id": "bob"}, False),
        ({"camera_id": "front"}, True),
        ({"camera_id": "garden"}, False),
        ({"rule_id": "rule"}, True),
        ({"rule_id": "another"}, False),
        ({"person_id": "alice", "camera_id": "garden"}, False),
        ({"until": NOON}, False),
        ({"look": a_look()}, False),
    ],
)
def test_a_mute_silences_what_all_its_parts_name(parts: dict[str, object], silent: bool) -> None:
    outcome = judged(a_rule(), an_occasion(), house=muting(**parts)).outcome
    assert outcome is (Outcome.MUTED if silent else Outcome.FIRED)


@pytest.mark.parametrize(("degrees", "outcome"), [(ALIKE, Outcome.MUTED), (UNLIKE, Outcome.FIRED)])
def test_a_mute_by_look_silences_the_strangers_who_look_so(degrees: float, outcome: Outcome) -> None:
    assert judged(a_rule(), an_occasion(None), house=muting(look=a_look(degrees))).outcome is outcome


def test_a_mute_says_until_when() -> None:
    assert "13:00 UTC" in judged(a_rule(), an_occasion(), house=muting()).reason


def test_a_person_already_told_is_not_told_again_however_different_they_look() -> None:
    judgement = judged(a_rule(cooldown_seconds=103), an_occasion(), told("alice", a_look(180.0)))
    assert (judgement.outcome, judgement.reason) == (Outcome.COOLDOWN, "Told already; its cooldown has 43 s left.")


def test_a_cooldown_ends() -> None:
    assert judged(a_rule(cooldown_seconds=60), an_occasion(), told("alice")).outcome is Outcome.FIRED


def test_one_person_told_does_not_silence_another_who_looks_the_same() -> None:
    rule = a_rule(cooldown_seconds=3600)
    assert judged(rule, an_occasion("alice"), told("bob"), told(None)).outcome is Outcome.FIRED
    assert judged(rule, an_occasion(None), told("alice")).outcome is Outcome.FIRED


@pytest.mark.parametrize(("degrees", "outcome"), [(ALIKE, Outcome.COOLDOWN), (UNLIKE, Outcome.FIRED)])
def test_a_stranger_alike_one_already_told_is_the_same_stranger(degrees: float, outcome: Outcome) -> None:
    before = (told(None, a_look(180.0)), told(None, a_look(degrees)))
    assert judged(a_rule(cooldown_seconds=3600), an_occasion(None), *before).outcome is outcome


def test_strangers_told_under_another_model_are_not_compared() -> None:
    before = told(None, a_look(model="older"))
    assert judged(a_rule(cooldown_seconds=3600), an_occasion(None), before).outcome is Outcome.FIRED


def test_without_a_rule_the_reason_is_that_there_is_none() -> None:
    assert judge([], an_occasion(), ARMED, lambda _: ()).decisive.outcome is Outcome.NO_RULE


def test_the_decisive_rule_is_the_one_that_came_nearest_to_a_message() -> None:
    rules = [a_rule(rule_id="far", camera_id="garden"), a_rule(rule_id="near", cooldown_seconds=90)]
    ruling = judge(rules, an_occasion(), ARMED, lambda _: [told("alice")])
    assert ruling.decisive.rule_id == "near"
    assert ruling.fired == ()


def test_a_channel_of_two_rules_is_told_once_for_both() -> None:
    rules = [a_rule("phone", rule_id="one"), a_rule("phone", "siren", rule_id="two")]
    ruling: Ruling = judge(rules, an_occasion(), ARMED, lambda _: ())
    assert ruling.rules_of_channels == {"phone": ("one", "two"), "siren": ("two",)}
