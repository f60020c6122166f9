"""Puts the default pipelines together: models from the catalogue on OpenVINO."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from backend.domain.meter import NO_METER, Meter
from backend.vision.embedding import Embedder
from backend.vision.engine import InferenceEngine
from backend.vision.mirrored import MirroredEmbedder
from backend.vision.models import SFACE, YUNET, available, prepare
from backend.vision.pipeline import FacePipeline
from backend.vision.precision import PrecisionWish, settled
from backend.vision.runtime import Precision, Runtime
from backend.vision.runtime_openvino import OpenVinoRuntime
from backend.vision.second_look import SecondLook
from backend.vision.selftest import check
from backend.vision.sface import SFace
from backend.vision.turns import Lane, SharedModel
from backend.vision.yunet import YuNet

PHOTO_SIDE = 1280
"""The longest side in pixels at which photos are searched."""
CAMERA_SIDE = 640
"""The longest side in pixels at which video frames are searched."""


MirrorSearch: TypeAlias = Literal["auto", "on", "off"]
"""Which faces are averaged that are searched with: all, none, or ("auto") those in photos that a glance leaves close.

On cameras several looks are averaged anyway, and time is short."""


@dataclass(frozen=True, slots=True)
class Mirroring:
    """Which faces are averaged with their mirror images; it doubles the time of embedding them."""

    enrol: bool = True
    search: MirrorSearch = "auto"


@dataclass(frozen=True, slots=True)
class Pipelines:
    """Pipelines for each purpose, on the same loaded models."""

    photos: FacePipeline
    """For photos that are searched with; finds small faces too."""
    glance: FacePipeline | None
    """The same without second look or mirror image, for a first search; None where every face has its full look."""
    cameras: FacePipeline
    """For video frames, which are searched faster."""
    enrolment: FacePipeline
    """For photos that people are enrolled with, or that are compared with each other: takes its time."""
    plain: FacePipeline
    """Without second look or mirror image: what the others are measured against."""
    embedder: Embedder
    """What `plain` makes templates with, alone: for measuring it."""
    precision: Precision
    """What the embedder computes in; the detector always in f32."""


def load_pipelines(
    cache_dir: Path,
    model_dir: Path | None = None,
    runtime: Runtime | None = None,
    photo_side: int = PHOTO_SIDE,
    camera_side: int = CAMERA_SIDE,
    mirroring: Mirroring = Mirroring(),
    engine: InferenceEngine | None = None,
    precision: PrecisionWish = "f32",
    meter: Meter = NO_METER,
) -> Pipelines:
    """Prepares and loads the default models, and has them recognise the golden face before anybody relies on them.

    Folded models are kept in `cache_dir`; `model_dir` is a folder of the user's own model files, looked into before
    the installed package. All pipelines take turns on `engine`, one of their own where none is given. `precision` is
    the embedder's. Raises ModelError, with what to do, where weights are missing, damaged or answer wrongly, and
    ConfigurationError where the precision is not to be had.
    """
    runtime, engine = runtime or OpenVinoRuntime(), engine or InferenceEngine()
    yunet, sface = available(YUNET, model_dir), available(SFACE, model_dir)
    detecting, embedding = runtime.load(prepare(yunet, cache_dir, model_dir)), prepare(sface, cache_dir, model_dir)
    chosen = settled(precision, runtime, YuNet(detecting), embedding)
    models = _Models(
        engine,
        # A batch of large images is no faster than one after the other.
        SharedModel("detector", detecting, sizes=(1,)),
        SharedModel("embedder", runtime.load(embedding, chosen)),
        sface.name,
    )
    photo_detector, embedder = models.detector("photos", photo_side), models.embedder("photos")
    plain = FacePipeline(photo_detector, embedder)
    check(plain)
    second_look = SecondLook(models.detector("photos", camera_side))
    enrolling: Embedder = MirroredEmbedder(embedder) if mirroring.enrol else embedder
    searching: Embedder = embedder if mirroring.search == "off" else MirroredEmbedder(embedder)
    return Pipelines(
        photos=FacePipeline(photo_detector, searching, second_look, meter),
        glance=FacePipeline(photo_detector, embedder, meter=meter) if mirroring.search == "auto" else None,
        cameras=_camera_pipeline(models, camera_side, mirrored=mirroring.search == "on", meter=meter),
        enrolment=FacePipeline(photo_detector, enrolling, second_look, meter),
        plain=plain,
        embedder=embedder,
        precision=chosen,
    )


@dataclass(frozen=True, slots=True)
class _Models:
    """The loaded models, for the callers of any lane."""

    engine: InferenceEngine
    detecting: SharedModel
    embedding: SharedModel
    name: str
    """The embedder's id."""

    def detector(self, lane: Lane, side: int) -> YuNet:
        return YuNet(self.engine.session(self.detecting, lane), max_side=side)

    def embedder(self, lane: Lane) -> SFace:
        return SFace(self.engine.session(self.embedding, lane), model=self.name)


def _camera_pipeline(models: _Models, side: int, mirrored: bool, meter: Meter) -> FacePipeline:
    detector, embedder = models.detector("cameras", side), models.embedder("cameras")
    return FacePipeline(detector, MirroredEmbedder(embedder) if mirrored else embedder, SecondLook(detector), meter)
