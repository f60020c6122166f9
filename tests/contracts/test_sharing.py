"""What an engine promises who shares a model, held against the same model called directly."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.domain.errors import ModelError, ShuttingDown
from backend.vision.engine import InferenceEngine
from backend.vision.models import SFACE_INT8, prepare
from backend.vision.runtime import InferenceSession
from backend.vision.runtime_openvino import OpenVinoRuntime
from backend.vision.turns import SIZES, Images, Lane, Outputs, SharedModel

DEADLINE = 10.0
LANES: tuple[Lane, ...] = ("photos", "cameras")


class Steps:
    """A session that begins and ends each batch when told to, and answers each image with its sum."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self._begun = threading.Semaphore(0)
        self._go = threading.Semaphore(0)
        self.spoiled: float | None = None
        """A batch with this number fails."""

    def run(self, batch: Images) -> Outputs:
        self.batches.append(batch.sum(axis=(1, 2, 3)).tolist())
        self._begun.release()
        assert self._go.acquire(timeout=DEADLINE)
        if self.spoiled in self.batches[-1]:
            raise ModelError("spoiled")
        return {"sum": batch.sum(axis=(2, 3))}

    def wait_for_a_batch(self) -> None:
        assert self._begun.acquire(timeout=DEADLINE)

    def let_go(self, batches: int = 1) -> None:
        self._go.release(batches)


class Situation:
    """An engine with one held model, and callers who ask it about numbers."""

    def __init__(self, callers: ThreadPoolExecutor, streams: int = 1) -> None:
        self.engine, self.steps = InferenceEngine(), Steps()
        self._callers = callers
        self._model = SharedModel("embedder", self.steps, sizes=SIZES if streams == 1 else (1,), streams=streams)
        self._other = SharedModel("detector", self.steps)

    def begins(self, *numbers: float, lane: Lane = "cameras") -> Future[list[float]]:
        """A question for which there is room, which is being computed when this returns."""
        asked = self._callers.submit(self._answer, numbers, lane, self._model)
        self.steps.wait_for_a_batch()
        return asked

    def asks(self, *numbers: float, lane: Lane = "photos", other: bool = False) -> Future[list[float]]:
        """Another caller's question, perhaps to the other model; being computed or waiting when this returns."""
        before = self.engine.figures()
        asked = self._callers.submit(self._answer, numbers, lane, self._other if other else self._model)
        if before.models:
            until(lambda: self.engine.figures().waiting > before.waiting)
        else:
            # The first of all finds it free.
            self.steps.wait_for_a_batch()
        return asked

    def _answer(self, numbers: tuple[float, ...], lane: Lane, model: SharedModel) -> list[float]:
        images = np.array(numbers, np.float32).reshape(-1, 1, 1, 1)
        found: list[float] = self.engine.session(model, lane).run(images)["sum"].ravel().tolist()
        return found


def until(true: Callable[[], bool]) -> None:
    """Waits, politely, for what nobody announces."""
    tick = threading.Event()
    for _ in range(int(DEADLINE / 0.001)):
        if true():
            return
        tick.wait(0.001)
    pytest.fail("what was waited for did not happen")


@pytest.fixture
def situation() -> Iterator[Situation]:
    with ThreadPoolExecutor(8) as callers:
        drawn = Situation(callers)
        yield drawn
        drawn.steps.let_go(100)


def test_alone_a_caller_computes_in_its_own_thread_at_once() -> None:
    class Where:
        def run(self, batch: Images) -> Outputs:
            return {"thread": np.full(len(batch), threading.get_ident())}

    engine = InferenceEngine()
    session = engine.session(SharedModel("embedder", Where()), "photos")
    assert session.run(np.zeros((1, 1, 1, 1), np.float32))["thread"].tolist() == [threading.get_ident()]
    assert engine.figures().waiting == 0


def test_what_waits_is_computed_together(situation: Situation) -> None:
    first = situation.asks(1)
    others = [situation.asks(2), situation.asks(3, lane="cameras"), situation.asks(4), situation.asks(5)]
    situation.steps.let_go(2)
    assert first.result(DEADLINE) == [1]
    assert [other.result(DEADLINE) for other in others] == [[2], [3], [4], [5]]
    assert [len(batch) for batch in situation.steps.batches] == [1, 4]


