"""Why a sighting was told or not, in words: every reason that there is, the looks, and each attempt."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from backend.domain.identity import Candidate, Decision, Verdict
from backend.domain.notification import Attempt, ChannelKind
from backend.domain.rule import Mute, Outcome, Period, Rule, Who
from backend.domain.sighting import Evidence
from backend.notifications.routing import Router
from backend.notifications.trace import Trace, trace_of
from backend.storage import channels, mutes, outbox, rules, sightings
from backend.storage.ids import new_id
from tests.unit.notifications.situations import NOON, Home, a_camera, a_home, a_look, a_rule, a_sighting

KNOWN = Decision(Verdict.MATCH, 0.5, (Candidate("alice", 0.71), Candidate("bob", 0.3)))
STRANGER = Decision(Verdict.UNKNOWN, 0.5, (Candidate("alice", 0.41), Candidate("bob", 0.3)))
ALWAYS = Period(frozenset(range(7)), time(0), time(0))
NEVER = Period(frozenset(), time(0), time(0))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with a_home(tmp_path) as home:
        yield home


def traced(home: Home, *kept: Rule, decision: Decision = KNOWN, qualities: tuple[float, ...] = ()) -> Trace:
    """Have somebody pass at noon in a home with these rules; answers the trace."""
    similarity = decision.similarity or 0.0
    sighting = a_sighting(decision.person_id, similarity=similarity)
    with home.database.write() as tx:
        for rule in kept:
            phone = channels.add(tx, ChannelKind.TELEGRAM, {}, "phone")
            rules.add(tx, replace(rule, channel_ids=(phone,) if rule.channel_ids else ()))
        sightings.add(tx, sighting, a_look())
        evidence = Evidence(decision, a_look(), 3, 0.8, qualities)
        Router(UTC, lambda: NOON).tell(tx, sighting, evidence, a_camera(None))
    return trace_of(home.database, sighting.sighting_id, UTC)


@pytest.mark.parametrize(
    ("rule", "decision", "outcome", "words"),
    [
        (a_rule(who=Who.KNOWN), STRANGER, Outcome.BELOW_THRESHOLD, "similarity 0.41, 0.50 is needed."),
        (a_rule(threshold=0.8), KNOWN, Outcome.BELOW_THRESHOLD, "similarity 0.71, 0.80 is needed."),
        (a_rule(hours=(NEVER,)), KNOWN, Outcome.OUTSIDE_HOURS, "It is outside its hours."),
        (a_rule(quiet_hours=(ALWAYS,)), KNOWN, Outcome.QUIET_HOURS, "These are its quiet hours."),
        (a_rule(enabled=False), KNOWN, Outcome.DISABLED, "It is switched off."),
        (a_rule(camera_id="garden"), KNOWN, Outcome.NOT_HERE, "It is for another camera."),
        (a_rule(who=Who.PERSON, subject="bob"), KNOWN, Outcome.NOT_THEM, "It is about bob."),
        (a_rule(), KNOWN, Outcome.FIRED, "It sends a message."),
    ],
)
def test_what_a_rule_made_of_it_is_told(
    home: Home, rule: Rule, decision: Decision, outcome: Outcome, words: str
) -> None:
    trace = traced(home, rule, decision=decision)
    assert trace.rulings[0].ruling.decisive.outcome is outcome
    assert trace.words[1].startswith("Rule “Everybody”: ")
    assert trace.words[1].endswith(words)


def test_without_a_rule_it_says_so(home: Home) -> None:
    trace = traced(home)
    assert trace.rulings[0].ruling.decisive.outcome is Outcome.NO_RULE
    assert trace.words[1:] == ("There is no rule for this camera.",)


def test_a_disarmed_house_says_so(home: Home) -> None:
    with home.database.write() as tx:
        rules.arm(tx, armed=False)
    trace = traced(home, a_rule())
    assert trace.rulings[0].ruling.decisive.outcome is Outcome.DISARMED
    assert trace.words[1] == "Rule “Everybody”: Face Server is disarmed."


def test_a_mute_says_until_when(home: Home) -> None:
    with home.database.write() as tx:
        mutes.add(tx, Mute(new_id(), NOON + timedelta(hours=1), person_id="alice"))
    trace = traced(home, a_rule())
    assert trace.rulings[0].ruling.decisive.outcome is Outcome.MUTED
    assert trace.words[1] == "Rule “Everybody”: Muted until 22 November 2026, 13:00 UTC."


def test_a_cooldown_says_what_is_left_of_it(home: Home) -> None:
    with home.database.write() as tx:
        before = a_sighting("alice")
        sightings.add(tx, before, a_look())
        outbox.add(tx, before.sighting_id, "phone", ["rule"], NOON - timedelta(seconds=90))
        outbox.delivered(tx, outbox.heads(tx)[0].delivery_id, None, None, NOON - timedelta(seconds=60))
    trace = traced(home, a_rule(cooldown_seconds=103))
    assert trace.rulings[0].ruling.decisive.outcome is Outcome.COOLDOWN
    assert trace.words[1] == "Rule “Everybody”: Told already; its cooldown has 43 s left."


def test_it_tells_similarity_threshold_margin_and_the_quality_of_each_look(home: Home) -> None:
    trace = traced(home, qualities=(0.81, 0.78, 0.4))
    assert trace.rulings[0].qualities == (0.81, 0.78, 0.4)
    assert trace.words[0] == (
        "12:00:05: It is alice: similarity 0.71, 0.21 above the threshold 0.50, 0.41 ahead of bob "
        "(3 looks of quality 0.81, 0.78, 0.40)."
    )


def test_of_many_looks_those_that_count_are_told(home: Home) -> None:
    trace = traced(home, qualities=(0.81, 0.78), decision=STRANGER)
    assert "nearest is alice: similarity 0.41, 0.09 below the threshold 0.50" in trace.words[0]
    assert trace.words[0].endswith("(3 looks; those that count are of quality 0.81, 0.78).")


def test_a_sighting_of_an_earlier_release_tells_its_best_look(home: Home) -> None:
    assert traced(home).words[0].endswith("(3 looks, the best of quality 0.80).")


def test_each_attempt_is_told_and_what_waits(home: Home) -> None:
    trace = traced(home, a_rule())
    (delivery,) = trace.deliveries
    ended = datetime(2026, 11, 22, 12, 0, 7, tzinfo=UTC)
    with home.database.write() as tx:
        outbox.note_attempt(tx, Attempt(delivery.delivery_id, NOON, ended, "delayed", "It was away."))
        outbox.delayed(tx, delivery.delivery_id, "It was away.", ended + timedelta(seconds=2))
    assert trace_of(home.database, trace.sighting.sighting_id, UTC).words[2:] == (
        "12:00:07: phone: delayed. It was away.",
        "The message to phone waits; it is tried at 12:00:09, after those before it.",
    )
