"""Models that work, fed with what somebody got wrong."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.vision.runtime import InferenceSession

Batch: TypeAlias = NDArray[np.float32]


class Spoiled:
    """A real session whose input somebody got wrong."""

    def __init__(self, session: InferenceSession, spoil: Callable[[Batch], Batch]) -> None:
        self._session = session
        self._spoil = spoil

    def run(self, batch: Batch) -> Mapping[str, Batch]:
        return self._session.run(np.ascontiguousarray(self._spoil(batch), dtype=np.float32))


def with_channels_swapped(batch: Batch) -> Batch:
    return batch[:, ::-1]
