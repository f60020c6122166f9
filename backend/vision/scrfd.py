"""The face detector SCRFD.

Guo et al., "Sample and Computation Redistribution for Efficient Face Detection" (2021); its outputs are read as
InsightFace's own `SCRFD` does. The files come from their owner: see docs/models.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import ModelError
from backend.domain.geometry import RgbImage
from backend.vision.grid_detector import GridDetector, Rows, padded
from backend.vision.runtime import InferenceSession

STRIDES: Final = (8, 16, 32)
SCORE_THRESHOLD: Final = 0.5
"""InsightFace's own."""
NMS_IOU: Final = 0.4
"""InsightFace's own."""
RELIABLE_SIZE: Final = 640
"""The side at which InsightFace searches by default, and trained."""
_KINDS: Final = {1: "scores", 4: "boxes", 10: "landmarks"}
"""What an output is, by how many numbers it has for a place."""


@dataclass(frozen=True, slots=True)
class PerImage:
    """A session whose outputs begin with the image: SCRFD's exporter leaves that dimension out. For single images."""

    session: InferenceSession

    def run(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """The outputs by name, 1 × places × numbers."""
        return {name: array.reshape(1, -1, array.shape[-1]) for name, array in self.session.run(batch).items()}


class Scrfd(GridDetector):
    """SCRFD with landmarks on an inference session: RGB, (x - 127.5) / 128."""

    reliable_size = RELIABLE_SIZE

    def __init__(
        self,
        session: InferenceSession,
        score_threshold: float = SCORE_THRESHOLD,
        nms_iou: float = NMS_IOU,
        max_side: int = 1280,
        fixed_size: tuple[int, int] | None = None,
    ) -> None:
        """Search images at a longest side of at most `max_side` pixels, and never enlarged.

        `fixed_size` is the height and width of the only images that the file takes; None where it takes any.
        """
        super().__init__(nms_iou, max_side if fixed_size is None else min(max_side, *fixed_size))
        self._session = session
        self._score_threshold = score_threshold
        self._fixed_size = fixed_size

    def _found(self, image: RgbImage) -> Rows:
        framed = padded(image, STRIDES[-1]) if self._fixed_size is None else _framed(image, self._fixed_size)
        height, width = framed.shape[:2]
        outputs = _by_stride(self._session.run(_fed(framed)))
        parts = [
            _rows_at(stride, output, (height // stride, width // stride), self._score_threshold)
            for stride, output in zip(STRIDES, outputs, strict=True)
        ]
        return np.concatenate(parts)


def check_outputs(session: InferenceSession, name: str, fixed_size: tuple[int, int] | None = None) -> None:
    """Raise ModelError, naming the model by `name`, where it does not answer as SCRFD with landmarks does."""
    height, width = fixed_size or (64, 96)
    try:
        outputs = session.run(np.zeros((1, 3, height, width), np.float32))
    except Exception as error:
        # An engine raises what it likes where a graph cannot take the image.
        raise ModelError(f"{name} cannot search an image of 3×{height}×{width}; it is no detector.") from error
    found = sorted((array.shape[-1], array.size // array.shape[-1]) for array in outputs.values())
    places = sorted(2 * (height // stride) * (width // stride) for stride in STRIDES)
    if found != sorted((numbers, count) for numbers in _KINDS for count in places):
        raise ModelError(
            f"{name} does not answer as SCRFD with five landmarks does (nine outputs: score, box and landmarks at "
            f"strides 8, 16 and 32, two for each place). Take a file whose name has kps in it, or a pack's det_….onnx."
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Output:
    """What the network says at one stride, a place a row."""

    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]


def _by_stride(outputs: Mapping[str, NDArray[np.float32]]) -> Sequence[_Output]:
    """The outputs, whose names mean nothing, by what they are: of each kind the one of most places is of stride 8."""
    kinds: dict[str, list[NDArray[np.float32]]] = {kind: [] for kind in _KINDS.values()}
    for array in outputs.values():
        kinds[_KINDS[array.shape[-1]]].append(array.reshape(-1, array.shape[-1]))
    ordered = [sorted(arrays, key=len, reverse=True) for arrays in kinds.values()]
    return [_Output(*parts) for parts in zip(*ordered, strict=True)]


def _rows_at(stride: int, output: _Output, grid: tuple[int, int], score_threshold: float) -> Rows:
    """The places whose score reaches the threshold; several places of a grid cell follow each other."""
    each = len(output.scores) // (grid[0] * grid[1])
    (places,) = np.nonzero(output.scores[:, 0] >= score_threshold)
    cells = places // each
    centres = np.stack((cells % grid[1], cells // grid[1]), axis=1).astype(np.float32) * stride
    distances = output.boxes[places] * stride
    near, far = centres - distances[:, :2], centres + distances[:, 2:]
    landmarks = np.tile(centres, 5) + output.landmarks[places] * stride
    return np.hstack((output.scores[places], near, far - near, landmarks))


def _framed(image: RgbImage, size: tuple[int, int]) -> RgbImage:
    framed = np.zeros((*size, 3), np.uint8)
    framed[: image.shape[0], : image.shape[1]] = image
    return framed


def _fed(image: RgbImage) -> NDArray[np.float32]:
    batch = np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=np.float32)
    return (batch - np.float32(127.5)) / np.float32(128)
