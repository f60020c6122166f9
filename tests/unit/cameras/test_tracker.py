"""Whose face is it from one picture to the next? Each situation is drawn: see drawings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.cameras.tracker import Tracker
from backend.domain.geometry import Box
from tests.unit.cameras.drawings import MOMENT, Cast, followed, moments


def test_somebody_who_walks_past_is_one_track() -> None:
    assert followed("""
        A.........
        ..A.......
        ....A.....
        ......A...
        ........A.
        """) == {"A": [1]}


def test_two_who_cross_keep_their_tracks() -> None:
    assert followed("""
        A.........B
        ..A.....B..
        ....A.B....
        .....BA....
        ...B....A..
        .B........A
        """) == {"A": [1], "B": [2]}


def test_two_who_cross_while_one_hides_the_other_keep_their_tracks() -> None:
    assert followed("""
        A.........B
        ..A.....B..
        ....A.B....
        .....A..... x3
        ....B.A....
        ..B.....A..
        """) == {"A": [1], "B": [2]}


def test_two_who_cross_with_their_faces_turned_away_go_on_as_they_went() -> None:
    assert followed("""
        A.............B
        ..A.........B..
        ....a.....b....
        ......a.b......
        ......ba.......
        ....b.....a....
        ..B.........A..
        """) == {"A": [1], "B": [2]}


def test_two_who_look_like_one_another_stay_apart() -> None:
    assert followed(
        """
        A......B
        ..A..B..
        ...AB...
        ..BA....
        .B..A...
        B.....A.
        """,
        Cast(alike={"AB": 0.6}),
    ) == {"A": [1], "B": [2]}


def test_somebody_and_their_mirror_image_are_two_tracks_that_never_swap() -> None:
    assert followed(
        """
        A.........B
        ..A.....B..
        ...A...B...
        ...A...B... x5
        ..A.....B..
        A.........B
        """,
        Cast(alike={"AB": 0.84}),
    ) == {"A": [1], "B": [2]}


@pytest.mark.parametrize("gone", ["a... x20", ".... x24"], ids=["turned away", "hidden"])
def test_a_face_that_is_lost_for_less_than_five_seconds_goes_on(gone: str) -> None:
    assert followed(f"""
        A... x3
        {gone}
        A... x3
        """) == {"A": [1]}


def test_a_face_that_comes_back_in_another_place_goes_on() -> None:
    assert followed("""
        A.................. x3
        ................... x20
        ..................A x3
        """) == {"A": [1]}


def test_a_face_that_is_lost_for_longer_than_five_seconds_is_another_track() -> None:
    assert followed("""
        A... x3
        .... x25
        A... x3
        """) == {"A": [1, 2]}


def test_a_face_that_comes_back_turned_away_is_known_again_once_it_looks_up() -> None:
    assert followed("""
        A... x3
        .... x10
        a... x2
        A... x3
        """) == {"A": [1, 2, 1]}


def test_whoever_steps_into_the_place_of_another_is_a_new_track() -> None:
    assert followed("""
        .A. x3
        .B. x3
        """) == {"A": [1], "B": [2]}


def test_a_cut_to_another_scene_begins_new_tracks() -> None:
    assert followed("""
        A.....B x3
        C.....D x3
        """) == {"A": [1], "B": [2], "C": [3], "D": [4]}


def test_one_odd_picture_does_not_break_a_track() -> None:
    assert followed("""
        .A. x3
        .X.
        .A. x3
        """) == {"A": [1], "X": [2]}


def test_one_blurred_picture_does_not_break_a_track() -> None:
    assert followed("""
        .A. x3
        .a.
        .A. x3
        """) == {"A": [1]}


def test_somebody_who_comes_from_afar_blurred_is_one_track() -> None:
    assert followed("""
        a... x4
        .a..
        .A.. x3
        """) == {"A": [1]}


def test_people_who_enter_and_leave_one_after_the_other_are_a_track_each() -> None:
    assert followed("""
        A...........
        ..A.........
        ....A.......
        B.....A.....
        ..B.....A...
        ....B.....A.
        ......B.....
        C.......B...
        ..C.......B.
        """) == {"A": [1], "B": [2], "C": [3]}


def test_a_runner_is_followed_by_looks_where_the_place_says_nothing() -> None:
    assert followed("""
        A...................
        .......A............
        ..............A.....
        """) == {"A": [1]}


@given(st.lists(st.lists(st.sampled_from(".ABCabc"), max_size=8), min_size=1, max_size=12))
def test_two_faces_of_one_picture_are_never_one_track(drawn: list[list[str]]) -> None:
    lines = ["".join(line) or "." for line in drawn]
    tracker = Tracker()
    for number, faces in enumerate(moments("\n".join(lines))):
        track_ids = tracker.update(list(faces.values()), number * MOMENT)
        assert len(set(track_ids)) == len(faces)


def _at(*lines: str) -> Tracker:
    """A tracker that was told of a drawing."""
    tracker = Tracker()
    for number, faces in enumerate(moments("\n".join(lines))):
        tracker.update(list(faces.values()), number * MOMENT)
    return tracker


def _by_place(tracker: Tracker, line: str, moment: float) -> dict[str, int]:
    (faces,) = moments(line)
    found = tracker.by_place([face.detection for face in faces.values()], moment)
    return {list(faces)[position]: track_id for position, track_id in found.items()}


def test_the_place_alone_tells_who_stands_apart_from_others() -> None:
    assert _by_place(_at("A.......B", "A.......B"), "a.......b", 0.4) == {"a": 1, "b": 2}


def test_the_place_alone_tells_who_walks_at_an_even_pace() -> None:
    assert _by_place(_at("A......", ".A.....", "..A....", "...A..."), "....a..", 0.8) == {"a": 1}


@pytest.mark.parametrize(
    ("before", "now", "moment"),
    [
        ("A.....", "a.b...", 0.2),  # somebody stands beside
        ("A.B...", "a.....", 0.2),  # somebody stood beside
        ("A.....", "....a.", 0.2),  # another place
        ("A.....", "a.....", 0.8),  # a while ago
        ("A.....", "......", 0.2),  # nobody
    ],
)
def test_the_place_alone_tells_nothing_where_it_could_be_somebody_else(before: str, now: str, moment: float) -> None:
    assert _by_place(_at(before), now, moment) == {}


def test_a_track_that_is_kept_by_its_place_is_not_in_a_second_place() -> None:
    tracker = _at("A...")
    tracker.keep(1, Box(0, 100, 100, 120), 0.2)
    (faces,) = moments("A...")
    assert tracker.update(list(faces.values()), 0.2) == [2]


def test_a_track_that_is_kept_by_its_place_does_not_end() -> None:
    tracker = _at("A...")
    for number in range(1, 40):
        tracker.keep(1, Box(0, 100, 100, 120), number * MOMENT)
    assert tracker.ended(40 * MOMENT) == []
    assert tracker.ended(39 * MOMENT + 5.1) == [1]
    assert tracker.is_idle
