"""Puts the pipelines together: the default models, or those that were chosen, on one runtime."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from backend.domain.meter import NO_METER, Meter
from backend.vision import quantised
from backend.vision.conventions import Thresholds
from backend.vision.detection import FaceDetector
from backend.vision.embedding import Embedder
from backend.vision.engine import InferenceEngine
from backend.vision.mirrored import MirroredEmbedder
from backend.vision.models import SFACE, YUNET, DetectorFile, EmbedderFile, ModelFile, available, prepare
from backend.vision.network_embedder import NetworkEmbedder, dimensions_of
from backend.vision.pipeline import FacePipeline
from backend.vision.precision import PrecisionWish, settled
from backend.vision.runtime import InferenceSession, Precision, Runtime
from backend.vision.runtime_openvino import OpenVinoRuntime
from backend.vision.scrfd import PerImage, Scrfd, check_outputs
from backend.vision.second_look import SecondLook
from backend.vision.selftest import LEAST_SIMILARITY, check, check_detector, check_embedder
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
class Chosen:
    """The models that are wanted in the place of the default ones; None for the default."""

    embedder: EmbedderFile | None = None
    detector: DetectorFile | None = None


@dataclass(frozen=True, slots=True)
class Pipelines:
    """Pipelines for each purpose, on shared models."""

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
    background: Embedder
    """As for enrolment, for work that nobody waits for: what is asked by others meanwhile comes in between."""
    thresholds: Thresholds
    """The embedder's, where nobody has said otherwise."""
    detector: str
    """The detector's id."""
    searches: int
    """How many of the cameras' frames are searched at once."""


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
    chosen: Chosen = Chosen(),
) -> Pipelines:
    """Prepares and loads the models, and has them recognise the golden face before anybody relies on them.

    Those that are `chosen` go in the place of the default ones. Folded models are kept in `cache_dir`; `model_dir` is
    a folder of the user's own model files, looked into before the installed package. All pipelines take turns on
    `engine`, one of their own where none is given. `precision` is the embedder's. Raises ModelError, with what to do,
    where weights are missing, damaged or answer wrongly, and ConfigurationError where the precision is not to be had.
    """
    runtime, engine = runtime or OpenVinoRuntime(), engine or InferenceEngine()
    detector = chosen.detector or available(YUNET, model_dir)
    embedder_file = chosen.embedder or available(SFACE, model_dir)
    models = _loaded(runtime, engine, _Maker(embedder_file, detector), precision, cache_dir, model_dir)
    photo_detector, embedder = models.detector("photos", photo_side), models.embedder("photos")
    plain = FacePipeline(photo_detector, embedder)
    least = quantised.LEAST_SIMILARITY if models.precision == "int8" else LEAST_SIMILARITY
    _check(plain, photo_detector, embedder, chosen, cache_dir, least)
    check_detector(models.detector("cameras", camera_side))
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
        precision=models.precision,
        background=MirroredEmbedder(models.embedder("background"))
        if mirroring.enrol
        else models.embedder("background"),
        thresholds=embedder_file.thresholds,
        detector=detector.name,
        searches=runtime.streams,
    )


def _loaded(
    runtime: Runtime,
    engine: InferenceEngine,
    maker: "_Maker",
    precision: PrecisionWish,
    cache_dir: Path,
    model_dir: Path | None,
) -> "_Models":
    detector, embedder = maker.detector_file, maker.embedder_file
    detector_path = prepare(detector, cache_dir, model_dir)
    # Side by side: a network is compiled by one thread, and a start waits for all of them.
    with ThreadPoolExecutor(2) as pool:
        loads = {
            streams: pool.submit(_detecting, runtime, detector, detector_path, streams)
            for streams in {1, runtime.streams}
        }
        path, detecting = prepare(embedder, cache_dir, model_dir), loads[1].result()
        in_precision = settled(precision, runtime, maker.detector(detecting, PHOTO_SIDE), path, maker.embedder)
        embedding = runtime.load(quantised.file_of(path, runtime, in_precision), in_precision)
        watching = loads[runtime.streams].result()
    return _Models(
        engine,
        # A batch of large images is no faster than one after the other.
        SharedModel("detector", detecting, sizes=(1,)),
        # Many small ones are faster side by side, a core each, than one after the other on all cores.
        SharedModel("camera_detector", watching, sizes=(1,), streams=runtime.streams),
        SharedModel("embedder", embedding),
        maker,
        dimensions_of(embedding, embedder.file_name),
        in_precision,
    )


