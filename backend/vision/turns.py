"""Whose images are computed next, and together with whose: the order of an engine's work, without its threads."""

import itertools
import queue
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import FaceServerError
from backend.vision.runtime import InferenceSession

Lane: TypeAlias = Literal["photos", "cameras", "background"]
"""Who asks; `background` is what nobody waits for. Lanes have turns alternately, however many callers wait in each."""
Images: TypeAlias = NDArray[np.float32]
"""Images × channels × height × width."""
Outputs: TypeAlias = Mapping[str, NDArray[np.float32]]
"""A model's outputs by name, each with one row for each image."""

SIZES: Final = (1, 2, 4, 8, 16)
"""How many images are computed at once: an engine keeps memory for every size that it has seen."""


@dataclass(frozen=True, slots=True, eq=False)
class SharedModel:
    """A loaded model that several callers use."""

    name: str
    """What it does, for figures: "embedder"."""
    session: InferenceSession
    sizes: tuple[int, ...] = SIZES
    """The batch sizes that the session is given, ascending, the first of them 1."""
    streams: int = 1
    """How many batches the session computes at once."""


class Call:
    """What one caller wants of one model; changed under the engine's lock alone."""

    def __init__(self, model: SharedModel, lane: Lane, images: Images, entered: float = 0.0) -> None:
        """Ask `model` about at least one image; `entered` is when, on the engine's clock."""
        if not len(images):
            raise ValueError("a batch of no images was to be computed")
        self.model: Final = model
        self.shape: Final = images.shape[1:]
        self.lane: Final = lane
        self.entered: Final = entered
        self.is_over = False
        self._images = images
        self._taken = 0
        self._answers: list[Outputs] = []
        self._error: FaceServerError | None = None
        self._turns: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()

    @property
    def is_begun(self) -> bool:
        """Whether some of its images were computed."""
        return bool(self._answers)

    @property
    def left(self) -> int:
        """How many images were not taken yet."""
        return len(self._images) - self._taken

    def fits(self, other: "Call") -> bool:
        """Whether images of both can be one batch."""
        return self.model is other.model and self.shape == other.shape

    def take(self, count: int) -> Images:
        """The next images, which are taken by that."""
        self._taken += count
        return self._images[self._taken - count : self._taken]

    def add(self, outputs: Outputs) -> None:
        """Take the outputs of the images that were taken last; the last of all end the call."""
        self._answers.append(outputs)
        if not self.left:
            self.end()

    def end(self, error: FaceServerError | None = None) -> None:
        """Nothing more is computed for it; without effect where it had ended before."""
        if not self.is_over:
            self.is_over, self._error = True, error
            self._turns.put(None)

    def begin(self, turn: "Batch") -> None:
        """Have whoever waits for the answer compute a batch that the call heads."""
        self._turns.put(turn)

    def turn(self) -> "Batch | None":
        """The batch that is to be computed, or None where the call is over; waits until it is the one or the other."""
        return self._turns.get()

    def answer(self) -> Outputs:
        """The outputs of all its images, in their order; raises what it ended with."""
        if self._error is not None:
            raise self._error
        if len(self._answers) == 1:
            return self._answers[0]
        return {name: np.concatenate([piece[name] for piece in self._answers]) for name in self._answers[0]}


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Images that are computed at once, and whose they are."""

    parts: tuple[tuple[Call, Images], ...]

    @property
    def head(self) -> Call:
        """Whose turn it is."""
        return self.parts[0][0]

    @property
    def size(self) -> int:
        """How many images, which is one of the model's sizes."""
        return sum(len(images) for _, images in self.parts)

    @property
    def begun(self) -> list[Call]:
        """The calls of which this is the first batch."""
        return [call for call, _ in self.parts if not call.is_begun]

    def computed(self) -> Outputs:
        """The model's outputs; raises what its session raises."""
        pieces = [images for _, images in self.parts]
        return self.head.model.session.run(pieces[0] if len(pieces) == 1 else np.concatenate(pieces))

    def hand_out(self, outputs: Outputs) -> None:
        """Give each call its own rows."""
        start = 0
        for call, images in self.parts:
            end = start + len(images)
            call.add({name: rows[start:end] for name, rows in outputs.items()})
            start = end

    def fail(self, error: FaceServerError) -> None:
        """End each call of the batch with an error."""
        for call, _ in self.parts:
            call.end(error)


class FairQueue:
    """Calls that wait: lanes have turns alternately, and in a lane who comes first.

    After a turn what is left of a call, and its lane, go to the back of all that came meanwhile.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._lanes: dict[Lane, deque[Call]] = {}

    def __len__(self) -> int:
        """How many calls wait."""
        return sum(map(len, self._lanes.values()))

    def add(self, call: Call) -> None:
        """Let a call wait at the back of its lane."""
        self._lanes.setdefault(call.lane, deque()).append(call)

    def head(self) -> Call | None:
        """Whose turn is next; None where nobody waits."""
        return next((lane[0] for lane in self._lanes.values() if lane), None)

    def take(self, head: Call) -> Batch:
        """The batch of the call whose turn it is: the largest size that can be filled by what waits for that model.

        Every call that fits has one image in it before any has two. What was taken from waits no more.
        """
        calls = [head, *(call for call in self._by_turns() if call is not head and call.fits(head))]
        shares = shared_out([call.left for call in calls], head.model.sizes)
        taken = [(call, call.take(share)) for call, share in zip(calls, shares, strict=True) if share]
        for call, _ in taken:
            self.discard(call)
        self._move_behind(head.lane)
        return Batch(tuple(taken))

    def end_turn(self, batch: Batch) -> None:
        """Let wait again, behind all others, what the batch left over."""
        self._move_behind(batch.head.lane)
        for call, _ in batch.parts:
            if not call.is_over:
                self.add(call)

    def discard(self, call: Call) -> None:
        """Forget a call, if it waits."""
        lane = self._lanes.get(call.lane)
        if lane is not None and call in lane:
            lane.remove(call)

    def clear(self) -> list[Call]:
        """Forget all calls, and say which they were."""
        waiting = list(self._by_turns())
        self._lanes.clear()
        return waiting

    def _move_behind(self, lane: Lane) -> None:
        """Let the other lanes have their turns before this one."""
        self._lanes[lane] = self._lanes.pop(lane, deque())

    def _by_turns(self) -> Iterable[Call]:
        rounds = itertools.zip_longest(*self._lanes.values())
        return (call for each in rounds for call in each if call is not None)


def shared_out(wanted: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """How many images each call may have in a batch, given how many it wants: one each in turn.

    The batch has the largest of the sizes that can be filled. Filling one up with blank images instead was measured,
    and costs more than computing what is left in a smaller batch (3 faces: 34 ms as 4, 28 ms as 2 and 1).
    """
    places = max(size for size in sizes if size <= sum(wanted))
    shares = [0] * len(wanted)
    while places:
        for index, most in enumerate(wanted):
            if places and shares[index] < most:
                shares[index] += 1
                places -= 1
    return shares
