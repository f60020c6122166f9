"""OpenVINO computes in bf16 too, and tells nobody; what it shares with other engines is in contracts/."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.domain.errors import ConfigurationError
from backend.vision import runtime_openvino
from backend.vision.models import SFACE_INT8, prepare
from backend.vision.runtime import InferenceSession
from backend.vision.runtime_openvino import OpenVinoDevice, OpenVinoRuntime


def faces(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).uniform(0, 255, (count, 3, 112, 112)).astype(np.float32)


def embeddings(session: InferenceSession, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    found = session.run(batch)["fc1"]
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)


def test_bf16_is_near_f32(cache_dir: Path, embedder_session: InferenceSession) -> None:
    half = OpenVinoRuntime().load(prepare(SFACE_INT8, cache_dir), "bf16")
    similarities = (embeddings(half, faces(4)) * embeddings(embedder_session, faces(4))).sum(axis=1)
    assert similarities.min() > 0.99


def test_nothing_is_reported_to_the_engine_s_maker(tmp_path: Path) -> None:
    code = (
        "import sys, threading; import backend.vision.runtime_openvino\n"
        "assert not [name for name in sys.modules if 'telemetry' in name and sys.modules[name]]\n"
        "assert threading.active_count() == 1"
    )
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=environment)
    assert list(tmp_path.iterdir()) == []


def test_the_first_inferences_of_a_process_may_come_from_several_threads(cache_dir: Path) -> None:
    # NumPy asks for its version where the engine first meets it. It waits here, so that the other thread comes as well:
    # while the engine made its table of types just then, each of the two waited for what the other held.
    code = (
        "import sys, time\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from numpy.lib import NumpyVersion\n"
        "asked, own = [], NumpyVersion.__init__\n"
        "def slow(self, version):\n"
        "    asked.append(version)\n"
        "    time.sleep(0.5)\n"
        "    own(self, version)\n"
        "NumpyVersion.__init__ = slow\n"
        "from backend.vision.runtime_openvino import OpenVinoRuntime\n"
        "runtime = OpenVinoRuntime(2)\n"
        "sessions = [runtime.load(Path(sys.argv[1])) for _ in range(2)]\n"
        "with ThreadPoolExecutor(2) as pool:\n"
        "    found = pool.map(lambda session: session.run(np.zeros((1, 3, 112, 112), np.float32)), sessions)\n"
        "assert [outputs['fc1'].shape for outputs in found] == [(1, 128)] * 2\n"
        "assert asked"
    )
    subprocess.run([sys.executable, "-c", code, str(prepare(SFACE_INT8, cache_dir))], check=True, timeout=60)


@pytest.mark.parametrize("device", ["gpu", "npu"])
def test_a_device_that_is_not_there_is_refused_with_what_it_needs(
    device: OpenVinoDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever this machine has.
    monkeypatch.setitem(runtime_openvino.DEVICE_NAMES, device, "NONE_SUCH")
    with pytest.raises(ConfigurationError, match=rf"DEVICE={device}: .* driver"):
        OpenVinoRuntime(device=device)


def test_what_a_graphics_card_or_npu_computes_in_is_not_the_processor_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(runtime_openvino.DEVICE_NAMES, "gpu", "CPU")
    monkeypatch.setitem(runtime_openvino.DEVICE_NAMES, "npu", "CPU")
    graphics, npu = OpenVinoRuntime(device="gpu"), OpenVinoRuntime(3, "npu")
    assert (graphics.precisions, graphics.streams) == (("f32",), 1)
    # Its detector runs on the processor.
    assert (npu.precisions, npu.streams) == (("f16",), 3)
