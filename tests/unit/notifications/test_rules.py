"""Who is worth a message."""

import pytest

from backend.domain.face import Template
from backend.notifications.rules import should_tell
from tests.unit.notifications.situations import a_look

ALIKE = 60.0  # degrees: cosine 0.50
UNLIKE = 65.0  # degrees: cosine 0.42
Told = list[tuple[str | None, Template]]


@pytest.mark.parametrize("notify_unknown", [False, True])
def test_a_known_person_is_told_whether_or_not_strangers_are(notify_unknown: bool) -> None:
    assert should_tell("alice", a_look(), [], notify_unknown=notify_unknown)


def test_a_person_already_told_is_not_told_again_however_different_they_look() -> None:
    assert not should_tell("alice", a_look(180.0), [("alice", a_look())], notify_unknown=True)


def test_one_person_told_does_not_silence_another_who_looks_the_same() -> None:
    told: Told = [("bob", a_look()), (None, a_look())]
    assert should_tell("alice", a_look(), told, notify_unknown=False)


def test_a_stranger_is_told_only_where_strangers_are_asked_for() -> None:
    assert should_tell(None, a_look(), [], notify_unknown=True)
    assert not should_tell(None, a_look(), [], notify_unknown=False)


def test_a_stranger_alike_one_already_told_is_the_same_stranger() -> None:
    told: Told = [(None, a_look(180.0)), (None, a_look(ALIKE))]
    assert not should_tell(None, a_look(), told, notify_unknown=True)


def test_a_stranger_unlike_those_told_is_another_one() -> None:
    assert should_tell(None, a_look(), [(None, a_look(UNLIKE))], notify_unknown=True)


def test_a_stranger_alike_a_known_person_already_told_is_still_told() -> None:
    assert should_tell(None, a_look(), [("alice", a_look())], notify_unknown=True)


def test_strangers_told_under_another_model_are_not_compared() -> None:
    told: Told = [(None, a_look(model="older"))]
    assert should_tell(None, a_look(), told, notify_unknown=True)
