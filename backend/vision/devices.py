"""Which engine computes, on which device: as asked for, or refused in a sentence, and never another in silence."""

import importlib
import importlib.util
import logging
from pathlib import Path
from types import ModuleType
from typing import Final, Literal, TypeAlias

from backend.domain.errors import ConfigurationError
from backend.vision.models import YUNET, available, prepare
from backend.vision.runtime import Runtime
from backend.vision.runtime_openvino import OpenVinoRuntime

logger = logging.getLogger(__name__)

DeviceWish: TypeAlias = Literal["auto", "cpu", "gpu", "npu", "cuda", "tensorrt", "coreml", "onnxruntime-cpu"]
"""The processor (cpu), Intel's graphics (gpu) and its NPU by OpenVINO, the others by ONNX Runtime.

`auto` is CUDA where it is installed, else the processor by OpenVINO."""

_ENGINE: Final = "onnxruntime"


def open_runtime(wish: DeviceWish, threads: int | None, cache_dir: Path, model_dir: Path | None = None) -> Runtime:
    """The engine for the device that is wished for, in `threads` threads where that is the processor.

    Raises ConfigurationError, with what to install, where the device is not there. `auto` tries CUDA where it is
    installed, by loading the detector; where no card answers, it takes the processor and the log says why.
    """
    if wish == "auto":
        return _best(threads, cache_dir, model_dir)
    if wish in ("cpu", "gpu", "npu"):
        return OpenVinoRuntime(threads, wish)
    device = "cpu" if wish == "onnxruntime-cpu" else wish
    runtime: Runtime = _onnxruntime(wish).OnnxRuntime(device, threads)
    return runtime


def _best(threads: int | None, cache_dir: Path, model_dir: Path | None) -> Runtime:
    if importlib.util.find_spec(_ENGINE) is not None and _onnxruntime("auto").has("cuda"):
        try:
            runtime: Runtime = _onnxruntime("auto").OnnxRuntime("cuda", threads)
            runtime.load(prepare(available(YUNET, model_dir), cache_dir, model_dir))
        except ConfigurationError as error:
            logger.warning("%s The processor is taken instead.", error.message)
        else:
            return runtime
    return OpenVinoRuntime(threads)


def _onnxruntime(wish: DeviceWish) -> ModuleType:
    # An extra: it is not there unless somebody wants it, and is not loaded, 50 MB, unless it is used.
    if importlib.util.find_spec(_ENGINE) is None:
        extra = "gpu" if wish in ("cuda", "tensorrt") else "onnxruntime"
        raise ConfigurationError(
            f"DEVICE={wish} needs ONNX Runtime, which is not installed: pip install 'face-server[{extra}]'."
        )
    return importlib.import_module("backend.vision.runtime_onnxruntime")
