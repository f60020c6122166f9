"""Where the faces of a camera's frames are, as cheaply as that can be told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from backend.cameras.frame import Frame
from backend.cameras.motion import MotionGate
from backend.domain.face import Detection, Face
from backend.domain.geometry import Point, Region
from backend.vision.loading import CAMERA_SIDE
from backend.vision.pipeline import FacePipeline

LUMA_WIDTH = 160
"""The width in pixels of the grey picture that movement is looked for in."""


@dataclass(frozen=True, slots=True)
class View:
    """What of a camera's picture counts."""

    region: Region | None = None
    """Where a face's middle must lie; None for anywhere."""
    min_face: float = 0.0
    """The least size of a face, in pixels of the whole picture."""

    def shows(self, detection: Detection, size: tuple[int, int]) -> bool:
        """Whether a face in a picture of that width and height counts."""
        centre, (width, height) = detection.box.centre, size
        inside = self.region is None or self.region.holds(Point(centre.x / width, centre.y / height))
        return inside and detection.box.size >= self.min_face


EVERYTHING = View()


class FaceFinder(Protocol):
    """Finds the faces of one camera; used by one thread."""

    def is_worth_searching(self, frame: Frame) -> bool:
        """Whether anything moved since the last frame of which this was said; now and then anyway."""
        ...

    def find(self, frame: Frame) -> list[Detection]:
        """The faces that count, most certain first, in pixels of the whole frame."""
        ...

    def describe(self, frame: Frame, detections: Sequence[Detection]) -> list[Face]:
        """Some faces of the frame, in the order given, graded and embedded."""
        ...


class Finder:
    """Finds faces by the models: a FaceFinder."""

    def __init__(self, pipeline: FacePipeline, view: View) -> None:
        """Search with `pipeline`, and heed what `view` shows."""
        self._pipeline = pipeline
        self._view = view
        self._gate = MotionGate(view.region)

    def is_worth_searching(self, frame: Frame) -> bool:
        """Whether anything moved; see FaceFinder."""
        return self._gate.is_worth_a_look(frame.luma(LUMA_WIDTH), frame.moment)

    def find(self, frame: Frame) -> list[Detection]:
        """The faces that count, found on a smaller copy of the frame; see FaceFinder."""
        small = frame.shrunk(CAMERA_SIDE)
        scale = frame.size[0] / small.shape[1]
        found = [_scaled(detection, scale) for detection in self._pipeline.detect(small)]
        return [detection for detection in found if self._view.shows(detection, frame.size)]

    def describe(self, frame: Frame, detections: Sequence[Detection]) -> list[Face]:
        """Some faces of the frame, from its full resolution; see FaceFinder."""
        return self._pipeline.describe(frame.rgb(), detections) if detections else []


def _scaled(detection: Detection, factor: float) -> Detection:
    if factor == 1:
        return detection
    return Detection(detection.box.scaled(factor), detection.landmarks.scaled(factor), detection.score)
