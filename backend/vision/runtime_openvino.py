"""OpenVINO on the CPU."""

import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import ModelError
from backend.vision.cores import usable_cores
from backend.vision.runtime import Precision

# `import openvino` reports itself to a web analytics service, and nothing may leave this machine. With these two marked
# as missing it goes on without its model converter, which is what does that (and starts 0.1 s faster).
for _module in ("openvino.tools.ovc", "openvino_telemetry"):
    sys.modules.setdefault(_module, None)  # type: ignore[arg-type]  # None means "cannot be imported"

import openvino as ov  # noqa: E402 - only after the lines above
from openvino import properties  # noqa: E402
from openvino.properties import hint  # noqa: E402

_PRECISIONS = {"f32": ov.Type.f32, "bf16": ov.Type.bf16}
_SHAPE_CACHE = 256
"""Kernels kept for image sizes seen before: about four sizes of YuNet. OpenVINO's own 5,000 took 600 MB here when 169
sizes had been seen, this takes 100, and a change of size costs about 2 ms either way."""


class OpenVinoSession:
    """A model compiled by OpenVINO for any batch size, and any image size the model allows."""

    def __init__(self, compiled: ov.CompiledModel, names: Sequence[str]) -> None:
        """Serve the compiled model, whose outputs have these names."""
        self._request = compiled.create_infer_request()
        self._names = names
        self._lock = threading.Lock()

    def run(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """The outputs by name; each caller gets arrays of its own."""
        # One after the other: a single inference already uses all the threads there are.
        with self._lock:
            results = self._request.infer([batch], share_inputs=True)
        return dict(zip(self._names, results.values(), strict=True))


class OpenVinoRuntime:
    """OpenVINO on the CPU, with a fixed number of threads."""

    name = "openvino"
    device = "cpu"

    def __init__(self, threads: int | None = None) -> None:
        """Compute in `threads` threads (None: as many as there are usable cores)."""
        self._core = ov.Core()
        self._options = {
            properties.num_streams(): 1,
            properties.inference_num_threads(): usable_cores() if threads is None else threads,
            # Pinned threads cannot step aside for the video decoders beside them.
            hint.enable_cpu_pinning(): False,
            "CPU_RUNTIME_CACHE_CAPACITY": _SHAPE_CACHE,
        }

    @property
    def precisions(self) -> Sequence[Precision]:
        """f32, and bf16 where the processor has instructions for it: elsewhere that would be no faster."""
        has_bf16 = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return ("f32", "bf16") if has_bf16 else ("f32",)

    @property
    def identity(self) -> str:
        """Processor and release."""
        return f"{self._core.get_property('CPU', 'FULL_DEVICE_NAME')}, OpenVINO {ov.__version__}"

    def load(self, model: Path, precision: Precision = "f32") -> OpenVinoSession:
        """A session of a folded ONNX file; takes 0.3 s for SFace. Raises ModelError where it cannot be read."""
        options = self._options | {hint.inference_precision(): _PRECISIONS[precision]}
        try:
            network = self._core.read_model(model)
            # Asked before compiling, which lets outputs have names of inner tensors as well.
            names = tuple(output.any_name for output in network.outputs)
            return OpenVinoSession(self._core.compile_model(network, "CPU", options), names)
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot load the model {model.name}.", model=model.name) from error
