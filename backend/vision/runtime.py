"""What an inference engine does for us: loads a model file and runs it on batches."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Precision: TypeAlias = Literal["f32", "bf16", "int8", "f16"]
"""What a model computes in. Its templates are of the same model each way, and may be compared: see `precision` and,
for int8, which has a file of its own, `quantised`."""


MOST_STREAMS = 4
"""Each stream keeps memory of its own, and four search 250 frames a second: enough for forty cameras."""


class InferenceSession(Protocol):
    """A loaded model; may be called by several threads at once."""

    def run(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """The model's outputs by name for a batch (images × channels × height × width) of any size it allows."""
        ...


class Runtime(Protocol):
    """An inference engine on one device."""

    @property
    def name(self) -> str:
        """The engine, for logs: "openvino"."""
        ...

    @property
    def device(self) -> str:
        """The hardware it computes on, for logs: "cpu"."""
        ...

    @property
    def precisions(self) -> Sequence[Precision]:
        """What it can compute in, the most exact first."""
        ...

    @property
    def streams(self) -> int:
        """How many inferences are worth computing at once, a core each; at least 1."""
        ...

    @property
    def identity(self) -> str:
        """Hardware and release of the engine: another one's answers may differ in the last digits."""
        ...

    def load(self, model: Path, precision: Precision = "f32", streams: int = 1) -> InferenceSession:
        """A session of a folded ONNX file, in one of `precisions`; ModelError where the engine cannot read it.

        It computes up to `streams` batches at once: one over all cores, or several on a core each. For int8 the file is
        one that `quantised` keeps.
        """
        ...
