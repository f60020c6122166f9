"""OpenVINO runs folded models on any batch size, for many threads at once, and tells nobody."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.domain.errors import ModelError
from backend.vision.models import SFACE_INT8, prepare
from backend.vision.runtime import InferenceSession
from backend.vision.runtime_openvino import OpenVinoRuntime


def faces(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).uniform(0, 255, (count, 3, 112, 112)).astype(np.float32)


def embeddings(session: InferenceSession, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    found = session.run(batch)["fc1"]
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)


def test_a_batch_gives_what_its_images_give_one_by_one(embedder_session: InferenceSession) -> None:
    batch = faces(5)
    together = embeddings(embedder_session, batch)
    assert together.shape == (5, 128)
    one_by_one = np.concatenate([embeddings(embedder_session, batch[index : index + 1]) for index in range(5)])
    np.testing.assert_allclose(together, one_by_one, atol=1e-4)


def test_image_sizes_may_change_from_call_to_call(detector_session: InferenceSession) -> None:
    for height, width in ((64, 96), (320, 32), (64, 96)):
        outputs = detector_session.run(np.zeros((1, 3, height, width), np.float32))
        assert outputs["kps_8"].shape == (1, height * width // 64, 10)


def test_threads_at_once_get_their_own_answers(embedder_session: InferenceSession) -> None:
    batch = faces(6)
    expected = embeddings(embedder_session, batch)
    with ThreadPoolExecutor(6) as threads:
        answers = list(
            threads.map(lambda turn: embeddings(embedder_session, batch[turn % 6 : turn % 6 + 1]), range(24))
        )
    assert len(answers) == 24
    for turn, answer in enumerate(answers):
        np.testing.assert_allclose(answer[0], expected[turn % 6], atol=1e-4)


def test_earlier_answers_are_not_overwritten(embedder_session: InferenceSession) -> None:
    batch = faces(2)
    first = embedder_session.run(batch[:1])["fc1"]
    kept = first.copy()
    embedder_session.run(batch[1:])
    np.testing.assert_array_equal(first, kept)


def test_bf16_is_near_f32(cache_dir: Path, embedder_session: InferenceSession) -> None:
    half = OpenVinoRuntime().load(prepare(SFACE_INT8, cache_dir), "bf16")
    similarities = (embeddings(half, faces(4)) * embeddings(embedder_session, faces(4))).sum(axis=1)
    assert similarities.min() > 0.99


@pytest.mark.parametrize("content", [None, b"", b"no model"])
def test_a_file_that_is_no_model_is_a_model_error(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.onnx"):
        OpenVinoRuntime().load(path)


def test_nothing_is_reported_to_the_engine_s_maker(tmp_path: Path) -> None:
    code = (
        "import sys, threading; import backend.vision.runtime_openvino\n"
        "assert not [name for name in sys.modules if 'telemetry' in name and sys.modules[name]]\n"
        "assert threading.active_count() == 1"
    )
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=environment)
    assert list(tmp_path.iterdir()) == []
