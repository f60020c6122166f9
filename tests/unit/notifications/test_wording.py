"""Rules as sentences."""

from datetime import time

import pytest

from backend.domain.rule import Period, Rule, Who
from backend.notifications.wording import sentence
from tests.unit.notifications.situations import a_rule

NIGHTS = Period(frozenset(range(7)), time(22), time(6))
WEEKEND = Period(frozenset({5, 6}), time(12), time(13, 30))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (a_rule(), "Tell Phone about anyone at any camera, while armed."),
        (
            a_rule("phone", "siren", who=Who.UNKNOWN, camera_id="front", hours=(NIGHTS,), cooldown_seconds=3600),
            "Tell Phone and Siren about strangers at FrontDoor, every day 22:00–06:00, while armed, "
            "at most once in 1 hour for each person.",
        ),
        (
            a_rule(who=Who.GROUP, subject="family", quiet_hours=(WEEKEND,), armed_only=False, cooldown_seconds=90),
            "Tell Phone about the group family at any camera, but not Sat Sun 12:00–13:30, armed or not, "
            "at most once in 90 seconds for each person.",
        ),
        (
            a_rule("gone", who=Who.PERSON, subject="alice", camera_id="gone", threshold=0.6, enabled=False),
            "Tell a removed channel about alice at a removed camera, while armed, from similarity 0.60 (switched off).",
        ),
    ],
)
def test_a_rule_reads_as_a_sentence(rule: Rule, words: str) -> None:
    assert sentence(rule, {"front": "FrontDoor"}, {"phone": "Phone", "siren": "Siren"}) == words
