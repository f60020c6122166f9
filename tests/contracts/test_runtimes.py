"""What every inference engine promises, on the real models."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.domain.errors import ModelError
from backend.vision import runtime_openvino
from backend.vision.loading import load_pipelines
from backend.vision.models import SFACE_INT8, YUNET_INT8, prepare
from backend.vision.runtime import InferenceSession, Runtime
from backend.vision.runtime_onnxruntime import OnnxRuntime
from backend.vision.runtime_openvino import OpenVinoRuntime
from tests.rig.photos import astronaut


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def as_on_an_npu() -> Runtime:
    """OpenVINO as it runs an NPU, where the processor, computing in f32, stands for the NPU."""
    return OpenVinoRuntime(device="npu")


@pytest.fixture(
    params=[OpenVinoRuntime, OnnxRuntime, as_on_an_npu], ids=["openvino", "onnxruntime", "openvino-npu"], scope="module"
)
def runtime(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    make: Callable[[], Runtime] = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(runtime_openvino.DEVICE_NAMES, "npu", "CPU")
        yield make()


@pytest.fixture(scope="module")
def detector(runtime: Runtime, cache_dir: Path) -> InferenceSession:
    return runtime.load(prepare(YUNET_INT8, cache_dir))


@pytest.fixture(scope="module")
def embedder(runtime: Runtime, cache_dir: Path) -> InferenceSession:
    return runtime.load(prepare(SFACE_INT8, cache_dir))


def faces(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).uniform(0, 255, (count, 3, 112, 112)).astype(np.float32)


def embeddings(session: InferenceSession, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    found = session.run(batch)["fc1"]
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)


def test_a_runtime_says_what_it_is(runtime: Runtime) -> None:
    most_exact = {"cpu": "f32", "npu": "f16"}
    assert runtime.name in ("openvino", "onnxruntime")
    assert runtime.precisions[0] == most_exact[runtime.device]
    assert any(digit in runtime.identity for digit in "0123456789")


def test_a_batch_gives_what_its_images_give_one_by_one(embedder: InferenceSession) -> None:
    batch = faces(5)
    together = embeddings(embedder, batch)
    assert together.shape == (5, 128)
    one_by_one = np.concatenate([embeddings(embedder, batch[index : index + 1]) for index in range(5)])
    np.testing.assert_allclose(together, one_by_one, atol=1e-4)


def test_image_sizes_may_change_from_call_to_call(detector: InferenceSession) -> None:
    for height, width in ((64, 96), (320, 32), (64, 96)):
        outputs = detector.run(np.zeros((1, 3, height, width), np.float32))
        assert outputs["kps_8"].shape == (1, height * width // 64, 10)


def test_threads_at_once_get_their_own_answers(embedder: InferenceSession) -> None:
    batch = faces(6)
    expected = embeddings(embedder, batch)
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda turn: embeddings(embedder, batch[turn % 6 : turn % 6 + 1]), range(24)))
    assert len(answers) == 24
    for turn, answer in enumerate(answers):
        np.testing.assert_allclose(answer[0], expected[turn % 6], atol=1e-4)


def test_earlier_answers_are_not_overwritten(embedder: InferenceSession) -> None:
    batch = faces(2)
    first = embedder.run(batch[:1])["fc1"]
    kept = first.copy()
    embedder.run(batch[1:])
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("content", [None, b"", b"no model"])
def test_a_file_that_is_no_model_is_a_model_error(runtime: Runtime, content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.onnx"):
        runtime.load(path)


def test_a_face_has_the_same_template_by_every_runtime(runtime: Runtime, cache_dir: Path) -> None:
    pipelines = load_pipelines(cache_dir, runtime=runtime, precision="f32" if runtime.device == "cpu" else "auto")
    assert pipelines.precision == runtime.precisions[0]
    (face,) = pipelines.plain.analyse(astronaut())
    (expected,) = load_pipelines(cache_dir, runtime=OpenVinoRuntime()).plain.analyse(astronaut())
    assert face.template.similarity(expected.template) > 0.9999
    np.testing.assert_allclose(face.detection.landmarks.as_array(), expected.detection.landmarks.as_array(), atol=0.05)
