"""Model files that the user gives: known by their hash, or taken as the user's own where their graph makes sense."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from backend.domain.errors import ConfigurationError
from backend.vision.alignment import SIZE
from backend.vision.catalogue import DETECTORS, EMBEDDERS
from backend.vision.conventions import ARCFACE_THRESHOLDS, CONVENTIONS, Convention, ConventionName
from backend.vision.models import AnyModel, DetectorFile, EmbedderFile, ModelFile

if TYPE_CHECKING:
    import onnx

logger = logging.getLogger(__name__)

EMBEDDER_SETTING, DETECTOR_SETTING = "MODEL_FILE", "DETECTOR_FILE"
_OWN: Final = "own"
_HASH_DIGITS: Final = 16
"""How much of a file's SHA-256 its id carries."""
_FIRST_NODES: Final = 8
"""Where a graph that subtracts a mean and scales by itself does so."""
_OWN_LICENCE: Final = "as its owner says"


def own_embedder(given: str, convention: ConventionName | None = None, model_dir: Path | None = None) -> EmbedderFile:
    """The embedder in a file of the user's, given by its path or, where it lies in `model_dir`, by its catalogue name.

    A file whose hash is in the catalogue is that model, whatever it is called. Any other is taken as the user's own:
    its id carries its hash and the `convention` that it is fed by, which is read from its name and graph where none is
    named. Raises ConfigurationError, with what to do, for a file that is no embedder of 112 × 112 faces.
    """
    path = _path_of(given, EMBEDDERS, model_dir, EMBEDDER_SETTING)
    sha256 = _hash_of(path, EMBEDDER_SETTING)
    known = _known(sha256, (*EMBEDDERS, *DETECTORS))
    if isinstance(known, EmbedderFile):
        if convention is not None and convention != known.convention.name:
            raise ConfigurationError(
                f"{path.name} is {known.name}, which is fed as {known.convention}. Take MODEL_CONVENTION away."
            )
        return replace(known, file_name=path.name, folder=path.parent)
    if known is not None:
        raise ConfigurationError(f"{path.name} is {known.name}, a detector: name it in {DETECTOR_SETTING}.")
    network = _network(path, EMBEDDER_SETTING)
    _check_embedder(network, path)
    chosen = CONVENTIONS[convention] if convention is not None else _recognised(network, path)
    name = f"{_OWN}-{chosen.name}-{sha256[:_HASH_DIGITS]}"
    how = "as MODEL_CONVENTION says" if convention is not None else "read from its name and graph"
    logger.warning(
        "%s is not in the catalogue and is taken as your own model %s. It is fed as %s (%s), with the thresholds of "
        "ArcFace: see docs/models.md.",
        path.name,
        name,
        chosen,
        how,
    )
    return _own_file(name, sha256, chosen, path)


def own_detector(given: str, model_dir: Path | None = None) -> DetectorFile:
    """The detector in a file of the user's, given as `own_embedder`'s; a file that is not in the catalogue is SCRFD.

    Raises ConfigurationError, with what to do, for a file that is no detector.
    """
    path = _path_of(given, DETECTORS, model_dir, DETECTOR_SETTING)
    sha256 = _hash_of(path, DETECTOR_SETTING)
    known = _known(sha256, (*DETECTORS, *EMBEDDERS))
    if isinstance(known, DetectorFile):
        return replace(known, file_name=path.name, folder=path.parent)
    if known is not None:
        raise ConfigurationError(f"{path.name} is {known.name}, an embedder: name it in {EMBEDDER_SETTING}.")
    network = _network(path, DETECTOR_SETTING)
    channels, height, width = _image_shape(network, path, DETECTOR_SETTING)
    if channels != 3:
        raise ConfigurationError(f"{DETECTOR_SETTING}: {path.name} takes images of {channels} channels, and 3 are fed.")
    name = f"{_OWN}-scrfd-{sha256[:_HASH_DIGITS]}"
    logger.warning("%s is not in the catalogue and is taken as your own SCRFD detector %s.", path.name, name)
    fixed = (height, width) if height and width else None
    return DetectorFile(
        name,
        path.name,
        sha256,
        _OWN_LICENCE,
        str(path),
        free_image_size=fixed is None,
        free_batch=False,
        folder=path.parent,
        family="scrfd",
        fixed_size=fixed,
    )