def _detecting(runtime: Runtime, detector: DetectorFile, path: Path, streams: int) -> InferenceSession:
    session = runtime.load(path, streams=streams)
    if detector.family == "yunet":
        return session
    check_outputs(session, detector.file_name, detector.fixed_size)
    return PerImage(session)


def _check(
    plain: FacePipeline,
    detector: FaceDetector,
    embedder: Embedder,
    chosen: Chosen,
    cache_dir: Path,
    least: float,
) -> None:
    """Have the golden face recognised: by its stored template or, by models that are not ours, as far as is known."""
    if _is_one_of(YUNET, chosen.detector) and _is_one_of(SFACE, chosen.embedder):
        check(plain, least)
        return
    check_detector(detector)
    check_embedder(embedder, cache_dir, least)


def _is_one_of(default: Sequence[ModelFile], chosen: ModelFile | None) -> bool:
    return chosen is None or chosen.sha256 in {known.sha256 for known in default}


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes detectors and embedders of the chosen files on any session."""

    embedder_file: EmbedderFile
    detector_file: DetectorFile

    def detector(self, session: InferenceSession, side: int) -> FaceDetector:
        if self.detector_file.family == "scrfd":
            return Scrfd(session, max_side=side, fixed_size=self.detector_file.fixed_size)
        return YuNet(session, max_side=side)

    def embedder(self, session: InferenceSession, dimensions: int = 0) -> Embedder:
        """An embedder of so many dimensions, which it makes its templates without having to know."""
        return NetworkEmbedder(session, self.embedder_file.name, self.embedder_file.convention, dimensions)


@dataclass(frozen=True, slots=True)
class _Models:
    """The loaded models, for the callers of any lane."""

    engine: InferenceEngine
    detecting: SharedModel
    watching: SharedModel
    """Detects too: for cameras."""
    embedding: SharedModel
    maker: _Maker
    dimensions: int
    precision: Precision
    """The embedder's."""

    def detector(self, lane: Lane, side: int) -> FaceDetector:
        model = self.watching if lane == "cameras" else self.detecting
        return self.maker.detector(self.engine.session(model, lane), side)

    def embedder(self, lane: Lane) -> Embedder:
        return self.maker.embedder(self.engine.session(self.embedding, lane), self.dimensions)


def _camera_pipeline(models: _Models, side: int, mirrored: bool, meter: Meter) -> FacePipeline:
    detector, embedder = models.detector("cameras", side), models.embedder("cameras")
    return FacePipeline(detector, MirroredEmbedder(embedder) if mirrored else embedder, SecondLook(detector), meter)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What the embedder's forms in several precisions are made and measured with."""

    runtime: Runtime
    detector: FaceDetector
    file: Path
    """The embedder's folded file."""
    model: str
    """The embedder's id."""

    def embedder(self, precision: Precision, file: Path) -> Embedder:
        """The embedder by a file in that precision."""
        return SFace(self.runtime.load(file, precision), self.model)


def open_workshop(cache_dir: Path, model_dir: Path | None, runtime: Runtime) -> Workshop:
    """The detector and the embedder's file as `load_pipelines` prepares them; raises ModelError as it does."""
    yunet, sface = available(YUNET, model_dir), available(SFACE, model_dir)
    detector = YuNet(runtime.load(prepare(yunet, cache_dir, model_dir)), max_side=PHOTO_SIDE)
    return Workshop(runtime, detector, prepare(sface, cache_dir, model_dir), sface.name)
