"""How an embedder is fed, and how alike is alike enough by it: facts about weights."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

ChannelOrder: TypeAlias = Literal["RGB", "BGR"]
ConventionName: TypeAlias = Literal["raw", "arcface", "arcface-128", "adaface"]


@dataclass(frozen=True, slots=True)
class Convention:
    """How the pixels of an aligned face (112 × 112, 0–255) are handed to a model: `(x - mean) / divisor`."""

    name: ConventionName
    mean: float
    divisor: float
    channels: ChannelOrder = "RGB"

    def __str__(self) -> str:
        """The convention in words."""
        scale = "0–255" if self.divisor == 1 else f"(x - {self.mean:g}) / {self.divisor:g}"
        return f"{self.name}: {self.channels}, {scale}"


RAW: Final = Convention("raw", 0.0, 1.0)
"""Mean and scale are part of the graph: SFace, and what MXNet exported."""
ARCFACE: Final = Convention("arcface", 127.5, 127.5)
"""InsightFace's recognition models, as its `ArcFaceONNX` feeds them."""
ARCFACE_128: Final = Convention("arcface-128", 127.5, 128.0)
"""The same with the divisor of older InsightFace trainings."""
ADAFACE: Final = Convention("adaface", 127.5, 127.5, "BGR")
"""AdaFace, whose training read pictures with OpenCV."""
CONVENTIONS: Final = {convention.name: convention for convention in (RAW, ARCFACE, ARCFACE_128, ADAFACE)}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How alike (cosine) is alike enough by a model, where nobody has said otherwise."""

    identify: float
    """From which a face in a photo is taken for a person of the gallery."""
    margin: float
    """How much more alike the best person must be than the second."""
    verify: float
    """From which two photos are taken for one person."""
    is_measured: bool = False
    """Whether they were measured for these weights, or are taken from common use."""


SFACE_THRESHOLDS: Final = Thresholds(identify=0.48, margin=0.04, verify=0.363, is_measured=True)
"""Of LFW, see docs/evaluation.md; `verify` is OpenCV's."""
ARCFACE_THRESHOLDS: Final = Thresholds(identify=0.42, margin=0.04, verify=0.32)
"""On the careful side of what is commonly used with these models (0.3 for a pair). No such weights were here to be
measured: `face-server calibrate` says what fits a gallery."""