def embedder_named(name: str) -> EmbedderFile | None:
    """The embedder of that id, whose file may be gone: of the catalogue, or the user's own; None for no such id."""
    for known in EMBEDDERS:
        if known.name == name:
            return known
    own, _, rest = name.partition("-")
    convention, _, digits = rest.rpartition("-")
    if own != _OWN or convention not in CONVENTIONS or len(digits) != _HASH_DIGITS:
        return None
    return _own_file(name, digits, next(each for each in CONVENTIONS.values() if each.name == convention), Path(name))


def _own_file(name: str, sha256: str, convention: Convention, path: Path) -> EmbedderFile:
    return EmbedderFile(
        name,
        path.name,
        sha256,
        _OWN_LICENCE,
        "your own file",
        folder=path.parent,
        convention=convention,
        thresholds=ARCFACE_THRESHOLDS,
    )


def _path_of(given: str, catalogue: Sequence[AnyModel], model_dir: Path | None, setting: str) -> Path:
    named = next((model for model in catalogue if model.name == given), None)
    if named is None:
        return Path(given).expanduser()
    path = (model_dir or Path()) / named.file_name
    if model_dir is None or not path.is_file():
        raise ConfigurationError(
            f"{setting}={given}: its file {named.file_name} is not in MODEL_DIR. Nothing is downloaded here; it comes "
            f"from {named.source} (licence: {named.licence})."
        )
    if _hash_of(path, setting) != named.sha256:
        raise ConfigurationError(f"{setting}={given}: {path.name} in MODEL_DIR is another file; name it by its path.")
    return path


def _hash_of(path: Path, setting: str) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        known = ", ".join(model.name for model in (EMBEDDERS if setting == EMBEDDER_SETTING else DETECTORS))
        raise ConfigurationError(
            f"{setting}: '{path}' cannot be read: {error.strerror}. Give the path of an ONNX file, or one of the names "
            f"{known}."
        ) from error


def _known(sha256: str, catalogue: Sequence[ModelFile]) -> ModelFile | None:
    return next((model for model in catalogue if model.sha256 == sha256), None)


def _network(path: Path, setting: str) -> "onnx.GraphProto":
    # Imported here because only a file that is not known is looked into.
    import onnx

    try:
        return onnx.load(path, load_external_data=False).graph
    except Exception as error:
        # Whatever the parser stumbles over, it is no model.
        raise ConfigurationError(f"{setting}: {path.name} is no ONNX file.") from error


def _image_shape(network: "onnx.GraphProto", path: Path, setting: str) -> tuple[int, int, int]:
    """Channels, height and width of the one image input; 0 where any is taken."""
    weights = {tensor.name for tensor in network.initializer}
    images = [entry for entry in network.input if entry.name not in weights]
    shapes = [[dimension.dim_value for dimension in entry.type.tensor_type.shape.dim] for entry in images]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise ConfigurationError(
            f"{setting}: {path.name} has inputs of the shapes {shapes}; one of batch × 3 × height × width is fed."
        )
    _, channels, height, width = shapes[0]
    return channels, height, width


def _check_embedder(network: "onnx.GraphProto", path: Path) -> None:
    shape = _image_shape(network, path, EMBEDDER_SETTING)
    if any(found not in (0, wanted) for found, wanted in zip(shape, (3, SIZE, SIZE), strict=True)):
        raise ConfigurationError(
            f"{EMBEDDER_SETTING}: {path.name} takes images of {'×'.join(map(str, shape))}; faces are fed as "
            f"3×{SIZE}×{SIZE} (channels first)."
        )
    if len(network.output) != 1:
        raise ConfigurationError(
            f"{EMBEDDER_SETTING}: {path.name} has {len(network.output)} outputs, and an embedder has one. "
            f"If it is a detector, name it in {DETECTOR_SETTING}."
        )


def _recognised(network: "onnx.GraphProto", path: Path) -> Convention:
    """How a network is fed: as its file's name says, else raw where it subtracts and scales by itself, else ArcFace."""
    if "adaface" in path.name.lower():
        return CONVENTIONS["adaface"]
    first = {node.op_type for node in network.node[:_FIRST_NODES]}
    scales_itself = "Sub" in first and bool(first & {"Mul", "Div"})
    return CONVENTIONS["raw" if scales_itself else "arcface"]
