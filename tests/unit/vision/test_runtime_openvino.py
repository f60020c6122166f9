"""OpenVINO computes in bf16 too, and tells nobody; what it shares with other engines is in contracts/."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino
import pytest
from numpy.typing import NDArray

from backend.domain.errors import ConfigurationError
from backend.vision.models import SFACE_INT8, prepare
from backend.vision.runtime import InferenceSession
from backend.vision.runtime_openvino import OpenVinoRuntime


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


@pytest.mark.skipif("GPU" in " ".join(openvino.Core().available_devices), reason="this machine has Intel graphics")
def test_graphics_that_are_not_there_are_refused_with_what_they_need() -> None:
    with pytest.raises(ConfigurationError, match=r"DEVICE=gpu: .* driver"):
        OpenVinoRuntime(device="gpu")
