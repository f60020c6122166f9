"""Puts the default pipelines together: models from the catalogue on OpenVINO."""

from dataclasses import dataclass
from pathlib import Path

from backend.vision.models import SFACE, YUNET, available, prepare
from backend.vision.pipeline import FacePipeline
from backend.vision.runtime import Runtime
from backend.vision.runtime_openvino import OpenVinoRuntime
from backend.vision.selftest import check
from backend.vision.sface import SFace
from backend.vision.yunet import YuNet

PHOTO_SIDE = 1280
"""The longest side in pixels at which photos are searched."""
CAMERA_SIDE = 640
"""The longest side in pixels at which video frames are searched."""


@dataclass(frozen=True, slots=True)
class Pipelines:
    """A pipeline for photos, which finds small faces too, and a faster one for video, on the same loaded models."""

    photos: FacePipeline
    cameras: FacePipeline


def load_pipelines(
    cache_dir: Path,
    model_dir: Path | None = None,
    runtime: Runtime | None = None,
    photo_side: int = PHOTO_SIDE,
    camera_side: int = CAMERA_SIDE,
) -> Pipelines:
    """Prepares and loads the default models, and has them recognise the golden face before anybody relies on them.

    Folded models are kept in `cache_dir`; `model_dir` is a folder of the user's own model files, looked into before
    the installed package. Raises ModelError, with what to do, where weights are missing, damaged or answer wrongly.
    """
    runtime = runtime or OpenVinoRuntime()
    yunet, sface = available(YUNET, model_dir), available(SFACE, model_dir)
    detector = runtime.load(prepare(yunet, cache_dir, model_dir))
    embedder = SFace(runtime.load(prepare(sface, cache_dir, model_dir)), model=sface.name)
    photos, cameras = (FacePipeline(YuNet(detector, max_side=side), embedder) for side in (photo_side, camera_side))
    check(photos)
    return Pipelines(photos, cameras)
