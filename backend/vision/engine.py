"""The one inference engine: whoever wants a model's answers takes turns here, in batches with others.

It has no thread of its own. Who finds it free computes at once, in its own thread; who finds it busy waits, and what
waits for the same model meanwhile becomes one batch. So a caller alone is delayed by nothing, and a batch grows only by
waiting that had to be anyway. One batch is computed at a time, over all cores: two at once would take each other's. But
a model that has several streams computes so many of its batches side by side, a core each.
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
from backend.vision.turns import Batch, Call, FairQueue, Images, Lane, Outputs, SharedModel


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
        self._turns: dict[Call, Batch] = {}
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
        """Turn away who comes and who waits, and wait for what is in flight, `timeout` seconds at most."""
        with self._lock:
            self._stopped = True
            for call in self._queue.clear():
                call.end(ShuttingDown())
            self._freed.wait_for(lambda: not self._turns, timeout)

    def compute(self, model: SharedModel, lane: Lane, images: Images) -> Outputs:
        """The model's outputs for the images; see `session`."""
        call = Call(model, lane, images, self._clock())
        try:
            self._enter(call)
            while (turn := call.turn()) is not None:
                self._take(turn)
        finally:
            self._leave(call)
        return call.answer()

    def _enter(self, call: Call) -> None:
        with self._lock:
            if self._stopped:
                raise ShuttingDown
            self._queue.add(call)
            self._pass_on()

    def _leave(self, call: Call) -> None:
        """Even where its thread was interrupted a call must not be waited for."""
        with self._lock:
            call.end()
            self._queue.discard(call)
            untaken = self._turns.pop(call, None)
            if untaken is not None:
                untaken.fail(ModelError("Whoever was to compute a batch of images was interrupted."))
            self._pass_on()

    def _pass_on(self) -> None:
        """Begin the turns for which there is room."""
        while (head := self._queue.head()) is not None and self._has_room_for(head.model):
            turn = self._queue.take(head)
            self._tallies[head.model.name].begin(turn, self._clock())
            self._turns[head] = turn
            head.begin(turn)
        if not self._turns:
            self._freed.notify_all()

    def _has_room_for(self, model: SharedModel) -> bool:
        return all(head.model is model for head in self._turns) and len(self._turns) < model.streams

    def _take(self, batch: Batch) -> None:
        """Compute a batch, and pass the turn on."""
        began = self._clock()
        try:
            outputs = batch.computed()
        except BaseException as error:
            failed = ModelError("The model failed to compute a batch of images.", model=batch.head.model.name)
            failed.__cause__ = error
            self._end_turn(batch, began, partial(batch.fail, failed))
            raise
        self._end_turn(batch, began, partial(batch.hand_out, outputs))

    def _end_turn(self, batch: Batch, began: float, settle: Callable[[], None]) -> None:
        with self._lock:
            self._tallies[batch.head.model.name].seconds_computed += self._clock() - began
            del self._turns[batch.head]
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
