"""Whose turn it is, and who shares it: drawn situations, no threads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.vision.runtime import InferenceSession
from backend.vision.turns import SIZES, Batch, Call, FairQueue, Images, Lane, Outputs, SharedModel, shared_out


class Doubling:
    """A session that answers each number with its double."""

    def run(self, batch: Images) -> Outputs:
        return {"doubled": batch[:, 0, 0] * 2}


SESSION: InferenceSession = Doubling()
EMBEDDER = SharedModel("embedder", SESSION)
DETECTOR = SharedModel("detector", SESSION, sizes=(1,))


def call(faces: int, lane: Lane = "photos", model: SharedModel = EMBEDDER, side: int = 1) -> Call:
    return Call(model, lane, np.arange(faces, dtype=np.float32).reshape(-1, 1, 1, 1).repeat(side, axis=3))


def queue_of(*calls: Call) -> FairQueue:
    queue = FairQueue()
    for each in calls:
        queue.add(each)
    return queue


def turn(queue: FairQueue) -> Batch:
    """The next batch, taken, computed and handed out."""
    head = queue.head()
    assert head is not None
    batch = queue.take(head)
    batch.hand_out(batch.computed())
    queue.end_turn(batch)
    return batch


def shares(batch: Batch) -> list[tuple[Call, int]]:
    return [(each, len(images)) for each, images in batch.parts]


def test_who_comes_first_is_first() -> None:
    first, second = call(1, model=DETECTOR), call(1, model=DETECTOR)
    queue = queue_of(first, second)
    assert [turn(queue).head, turn(queue).head] == [first, second]
    assert queue.head() is None


def test_a_photo_waits_for_one_turn_of_the_cameras_at_most() -> None:
    cameras = [call(1, "cameras", DETECTOR) for _ in range(8)]
    queue = queue_of(*cameras)
    in_flight = queue.take(cameras[0])
    photo = call(1, "photos", DETECTOR)
    queue.add(photo)
    in_flight.hand_out(in_flight.computed())
    queue.end_turn(in_flight)
    assert turn(queue).head is photo


def test_photos_without_end_leave_the_cameras_every_second_turn() -> None:
    queue = queue_of(
        *(call(1, "photos", DETECTOR) for _ in range(5)), *(call(1, "cameras", DETECTOR) for _ in range(5))
    )
    lanes = [turn(queue).head.lane for _ in range(10)]
    assert lanes == ["photos", "cameras"] * 5


def test_a_crowd_goes_behind_who_came_during_its_turn() -> None:
    crowd = call(40)
    queue = queue_of(crowd)
    in_flight = queue.take(crowd)
    newcomer = call(1, model=DETECTOR)
    queue.add(newcomer)
    in_flight.hand_out(in_flight.computed())
    queue.end_turn(in_flight)
    assert turn(queue).head is newcomer
    assert turn(queue).head is crowd


def test_everybody_has_one_face_in_a_batch_before_anybody_has_two() -> None:
    crowd, single, pair = call(40), call(1, "cameras"), call(2)
    assert shares(turn(queue_of(crowd, single, pair))) == [(crowd, 13), (single, 1), (pair, 2)]


def test_whose_turn_it_is_has_its_face_in_the_batch_however_many_wait() -> None:
    calls = [call(1) for _ in range(20)]
    batch = turn(queue_of(*calls))
    assert batch.size == 16
    assert batch.head is calls[0]


def test_what_a_batch_leaves_over_is_computed_in_smaller_ones() -> None:
    queue = queue_of(call(7))
    assert [turn(queue).size for _ in range(3)] == [4, 2, 1]


@pytest.mark.parametrize("other", [call(1, model=DETECTOR), call(1, side=2)], ids=["model", "image size"])
def test_what_cannot_be_computed_together_is_not(other: Call) -> None:
    queue = queue_of(call(1), other)
    assert [turn(queue).size, turn(queue).head] == [1, other]


def test_a_call_has_its_answers_in_order_and_no_others() -> None:
    calls = [call(11), call(3, "cameras"), call(16)]
    queue = queue_of(*calls)
    while queue.head() is not None:
        turn(queue)
    for each, faces in zip(calls, (11, 3, 16), strict=True):
        assert each.is_over
        assert each.answer()["doubled"].ravel().tolist() == [2 * face for face in range(faces)]


def test_a_call_that_is_over_waits_no_more() -> None:
    gone = call(20)
    queue = queue_of(gone)
    batch = queue.take(gone)
    gone.end()
    batch.hand_out(batch.computed())
    queue.end_turn(batch)
    assert len(queue) == 0


def test_no_images_are_no_call() -> None:
    with pytest.raises(ValueError, match="no images"):
        call(0)


@given(wanted=st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_shares_fill_a_size_evenly(wanted: list[int]) -> None:
    shares = shared_out(wanted, SIZES)
    assert sum(shares) in SIZES
    assert sum(shares) > min(sum(wanted), SIZES[-1]) / 2
    assert all(share <= most for share, most in zip(shares, wanted, strict=True))
    assert shares[0] > 0
    unsated = [share for share, most in zip(shares, wanted, strict=True) if share < most]
    assert max(shares) - min(unsated, default=max(shares)) <= 1
