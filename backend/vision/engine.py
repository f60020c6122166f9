"""The one inference engine: whoever wants a model's answers takes turns here, in batches with others.

It has no thread of its own. Who finds it free computes at once, in its own thread; who finds it busy waits, and what
waits for the same model meanwhile becomes one batch. So a caller alone is delayed by nothing, and a batch grows only by
waiting that had to be anyway. One batch is computed at a time, over all cores: two at once would take each other's.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from backend.domain.errors import ModelError, ShuttingDown
from backend.vision.runtime import InferenceSession
from backend.vision.turns import Batch, Call, FairQueue, Images, Lane, Outputs, SharedModel, Word


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """What was computed by one model since the start."""

    requests: int
    """Calls that were begun."""
    batches: Mapping[int, int]
    """How many batches of each size were computed."""
    seconds_waited: float
    """By all calls together, before the first of their images was computed."""
    seconds_computed: float


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """What the engine does and did, at one moment."""

    waiting: int
    """Calls that wait for their turn, or for another one."""
    models: Mapping[str, ModelFigures]
    """By the model's name."""


class InferenceEngine:
    """Gives the callers of several models their turns; safe to use from any thread."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Begin free; `clock` gives seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._freed = threading.Condition(self._lock)
        self._queue = FairQueue()
        self._leader: Call | None = None
        self._stopped = False
        self._tallies: dict[str, _Tally] = {}

    def session(self, model: SharedModel, lane: Lane) -> InferenceSession:
        """The model as callers of one lane use it: they wait for their turn, and need not know of each other.

        It raises ModelError where the batch failed that held the caller's images, and ShuttingDown after `stop`.
        """
        self._tallies.setdefault(model.name, _Tally())
        return _LaneSession(self, model, lane)

    def figures(self) -> EngineFigures:
        """What the engine does and did."""
        with self._lock:
            models = {name: tally.figures() for name, tally in self._tallies.items()}
            return EngineFigures(len(self._queue), MappingProxyType(models))

    def stop(self, timeout: float | None = None) -> None:
        """Turn away who comes and who waits, and wait for the batch in flight, `timeout` seconds at most."""
        with self._lock:
            self._stopped = True
            for call in self._queue.clear():
                call.end(ShuttingDown())
            self._freed.wait_for(lambda: self._leader is None, timeout)

    def compute(self, model: SharedModel, lane: Lane, images: Images) -> Outputs:
        """The model's outputs for the images; see `session`."""
        call = Call(model, lane, images, self._clock())
        try:
            self._enter(call)
            while call.told() is Word.TURN:
                self._take_turn(call)
        finally:
            self._leave(call)
        return call.answer()

    def _enter(self, call: Call) -> None:
        with self._lock:
            if self._stopped:
                raise ShuttingDown
            self._queue.add(call)
            if self._leader is None:
                self._pass_on()

    def _leave(self, call: Call) -> None:
        """Even where its thread was interrupted a call must not be waited for."""
        with self._lock:
            call.end()
            self._queue.discard(call)
            if self._leader is call:
                self._pass_on()

    def _pass_on(self) -> None:
        self._leader = self._queue.head()
        if self._leader is None:
            self._freed.notify_all()
        else:
            self._leader.tell(Word.TURN)

    def _take_turn(self, call: Call) -> None:
        """Compute the batch that the call heads, and pass the turn on."""
        batch = self._next_batch(call)
        if batch is None:
            return
        began = self._clock()
        try:
            outputs = batch.computed()
        except BaseException as error:
            failed = ModelError("The model failed to compute a batch of images.", model=call.model.name)
            failed.__cause__ = error
            self._end_turn(batch, began, partial(batch.fail, failed))
            raise
        self._end_turn(batch, began, partial(batch.hand_out, outputs))

    def _next_batch(self, call: Call) -> Batch | None:
        with self._lock:
            if call.is_over:  # the engine was stopped after the call was told of its turn
                return None
            batch = self._queue.take(call)
            self._tallies[call.model.name].begin(batch, self._clock())
            return batch

    def _end_turn(self, batch: Batch, began: float, settle: Callable[[], None]) -> None:
        with self._lock:
            self._tallies[batch.head.model.name].seconds_computed += self._clock() - began
            settle()
            if self._stopped:
                batch.fail(ShuttingDown())
            self._queue.end_turn(batch)
            self._pass_on()


@dataclass(frozen=True, slots=True)
class _LaneSession:
    """A model as callers of one lane use it: an InferenceSession."""

    engine: InferenceEngine
    model: SharedModel
    lane: Lane

    def run(self, batch: Images) -> Outputs:
        """The outputs by name."""
        return self.engine.compute(self.model, self.lane, batch)


class _Tally:
    """Counts for one model, under the engine's lock."""

    def __init__(self) -> None:
        self.requests = 0
        self.batches: Counter[int] = Counter()
        self.seconds_waited = 0.0
        self.seconds_computed = 0.0

    def begin(self, batch: Batch, now: float) -> None:
        self.batches[batch.size] += 1
        for call in batch.begun:
            self.requests += 1
            self.seconds_waited += now - call.entered

    def figures(self) -> ModelFigures:
        return ModelFigures(
            self.requests, MappingProxyType(dict(self.batches)), self.seconds_waited, self.seconds_computed
        )
