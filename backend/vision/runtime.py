"""What an inference engine does for us: loads a model file and runs it on batches."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


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

    def load(self, model: Path) -> InferenceSession:
        """A session of a folded ONNX file. Raises ModelError where the engine cannot read it."""
        ...
