"""Whom a sighting is told to, with what the database remembers, and what is noted of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backend.domain.camera import Camera
from backend.domain.clock import Clock, utc_now
from backend.domain.identity import Candidate, Decision, Verdict
from backend.domain.notification import ChannelKind
from backend.domain.rule import Mute, Outcome, Rule, Who
from backend.domain.sighting import Evidence, Sighting
from backend.notifications.routing import Router
from backend.storage import channels, mutes, outbox, people, rules, rulings, sightings
from backend.storage.ids import new_id
from tests.unit.notifications.situations import Home, MovedClock, a_camera, a_home, a_look, a_rule, a_sighting

EVIDENCE = Evidence(Decision(Verdict.MATCH, 0.5, (Candidate("alice", 0.71),)), a_look(), 3, 0.8)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with a_home(tmp_path) as home:
        yield home


def told(home: Home, sighting: Sighting, camera: Camera, clock: Clock = utc_now) -> Sequence[str]:
    """Write a sighting as a camera does; answers the channels that are told of it."""
    with home.database.write() as tx:
        sightings.add(tx, sighting, a_look())
        Router(None, clock).tell(tx, sighting, EVIDENCE, camera)
        return [delivery.channel_id for delivery in outbox.of_sighting(tx, sighting.sighting_id)]


def deliver(home: Home, moment: datetime | None = None) -> None:
    """Have the oldest waiting message of each channel taken, now or at another moment."""
    with home.database.write() as tx:
        for head in outbox.heads(tx):
            outbox.delivered(tx, head.delivery_id, None, None, moment or datetime.now(UTC))


def outcome(home: Home, sighting: Sighting) -> Outcome:
    with home.database.read() as tx:
        return rulings.of_sighting(tx, sighting.sighting_id)[-1].ruling.decisive.outcome


def keep(home: Home, *kept: Rule) -> None:
    """Write rules whose channels are there."""
    with home.database.write() as tx:
        for rule in kept:
            made = [channels.add(tx, ChannelKind.TELEGRAM, {}, name) for name in rule.channel_ids]
            rules.add(tx, replace(rule, channel_ids=tuple(made)))


def test_a_camera_without_a_channel_tells_nobody_and_says_that_there_is_no_rule(home: Home) -> None:
    sighting = a_sighting("alice")
    assert told(home, sighting, a_camera(None)) == []
    assert outcome(home, sighting) is Outcome.NO_RULE


def test_a_person_is_told_to_the_cameras_channel(home: Home) -> None:
    assert told(home, a_sighting("alice"), a_camera("phone")) == ["phone"]


@pytest.mark.parametrize("notify_unknown", [False, True])
def test_a_camera_tells_of_strangers_where_it_is_asked_to(home: Home, notify_unknown: bool) -> None:
    camera = a_camera("phone", notify_unknown=notify_unknown)
    assert bool(told(home, a_sighting(None), camera)) is notify_unknown


def test_a_person_told_within_the_cooldown_is_not_told_again_by_this_camera(home: Home) -> None:
    home.see("alice", "phone")
    deliver(home)
    assert told(home, a_sighting("alice"), a_camera("phone")) == []
    assert told(home, a_sighting("bob"), a_camera("phone")) == ["phone"]


def test_a_message_that_waits_starts_no_cooldown(home: Home) -> None:
    home.see("alice", "phone")
    assert told(home, a_sighting("alice"), a_camera("phone")) == ["phone"]


def test_the_cooldown_runs_from_when_the_channel_took_the_message(home: Home) -> None:
    home.see("alice", "phone")
    clock = MovedClock(utc_now())
    deliver(home, clock.now - timedelta(seconds=3550))
    sighting = a_sighting("alice")
    assert told(home, sighting, a_camera("phone"), clock) == []
    with home.database.read() as tx:
        assert rulings.of_sighting(tx, sighting.sighting_id)[-1].ruling.decisive.reason.endswith("50 s left.")
    assert told(home, a_sighting("alice"), a_camera("phone", cooldown_seconds=3500)) == ["phone"]


def test_another_camera_has_its_own_cooldown(home: Home) -> None:
    home.see("alice", "phone", camera_id="garden")
    deliver(home)
    assert told(home, a_sighting("alice"), a_camera("phone")) == ["phone"]


def test_a_rule_for_any_camera_has_one_cooldown_for_all(home: Home) -> None:
    keep(home, a_rule(cooldown_seconds=3600))
    garden = a_camera(None, camera_id="garden")
    assert len(told(home, a_sighting("alice"), a_camera(None))) == 1
    deliver(home)
    assert told(home, a_sighting("alice", camera_id="garden"), garden) == []


def test_without_a_cooldown_every_visit_is_told(home: Home) -> None:
    home.see("alice", "phone")
    deliver(home)
    assert told(home, a_sighting("alice"), a_camera("phone", cooldown_seconds=0)) == ["phone"]


def test_a_message_that_failed_starts_no_cooldown(home: Home) -> None:
    home.see("alice", "phone")
    with home.database.write() as tx:
        (delivery,) = outbox.heads(tx)
        outbox.failed(tx, delivery.delivery_id, "chat not found")
    assert told(home, a_sighting("alice"), a_camera("phone")) == ["phone"]


def test_a_channel_that_two_rules_name_gets_one_message_that_counts_for_both(home: Home) -> None:
    with home.database.write() as tx:
        phone = channels.add(tx, ChannelKind.TELEGRAM, {}, "phone")
        for rule_id in ("one", "two"):
            rules.add(tx, a_rule(phone, rule_id=rule_id, cooldown_seconds=3600))
    assert told(home, a_sighting("alice"), a_camera(None)) == [phone]
    deliver(home)
    now = datetime.now(UTC) - timedelta(minutes=1)
    with home.database.read() as tx:
        assert [len(outbox.sent_since(tx, rule_id, now)) for rule_id in ("one", "two")] == [1, 1]


def test_a_visit_that_gets_its_name_later_is_still_one_message_for_each_channel(home: Home) -> None:
    sighting = a_sighting(None)
    camera = a_camera("phone", notify_unknown=True)
    told(home, sighting, camera)
    with home.database.write() as tx:
        assert Router(None).tell(tx, replace(sighting, person_id="alice"), EVIDENCE, camera)
        assert len(rulings.of_sighting(tx, sighting.sighting_id)) == 2
    assert len(home.told()) == 1


def test_a_visit_that_comes_to_resemble_its_person_enough_for_a_rule_is_told_then(home: Home) -> None:
    keep(home, a_rule(threshold=0.8))
    sighting, camera = a_sighting("alice", similarity=0.7), a_camera(None)
    assert told(home, sighting, camera) == []
    for similarity, telling in ((0.75, False), (0.85, True), (0.9, False)):
        with home.database.write() as tx:
            risen = replace(sighting, similarity=similarity)
            assert Router(None).tell(tx, risen, EVIDENCE, camera, risen=True) is telling
    assert len(home.told()) == 1
    with home.database.read() as tx:
        assert [record.ruling.decisive.outcome for record in rulings.of_sighting(tx, sighting.sighting_id)] == [
            Outcome.BELOW_THRESHOLD,
            Outcome.FIRED,
        ]


def test_a_group_is_that_of_the_person_as_enrolled(home: Home) -> None:
    keep(home, a_rule(who=Who.GROUP, subject="family"))
    with home.database.write() as tx:
        people.add(tx, "alice")
        (alice,) = people.all_with_counts(tx)
        people.describe(tx, replace(alice, groups=("family", "choir"), display_name="Alice", note="sings"))
        (described,) = people.all_with_counts(tx)
    assert (described.groups, described.display_name, described.note) == (("choir", "family"), "Alice", "sings")
    assert len(told(home, a_sighting("alice"), a_camera(None))) == 1
    assert told(home, a_sighting("bob"), a_camera(None)) == []


def test_a_disarmed_house_is_silent_until_it_is_armed(home: Home) -> None:
    for armed, channel_ids in ((False, []), (True, ["phone"])):
        with home.database.write() as tx:
            rules.arm(tx, armed=armed)
        assert told(home, a_sighting("alice"), a_camera("phone")) == channel_ids


def test_a_mute_that_is_kept_silences(home: Home) -> None:
    with home.database.write() as tx:
        mutes.add(tx, Mute(new_id(), datetime.now(UTC) + timedelta(hours=1), look=a_look()))
        mutes.add(tx, Mute(new_id(), datetime.now(UTC) - timedelta(hours=1)))
    camera = a_camera("phone", notify_unknown=True)
    stranger = a_sighting(None)
    assert told(home, stranger, camera) == []
    assert outcome(home, stranger) is Outcome.MUTED
    assert told(home, a_sighting("alice"), camera) == ["phone"]


def test_why_is_kept_as_it_was_decided(home: Home) -> None:
    sighting = a_sighting("alice")
    told(home, sighting, a_camera("phone"))
    with home.database.read() as tx:
        (record,) = rulings.of_sighting(tx, sighting.sighting_id)
    assert (record.decision, record.looks, record.quality) == (EVIDENCE.decision, 3, 0.8)
    assert record.ruling.decisive.rule_name == "Front door"


def test_rules_are_kept_as_they_were_written(home: Home) -> None:
    with home.database.write() as tx:
        phone = channels.add(tx, ChannelKind.TELEGRAM, {}, "phone")
        rule = a_rule(phone, who=Who.PERSON, subject="alice", threshold=0.6, cooldown_seconds=5)
        rules.add(tx, rule)
        changed = replace(rule, name="Other", enabled=False)
        rules.change(tx, changed)
        assert rules.find(tx, "rule") == changed
        assert rules.remove(tx, "rule")
        assert not rules.remove(tx, "rule")


def test_a_channel_of_a_name_stays_and_a_cameras_own_goes_with_it(home: Home) -> None:
    with home.database.write() as tx:
        named = channels.add(tx, ChannelKind.TELEGRAM, {}, "phone")
        nameless = channels.add(tx, ChannelKind.TELEGRAM, {})
        channels.remove_unused(tx)
    assert home.has_channel(named)
    assert not home.has_channel(nameless)
