"""ONNX Runtime: NVIDIA's cards by CUDA or TensorRT, Apple's by CoreML, and any processor."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from backend.domain.errors import ConfigurationError, ModelError
from backend.vision.cores import usable_cores
from backend.vision.runtime import MOST_STREAMS, Precision

OnnxDevice: TypeAlias = Literal["cpu", "cuda", "tensorrt", "coreml"]
_PROVIDERS: Final[Mapping[OnnxDevice, Sequence[str]]] = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider"],
    # What TensorRT leaves out of a network is computed by CUDA.
    "tensorrt": ["TensorrtExecutionProvider", "CUDAExecutionProvider"],
    "coreml": ["CoreMLExecutionProvider"],
}
"""By what a model is computed on a device. ONNX Runtime adds the processor for single steps that have no other way."""
_NEEDS: Final[Mapping[OnnxDevice, str]] = {
    "cpu": "Install it anew.",
    "cuda": "It needs an NVIDIA card with its driver, and the extra: pip install 'face-server[gpu]'.",
    "tensorrt": "It needs an NVIDIA card with its driver, TensorRT, and the extra: pip install 'face-server[gpu]'.",
    "coreml": "It needs macOS, and the extra: pip install 'face-server[onnxruntime]'.",
}


class OnnxRuntimeSession:
    """A model loaded by ONNX Runtime for any batch size, and any image size the model allows."""

    def __init__(self, session: ort.InferenceSession) -> None:
        """Serve the loaded model."""
        self._session = session
        self._input = session.get_inputs()[0].name
        self._names = [output.name for output in session.get_outputs()]

    def run(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """The outputs by name; each caller gets arrays of its own."""
        try:
            return dict(zip(self._names, self._session.run(self._names, {self._input: batch}), strict=True))
        except Exception as error:
            raise ModelError("ONNX Runtime failed to compute a batch of images.") from error


class OnnxRuntime:
    """ONNX Runtime on one device, with a fixed number of threads on the processor."""

    name = "onnxruntime"
    precisions: Sequence[Precision] = ("f32",)

    def __init__(self, device: OnnxDevice = "cpu", threads: int | None = None) -> None:
        """Compute on `device`, and on the processor in `threads` threads (None: as many as there are usable cores).

        Raises ConfigurationError, with what to install, where the installed ONNX Runtime has no such device.
        """
        if not has(device):
            raise _absent(device)
        self.device: Final = device
        self._threads = usable_cores() if threads is None else threads
        if device in ("cuda", "tensorrt"):
            # NVIDIA's libraries as the extra installs them lie where the loader does not look by itself.
            ort.preload_dlls()

    @property
    def streams(self) -> int:
        """A few on the processor; a graphics card is busy with one."""
        return min(self._threads, MOST_STREAMS) if self.device == "cpu" else 1

    @property
    def identity(self) -> str:
        """Device and release."""
        return f"{self.device}, ONNX Runtime {ort.__version__}"

    def load(self, model: Path, precision: Precision = "f32", streams: int = 1) -> OnnxRuntimeSession:
        """A session of a folded ONNX file.

        Raises ModelError where it cannot be read, and ConfigurationError where the device does not answer: ONNX Runtime
        by itself would go on by the processor, and say so in nothing but its log.
        """
        if precision not in self.precisions:
            raise ConfigurationError(f"ONNX Runtime does not compute in {precision} here.")
        try:
            session = ort.InferenceSession(str(model), self._options(streams), _PROVIDERS[self.device])
        except Exception as error:
            raise ModelError(f"ONNX Runtime cannot load the model {model.name}.", model=model.name) from error
        if _PROVIDERS[self.device][0] not in session.get_providers():
            raise _absent(self.device)
        session.disable_fallback()
        return OnnxRuntimeSession(session)

    def _options(self, streams: int) -> ort.SessionOptions:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads if streams == 1 else 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that wait would use up the cores that video is decoded on, and each other's.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return options


def has(device: OnnxDevice) -> bool:
    """Whether the installed ONNX Runtime was built for a device; whether one answers is seen at loading a model."""
    return _PROVIDERS[device][0] in ort.get_available_providers()


def _absent(device: OnnxDevice) -> ConfigurationError:
    return ConfigurationError(f"DEVICE={device}: ONNX Runtime finds no such device here. {_NEEDS[device]}")
