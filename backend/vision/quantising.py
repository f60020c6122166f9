"""Makes a model in int8 with NNCF, which is an extra and is loaded for nothing else."""

import contextlib
import importlib.util
import io
import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import numpy as np
import openvino as ov
from numpy.typing import NDArray

# Marks openvino_telemetry as missing before NNCF is loaded, which would report itself by it.
import backend.vision.runtime_openvino  # noqa: F401
from backend.domain.errors import ConfigurationError, ModelError
from backend.domain.geometry import RgbImage
from backend.vision.quantised import packed


def check_installed() -> None:
    """Raises ConfigurationError, with what to install, where NNCF is missing."""
    if importlib.util.find_spec("nncf") is None:
        raise ConfigurationError("int8 is made by NNCF, which is not installed: pip install 'face-server[optimise]'.")


def quantise(model: Path, faces: Iterable[RgbImage], count: int) -> bytes:
    """A folded embedder in int8, packed as `quantised` keeps it; takes 0.2 s a face.

    The ranges of what flows between its layers are learnt from `count` aligned faces, which are gone through more than
    once. The first convolution stays as it is: its coarseness would be passed on to all others, for no gain of time.
    Weights are rounded evenly around nought, activations unevenly, as PReLU lets negative ones through.

    Raises ConfigurationError where NNCF is missing, and ModelError where it fails.
    """
    check_installed()
    # NNCF draws bars on standard output and logs there, where a command may be printing JSON.
    with contextlib.redirect_stdout(io.StringIO()):
        nncf = _nncf()
        network = ov.Core().read_model(model)
        try:
            quantised = nncf.quantize(
                network,
                nncf.Dataset(faces, _fed),
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=count,
                ignored_scope=nncf.IgnoredScope(names=[_first_convolution(network)]),
            )
        except Exception as error:
            raise ModelError(f"NNCF cannot make an int8 form of {model.name}: {error}", model=model.name) from error
        return _saved(quantised)


def _nncf() -> ModuleType:
    import nncf

    nncf.set_log_level(logging.ERROR)
    library: ModuleType = nncf
    return library


def _fed(face: RgbImage) -> NDArray[np.float32]:
    return np.ascontiguousarray(face.transpose(2, 0, 1)[None], dtype=np.float32)


def _first_convolution(network: ov.Model) -> str:
    name: str = next(node for node in network.get_ordered_ops() if node.get_type_name() == "Convolution").friendly_name
    return name


def _saved(network: ov.Model) -> bytes:
    with tempfile.TemporaryDirectory(prefix="face-server-int8-") as folder:
        graph = Path(folder) / "model.xml"
        ov.save_model(network, graph, compress_to_fp16=False)
        return packed(graph.read_bytes(), graph.with_suffix(".bin").read_bytes())