def test_a_photo_is_in_the_next_batch_whatever_a_camera_has_waiting(situation: Situation) -> None:
    crowds = [situation.asks(*range(100, 140), lane="cameras"), situation.asks(*range(200, 240), lane="cameras")]
    photo = situation.asks(1)
    situation.steps.let_go()
    situation.steps.wait_for_a_batch()
    assert 1 in situation.steps.batches[1]
    situation.steps.let_go(100)
    assert photo.result(DEADLINE) == [1]
    assert [crowd.result(DEADLINE) for crowd in crowds] == [list(range(100, 140)), list(range(200, 240))]


def test_a_model_of_two_streams_computes_two_batches_at_once_and_no_third() -> None:
    with ThreadPoolExecutor(8) as callers:
        situation = Situation(callers, streams=2)
        both = [situation.begins(1), situation.begins(2)]
        third = situation.asks(3, lane="cameras")
        assert situation.steps.batches == [[1], [2]]
        situation.steps.let_go()
        situation.steps.wait_for_a_batch()
        assert situation.steps.batches == [[1], [2], [3]]
        situation.steps.let_go(2)
        assert [each.result(DEADLINE) for each in (*both, third)] == [[1], [2], [3]]


def test_another_model_has_the_cores_to_itself_and_its_turn_before_more_of_the_same() -> None:
    with ThreadPoolExecutor(8) as callers:
        situation = Situation(callers, streams=2)
        cameras = [situation.begins(1), situation.begins(2)]
        photo = situation.asks(10, other=True)
        cameras += [situation.asks(3, lane="cameras"), situation.asks(4, lane="cameras")]
        situation.steps.let_go()
        # One stream is free, and the photo waits for the other one; a camera that came later does not overtake it.
        until(lambda: any(camera.done() for camera in cameras))
        assert situation.engine.figures().waiting == 3
        situation.steps.let_go()
        situation.steps.wait_for_a_batch()
        assert situation.steps.batches[2:] == [[10]]
        situation.steps.let_go(3)
        assert photo.result(DEADLINE) == [10]
        assert [camera.result(DEADLINE) for camera in cameras] == [[1], [2], [3], [4]]


def test_stopping_waits_for_all_that_is_in_flight() -> None:
    with ThreadPoolExecutor(8) as callers:
        situation = Situation(callers, streams=2)
        both = [situation.begins(1), situation.begins(2)]
        stopping = threading.Thread(target=situation.engine.stop, args=(DEADLINE,))
        stopping.start()
        situation.steps.let_go()
        until(lambda: any(each.done() for each in both))
        assert stopping.is_alive()
        situation.steps.let_go()
        stopping.join(DEADLINE)
        assert [each.result(DEADLINE) for each in both] == [[1], [2]]


def test_an_error_reaches_those_whose_batch_it_was_and_nobody_else(situation: Situation) -> None:
    situation.steps.spoiled = 3
    first = situation.asks(1)
    second = [situation.asks(2), situation.asks(3)]
    situation.steps.let_go()
    situation.steps.wait_for_a_batch()
    third = situation.asks(4)
    situation.steps.let_go(2)
    assert first.result(DEADLINE) == [1]
    for failed in second:
        with pytest.raises(ModelError):
            failed.result(DEADLINE)
    assert third.result(DEADLINE) == [4]
    assert situation.engine.figures().waiting == 0


def test_stopping_turns_away_who_waits_and_lets_the_batch_in_flight_end(situation: Situation) -> None:
    in_flight, waiting = situation.asks(1), [situation.asks(2), situation.asks(3, lane="cameras")]
    stopping = threading.Thread(target=situation.engine.stop, args=(DEADLINE,))
    stopping.start()
    for turned_away in waiting:
        with pytest.raises(ShuttingDown):
            turned_away.result(DEADLINE)
    assert stopping.is_alive()
    situation.steps.let_go()
    assert in_flight.result(DEADLINE) == [1]
    stopping.join(DEADLINE)
    assert not stopping.is_alive()


def test_stopping_does_not_wait_longer_than_it_may(situation: Situation) -> None:
    crowd = situation.asks(*range(40))
    situation.engine.stop(timeout=0.01)
    situation.steps.let_go()
    with pytest.raises(ShuttingDown):
        crowd.result(DEADLINE)
    assert [len(batch) for batch in situation.steps.batches] == [16]


