"""Who has a name that several faces in one picture claim?"""

from backend.cameras.naming import Claim, Loss, losses
from backend.domain.face import Template
from tests.unit.cameras.drawings import Cast

CAST = Cast(alike={"AB": 0.4})
ALICE = CAST.face("A", 0).template
BROTHER = CAST.face("B", 0).template


def _claim(
    track_id: int,
    similarity: float,
    *,
    looks: Template = ALICE,
    held: bool = False,
    seen: tuple[float, float] = (0, 10),
    name: str = "alice",
) -> Claim:
    return Claim(track_id, name, similarity, held, *seen, looks)


def test_one_face_has_the_name_it_claims() -> None:
    assert list(losses([_claim(1, 0.6)])) == []


def test_the_more_alike_face_has_the_name() -> None:
    assert list(losses([_claim(1, 0.6, looks=BROTHER), _claim(2, 0.8)])) == [Loss(1, "alice", is_reflection=False)]


def test_a_name_is_not_taken_for_a_trifle() -> None:
    claims = [_claim(1, 0.6, looks=BROTHER, held=True), _claim(2, 0.69)]
    assert list(losses(claims)) == [Loss(2, "alice", is_reflection=False)]


def test_a_name_is_taken_by_who_is_clearly_more_alike() -> None:
    claims = [_claim(1, 0.6, looks=BROTHER, held=True), _claim(2, 0.71)]
    assert list(losses(claims)) == [Loss(1, "alice", is_reflection=False)]


def test_a_mirror_image_never_takes_the_name_from_who_has_it() -> None:
    claims = [_claim(1, 0.6, held=True), _claim(2, 0.95)]
    assert list(losses(claims)) == [Loss(2, "alice", is_reflection=True)]


def test_of_equals_the_first_one_has_the_name() -> None:
    claims = [_claim(2, 0.6, looks=BROTHER, seen=(1, 10)), _claim(1, 0.6)]
    assert list(losses(claims)) == [Loss(2, "alice", is_reflection=False)]


def test_who_was_gone_before_the_other_came_takes_nothing_from_them() -> None:
    assert list(losses([_claim(1, 0.9, seen=(0, 4)), _claim(2, 0.6, seen=(5, 10))])) == []


def test_two_names_are_no_matter() -> None:
    assert list(losses([_claim(1, 0.6), _claim(2, 0.8, name="bob")])) == []
