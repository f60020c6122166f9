"""OpenVINO: any processor, and Intel's graphics and NPU."""

import queue
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import ConfigurationError, ModelError
from backend.vision import quantised
from backend.vision.cores import usable_cores
from backend.vision.runtime import MOST_STREAMS, InferenceSession, Precision

# `import openvino` reports itself to a web analytics service, and nothing may leave this machine. With these two marked
# as missing it goes on without its model converter, which is what does that (and starts 0.1 s faster).
for _module in ("openvino.tools.ovc", "openvino_telemetry"):
    sys.modules.setdefault(_module, None)  # type: ignore[arg-type]  # None means "cannot be imported"

import openvino as ov  # noqa: E402 - only after the lines above
from openvino import properties  # noqa: E402
from openvino.properties import hint  # noqa: E402

# The bindings make their two tables of NumPy's types where they are first needed, under locks of C++ that know nothing
# of the interpreter's: two threads that came first with arrays could wait for each other for ever. So both are made
# here, where there is one thread: the first by a tensor of an array, the second by its array again.
_ = ov.Tensor(np.zeros(1, np.float32), shared_memory=True).data

OpenVinoDevice: TypeAlias = Literal["cpu", "gpu", "npu"]
DEVICE_NAMES: Final[dict[OpenVinoDevice, str]] = {"cpu": "CPU", "gpu": "GPU", "npu": "NPU"}
_NEEDS: Final[Mapping[OpenVinoDevice, str]] = {
    "cpu": "Install OpenVINO anew.",
    "gpu": "It needs Intel graphics and their compute driver (intel-opencl-icd on Debian and Ubuntu).",
    "npu": "It needs an Intel Core Ultra with its NPU's driver (intel-driver-compiler-npu and intel-level-zero-npu).",
}
_PRECISIONS: Final = {"f32": ov.Type.f32, "bf16": ov.Type.bf16, "int8": ov.Type.f32, "f16": ov.Type.f32}
"""What is not quantised of a model in int8 stays in f32, and so does what an NPU leaves to the processor."""
_OPTIONAL: Final[Mapping[Precision, str]] = {"bf16": "BF16", "int8": "INT8"}
"""What not every processor has, by the engine's own names."""
_SHAPE_CACHE = 256
"""Kernels kept for image sizes seen before: about four sizes of YuNet. OpenVINO's own 5,000 took 600 MB here when 169
sizes had been seen, this takes 100, and a change of size costs about 2 ms either way."""


class OpenVinoSession:
    """A model compiled by OpenVINO for any batch size, and any image size the model allows."""

    def __init__(self, compiled: ov.CompiledModel, names: Sequence[str], streams: int = 1) -> None:
        """Serve the compiled model, whose outputs have these names, to so many callers at once."""
        self._requests: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()
        for _ in range(streams):
            self._requests.put(compiled.create_infer_request())
        self._names = names

    def run(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """The outputs by name; each caller gets arrays of its own."""
        # No more at once than there are streams, which already use all the threads there are.
        request = self._requests.get()
        try:
            results = request.infer([batch], share_inputs=True)
        finally:
            self._requests.put(request)
        return dict(zip(self._names, results.values(), strict=True))


@dataclass(frozen=True, slots=True)
class _OneByOne:
    """A session for any number of images, of one that takes a single image."""

    session: OpenVinoSession

    def run(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """The outputs by name."""
        each = [self.session.run(batch[place : place + 1]) for place in range(len(batch))]
        return {name: np.concatenate([outputs[name] for outputs in each]) for name in each[0]}


class OpenVinoRuntime:
    """OpenVINO on one device, with a fixed number of threads on the processor.

    An NPU takes images of one size alone, one at a time: models of such images run on it, and those that take images of
    any size, as the default detector does, on the processor.
    """

    name = "openvino"

    def __init__(self, threads: int | None = None, device: OpenVinoDevice = "cpu") -> None:
        """Compute on `device`, and on the processor in `threads` threads (None: as many as there are usable cores).

        Raises ConfigurationError, with what to install, where OpenVINO does not find the device.
        """
        self._core = ov.Core()
        self.device: Final = device
        # With several of a kind they are listed as GPU.0, GPU.1, and GPU is the first.
        if DEVICE_NAMES[device] not in {found.partition(".")[0] for found in self._core.available_devices}:
            raise ConfigurationError(f"DEVICE={device}: OpenVINO finds no such device here. {_NEEDS[device]}")
        self._threads = None if device == "gpu" else usable_cores() if threads is None else threads

    @property
    def precisions(self) -> Sequence[Precision]:
        """f32, and what else the processor has instructions for: bf16 elsewhere would be no faster. An NPU has f16."""
        if self.device == "npu":
            return ("f16",)
        if self.device == "gpu":
            return ("f32",)
        able = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return ("f32", *(precision for precision, name in _OPTIONAL.items() if name in able))

    @property
    def streams(self) -> int:
        """A few on the processor; a graphics card is busy with one."""
        return 1 if self._threads is None else min(self._threads, MOST_STREAMS)

    @property
    def identity(self) -> str:
        """Device and release."""
        return f"{self._core.get_property(DEVICE_NAMES[self.device], 'FULL_DEVICE_NAME')}, OpenVINO {ov.__version__}"

    def load(self, model: Path, precision: Precision = "f32", streams: int = 1) -> InferenceSession:
        """A session of a folded ONNX file, or of one that `quantised` keeps; takes 0.3 s for SFace.

        Raises ModelError where it cannot be read.
        """
        try:
            network = self._network(model, precision)
            # Asked before compiling, which lets outputs have names of inner tensors as well.
            names = tuple(output.any_name for output in network.outputs)
            if self.device == "npu" and _takes_one_size(network):
                return self._on_npu(network, names)
            device = "cpu" if self.device == "npu" else self.device
            options = self._options(network, streams) | {hint.inference_precision(): _PRECISIONS[precision]}
            return OpenVinoSession(self._core.compile_model(network, DEVICE_NAMES[device], options), names, streams)
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot load the model {model.name}.", model=model.name) from error

    def _on_npu(self, network: ov.Model, names: Sequence[str]) -> InferenceSession:
        _, *image = network.input(0).partial_shape
        network.reshape(ov.PartialShape([1, *image]))
        return _OneByOne(OpenVinoSession(self._core.compile_model(network, DEVICE_NAMES["npu"]), names))

    def _network(self, model: Path, precision: Precision) -> ov.Model:
        if precision != "int8":
            return self._core.read_model(model)
        graph, weights = quantised.unpacked(model)
        return self._core.read_model(graph, weights)

    def _options(self, network: ov.Model, streams: int) -> dict[str, Any]:
        if self._threads is None:
            return {}
        return {
            properties.num_streams(): streams,
            properties.inference_num_threads(): self._threads if streams == 1 else streams,
            # Pinned threads cannot step aside for the video decoders beside them.
            hint.enable_cpu_pinning(): False,
            "CPU_RUNTIME_CACHE_CAPACITY": _SHAPE_CACHE,
            # Shared out as threads get done, SFace takes 4 % less for one face, and 7 to 11 % for eight, on two cores.
            # A detector on small pictures takes 13 % more than in equal parts.
            "TBB_PARTITIONER": "AUTO" if _takes_one_size(network) else "STATIC",
        }


def _takes_one_size(network: ov.Model) -> bool:
    _, *image = network.input(0).partial_shape
    return all(dimension.is_static for dimension in image)
