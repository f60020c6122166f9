"""Thresholds from one's own gallery."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from backend.domain.face import Template
from backend.evaluation.calibration import (
    CAMERA_MARGIN,
    ENOUGH_SEARCHES,
    ENOUGH_STRANGERS,
    HIGHEST,
    Calibration,
    Enrolled,
    LeftOut,
    LookAlike,
    Stranger,
    Weakness,
    calibrate,
    left_out,
    usual_threshold,
    weaknesses,
)
from backend.gallery.index import ExactIndex

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def template(*embedding: float) -> Template:
    vector = np.array(embedding, np.float32)
    return Template(vector / np.float32(np.linalg.norm(vector)), "toy")


def enrolled(person_id: str, *embedding: float, quality: float = 0.9) -> Enrolled:
    return Enrolled(person_id, template(*embedding), quality)


GALLERY = (
    enrolled("alice", 1, 0, 0),
    enrolled("alice", 0.8, 0.6, 0),
    enrolled("bob", 0, 1, 0),
    enrolled("carol", 0, 0, 1),
)


def findings(
    own: Sequence[float] = (),
    others: Sequence[float] = (),
    strangers: Sequence[float] = (),
    a_week: float = 0.0,
    in_use: float = 0.0,
) -> Calibration:
    """A calibration with these scores, in a gallery of two people."""
    found = [LeftOut("alice", score, "bob", -math.inf) for score in own]
    found += [LeftOut("alice", -math.inf, "bob", score) for score in others]
    return Calibration(2, len(found), found, np.array(strangers, np.float64), a_week, in_use)


def test_each_photo_is_searched_for_in_the_gallery_without_it() -> None:
    found = list(left_out(GALLERY, ExactIndex.of))
    assert [entry.person_id for entry in found] == ["alice", "alice", "bob", "carol"]
    assert [entry.own for entry in found] == pytest.approx([0.8, 0.8, -math.inf, -math.inf])
    assert [entry.other_id for entry in found][1:3] == ["bob", "alice"]
    assert [entry.other for entry in found] == pytest.approx([0, 0.6, 0.6, 0])


def test_somebody_alone_resembles_nobody_else() -> None:
    (found,) = left_out([enrolled("alice", 1, 0)], ExactIndex.of)
    assert found == LeftOut("alice", -math.inf, None, -math.inf)


def test_strangers_are_searched_for_in_the_whole_gallery() -> None:
    index = ExactIndex.of((entry.person_id, entry.template.embedding) for entry in GALLERY)
    strangers = [Stranger(template(0, 0.6, 0.8), MONDAY), Stranger(template(0, 0, 1), MONDAY + timedelta(days=14))]
    calibration = calibrate(left_out(GALLERY, ExactIndex.of), len(index.people), strangers, index, 0.48)
    assert calibration.stranger_scores.tolist() == pytest.approx([0.8, 1.0])
    assert calibration.strangers_a_week == pytest.approx(1)
    assert (calibration.people, calibration.templates) == (3, 4)


def test_what_a_threshold_costs_can_be_told() -> None:
    calibration = findings(own=(0.4, 0.7, 0.8, 0.9), strangers=[0.2] * 90 + [0.55] * 10, a_week=50)
    assert calibration.missed(0.5) == 0.25
    assert calibration.mistaken(0.5) == pytest.approx(0.1)
    assert calibration.alerts_a_week(0.5) == pytest.approx(5)


def test_what_has_not_happened_yet_may_still_happen() -> None:
    calibration = findings(strangers=[0.2] * 100, a_week=50)
    assert calibration.mistaken(0.5) == pytest.approx(0.03)
    assert calibration.alerts_a_week(0.5) == pytest.approx(1.5)
    assert findings(strangers=[0.2]).mistaken(0.5) == 1


def test_of_nothing_nothing_is_said() -> None:
    calibration = findings()
    assert math.isnan(calibration.missed(0.5))
    assert math.isnan(calibration.mistaken(0.5))
    assert math.isnan(calibration.alerts_a_week(0.5))


def test_few_searches_do_not_lower_the_usual_threshold_but_may_raise_it() -> None:
    usual = math.ceil(usual_threshold(2) * 100) / 100
    assert findings().identify_threshold() == usual
    assert findings(others=[0.1] * 20).identify_threshold() == usual
    assert findings(others=[0.1] * 19 + [0.425]).identify_threshold() == pytest.approx(0.43)


@pytest.mark.parametrize(
    ("others", "strangers", "photos", "cameras"),
    [
        (0, 0, False, False),
        (ENOUGH_SEARCHES, 0, False, False),  # of two people
        (ENOUGH_SEARCHES, ENOUGH_STRANGERS - 2, False, False),
        (ENOUGH_SEARCHES, ENOUGH_STRANGERS - 1, True, False),
        (ENOUGH_SEARCHES, ENOUGH_STRANGERS, True, True),
        (0, ENOUGH_SEARCHES - 1, False, False),
        (0, ENOUGH_SEARCHES, True, True),
    ],
)
def test_below_what_is_in_use_only_with_enough_to_judge_by(
    others: int, strangers: int, *, photos: bool, cameras: bool
) -> None:
    calibration = findings(others=[0.1] * others, strangers=[0.1] * strangers, a_week=strangers, in_use=0.48)
    assert (calibration.identify_threshold() < 0.48) == photos
    assert (calibration.camera_threshold(1, 0.5) < 0.5) == cameras


def test_with_little_to_judge_by_what_is_in_use_stays_or_rises() -> None:
    little = findings(others=[0.1] * 20, in_use=0.9)
    assert (little.identify_threshold(), little.camera_threshold(1, 0.5)) == (0.9, 0.5)
    alike = findings(others=[0.1] * 19 + [0.605], in_use=0.48)
    assert (alike.identify_threshold(), alike.camera_threshold(1, 0.5)) == pytest.approx((0.61, 0.63))


def test_many_searches_speak_for_themselves() -> None:
    strangers = [0.2] * 990 + [0.451] * 6 + [0.6] * 4
    assert findings(strangers=strangers).identify_threshold() == pytest.approx(0.31, abs=0.011)
    assert findings(strangers=[*strangers, *strangers, 0.452]).identify_threshold() == pytest.approx(0.46)


def test_no_threshold_is_recommended_that_nobody_would_pass() -> None:
    assert findings(others=[0.95] * 10).identify_threshold() == HIGHEST


def test_where_no_stranger_has_passed_yet_a_camera_is_stricter_than_a_photo_all_the_same() -> None:
    calibration = findings(own=(0.7, 0.8), others=(0.2, 0.3))
    assert calibration.camera_threshold(1, 0.0) == pytest.approx(calibration.identify_threshold() + CAMERA_MARGIN)


def test_a_camera_is_stricter_than_a_photo_and_the_stricter_the_more_strangers_pass() -> None:
    strangers = [0.2] * 900 + [0.451] * 80 + [0.581] * 20
    quiet, busy = (findings(strangers=strangers, a_week=a_week) for a_week in (5, 500))
    assert busy.identify_threshold() == pytest.approx(0.59)
    assert quiet.camera_threshold(1, 0.0) == pytest.approx(quiet.identify_threshold() + CAMERA_MARGIN)
    assert findings().camera_threshold(1, 0.0) == pytest.approx(findings().identify_threshold() + CAMERA_MARGIN)
    loose = [0.2] * 990 + [0.451] * 10
    assert findings(strangers=loose, a_week=500).camera_threshold(1, 0.0) == pytest.approx(0.46)
    assert findings(strangers=loose, a_week=50).camera_threshold(1, 0.0) < 0.4


def test_look_alike_are_named_once_with_their_nearest_photos() -> None:
    found = [
        LeftOut("dave", 0.8, "carol", 0.5),
        LeftOut("carol", 0.8, "dave", 0.55),
        LeftOut("carol", 0.8, "bob", 0.1),
        LeftOut("alice", 0.8, None, -math.inf),
    ]
    calibration = Calibration(4, 4, found, np.empty(0), 0.0, 0.0)
    assert calibration.look_alike() == [LookAlike("carol", "dave", 0.55)]


def test_people_with_few_poor_or_odd_photos_are_named() -> None:
    gallery = [
        *(enrolled("alice", 1, 0, 0) for _ in range(3)),
        *(enrolled("bob", 0, 1, 0, quality=0.4) for _ in range(3)),
        enrolled("carol", 0, 0, 1),
        *(enrolled("dave", *embedding) for embedding in ((1, 1, 1), (1, 1, 1), (-1, -1, 0.5))),
    ]
    index = ExactIndex.of((entry.person_id, entry.template.embedding) for entry in gallery)
    calibration = calibrate(left_out(gallery, ExactIndex.of), 4, [], index, 0.48)
    assert [weakness for weakness in weaknesses(gallery, calibration) if weakness.person_id != "dave"] == [
        Weakness("bob", "poor photos: quality 0.40 on average"),
        Weakness("carol", "1 of at least 3 photos"),
    ]
    (odd,) = (weakness for weakness in weaknesses(gallery, calibration) if weakness.person_id == "dave")
    assert odd.reason.startswith("1 of 3 photos unlike the others")


def test_the_usual_threshold_rises_with_the_gallery() -> None:
    assert usual_threshold(5) == pytest.approx(0.339, abs=0.005)
    assert usual_threshold(1559) == pytest.approx(0.473, abs=0.005)
    assert usual_threshold(0) > 0.3