def test_a_stopped_engine_refuses_clearly() -> None:
    engine = InferenceEngine()
    session = engine.session(SharedModel("embedder", Steps()), "photos")
    engine.stop()
    with pytest.raises(ShuttingDown, match="shutting down"):
        session.run(np.zeros((1, 1, 1, 1), np.float32))


def test_an_interrupted_caller_holds_nobody_up() -> None:
    class Interrupted:
        def run(self, batch: Images) -> Outputs:
            if batch.max() > 0:
                raise KeyboardInterrupt
            return {"sum": batch}

    session = InferenceEngine().session(SharedModel("embedder", Interrupted()), "photos")
    with pytest.raises(KeyboardInterrupt):
        session.run(np.ones((1, 1, 1, 1), np.float32))
    assert session.run(np.zeros((1, 1, 1, 1), np.float32))["sum"].tolist() == [[[[0]]]]


def test_figures_say_what_was_done_and_what_waits(situation: Situation) -> None:
    asked = [situation.asks(1), situation.asks(2), situation.asks(3)]
    under_way = situation.engine.figures()
    assert (under_way.waiting, dict(under_way.models["embedder"].batches)) == (2, {1: 1})
    situation.steps.let_go(2)
    for each in asked:
        each.result(DEADLINE)
    figures = situation.engine.figures()
    embedder = figures.models["embedder"]
    assert figures.waiting == 0
    assert (embedder.requests, dict(embedder.batches)) == (3, {1: 1, 2: 1})
    assert embedder.seconds_waited > 0
    assert embedder.seconds_computed > 0


class Watched:
    """A session that notes the sizes it is given, and whether two batches ever met."""

    def __init__(self, session: InferenceSession) -> None:
        self.sizes: list[int] = []
        self.met = False
        self._session = session
        self._alone = threading.Lock()

    def run(self, batch: Images) -> Outputs:
        if not self._alone.acquire(blocking=False):
            self.met = True
            return {}
        try:
            self.sizes.append(len(batch))
            return self._session.run(batch)
        finally:
            self._alone.release()


def faces(seed: int, count: int) -> Images:
    return np.random.default_rng(seed).uniform(0, 255, (count, 3, 112, 112)).astype(np.float32)


def unit(outputs: Outputs) -> NDArray[np.float32]:
    (found,) = outputs.values()
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def test_callers_on_streams_of_their_own_get_what_the_model_alone_would_say(tmp_path: Path) -> None:
    runtime, file = OpenVinoRuntime(threads=2), prepare(SFACE_INT8, tmp_path)
    alone, shared = runtime.load(file), runtime.load(file, streams=2)
    engine, model = InferenceEngine(), SharedModel("embedder", shared, sizes=(1,), streams=2)
    asked = [faces(seed, 1) for seed in range(8)]
    with ThreadPoolExecutor(len(asked)) as callers:
        answers = list(callers.map(lambda images: unit(engine.session(model, "cameras").run(images)), asked))
    for found, images in zip(answers, asked, strict=True):
        np.testing.assert_allclose(found, unit(alone.run(images)), atol=1e-5)


def test_sixteen_callers_at_once_get_what_the_model_alone_would_say(tmp_path: Path) -> None:
    alone = OpenVinoRuntime().load(prepare(SFACE_INT8, tmp_path))
    counts = [1, 3, 1, 2, 1, 20, 1, 5, 1, 1, 2, 7, 1, 1, 4, 1]
    asked = [faces(seed, count) for seed, count in enumerate(counts)]
    expected = [np.concatenate([unit(alone.run(images[at : at + 1])) for at in range(len(images))]) for images in asked]
    watched, start = Watched(alone), threading.Barrier(len(counts))
    engine = InferenceEngine()
    model = SharedModel("embedder", watched)

    def answer(number: int) -> NDArray[np.float32]:
        start.wait(DEADLINE)
        return unit(engine.session(model, LANES[number % 2]).run(asked[number]))

    with ThreadPoolExecutor(len(counts)) as callers:
        answers = list(callers.map(answer, range(len(counts))))
    assert len(answers) == len(expected) == 16
    for found, wanted in zip(answers, expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert set(watched.sizes) <= set(SIZES)
    assert sum(watched.sizes) == sum(counts)
    assert not watched.met
