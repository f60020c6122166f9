"""Which pictures are decoded and looked at."""

import random
from itertools import pairwise

import pytest

from backend.cameras.pacing import Effort, Pacing


def played(
    pacing: Pacing, *, fps: float, keyframe_every: int, seconds: float, jitter: float = 0.0, start: float = 100.0
) -> tuple[list[Effort], list[float]]:
    """The effort for each packet of a stream, and when its pictures were looked at."""
    chance = random.Random(1)  # noqa: S311  # jitter guards nothing
    efforts, looks = [], []
    for number in range(round(fps * seconds)):
        moment = start + number / fps + chance.uniform(0, jitter)
        effort = pacing.effort(number % keyframe_every == 0, moment)
        efforts.append(effort)
        if effort is not Effort.NOTHING and pacing.is_due(moment):
            pacing.take(moment)
            looks.append(moment)
    return efforts, looks


@pytest.mark.parametrize(("fps", "jitter"), [(25, 0.0), (25, 0.03), (10, 0.05), (15, 0.04), (30, 0.02)])
def test_five_looks_a_second_are_taken_evenly_whatever_the_cameras_rate(fps: float, jitter: float) -> None:
    _, looks = played(Pacing(5), fps=fps, keyframe_every=25, seconds=20, jitter=jitter)
    assert len(looks) == pytest.approx(100, abs=2)
    gaps = [later - earlier for earlier, later in pairwise(looks)]
    assert max(gaps) < 0.2 + 1 / fps + jitter


def test_a_slow_camera_is_looked_at_as_often_as_it_sends() -> None:
    _, looks = played(Pacing(5), fps=2, keyframe_every=4, seconds=10)
    assert len(looks) == 20


def test_pictures_between_looks_are_decoded_only_where_others_build_on_them() -> None:
    efforts, looks = played(Pacing(5), fps=25, keyframe_every=50, seconds=4)
    assert Effort.NOTHING not in efforts
    assert efforts.count(Effort.PICTURE) == pytest.approx(len(looks), abs=2)


def test_keyframes_alone_are_decoded_once_they_come_often_enough() -> None:
    efforts, looks = played(Pacing(1), fps=25, keyframe_every=25, seconds=20, jitter=0.01)
    settled = efforts[100:]
    assert settled.count(Effort.PICTURE) == pytest.approx(16, abs=1)
    assert Effort.REFERENCE not in settled
    assert len(looks) == pytest.approx(20, abs=1)


def test_of_pictures_that_all_stand_alone_only_those_that_are_looked_at_are_decoded() -> None:
    efforts, looks = played(Pacing(5), fps=25, keyframe_every=1, seconds=10)
    assert efforts.count(Effort.PICTURE) == pytest.approx(len(looks), abs=4)
    assert len(looks) == pytest.approx(50, abs=2)


def test_when_keyframes_become_rare_everything_is_decoded_from_the_next_one_on() -> None:
    pacing = Pacing(1)
    played(pacing, fps=25, keyframe_every=25, seconds=10)
    efforts, _ = played(pacing, fps=25, keyframe_every=250, seconds=10, start=110.0)
    assert efforts[1:25] == [Effort.NOTHING] * 24
    later, _ = played(pacing, fps=25, keyframe_every=250, seconds=10, start=120.0)
    assert Effort.NOTHING not in later


def test_after_a_pause_the_looks_are_counted_anew_and_none_is_made_up_for() -> None:
    pacing = Pacing(5)
    played(pacing, fps=25, keyframe_every=25, seconds=2)
    _, looks = played(pacing, fps=25, keyframe_every=25, seconds=2, start=200.0)
    assert len(looks) == pytest.approx(10, abs=1)
    assert looks[1] - looks[0] > 0.1
