"""An embedder is fed as its convention says, and what answers no vector a face is refused."""

from collections.abc import Mapping

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from backend.domain.errors import ModelError
from backend.vision.alignment import SIZE
from backend.vision.conventions import CONVENTIONS, Convention
from backend.vision.folding import fold
from backend.vision.network_embedder import BATCH, NetworkEmbedder, dimensions_of
from backend.vision.runtime import InferenceSession
from backend.vision.runtime_openvino import OpenVinoRuntime

WEIGHTS = np.random.default_rng(11).normal(size=(3 * 14 * 14, 512)).astype(np.float32)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> InferenceSession:
    """ArcFace's form and nothing of its knowledge: a fixed projection of the face in 14 × 14 pixels, for one face."""
    nodes = [
        helper.make_node("AveragePool", ["input.1"], ["small"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Reshape", ["small", "row"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["683"]),
    ]
    graph = helper.make_graph(
        nodes,
        "projection",
        [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("683", TensorProto.FLOAT, [1, 512])],
        [numpy_helper.from_array(WEIGHTS, "weights"), numpy_helper.from_array(np.array([1, -1]), "row")],
    )
    path = tmp_path_factory.mktemp("own") / "projection.onnx"
    onnx.save(fold(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), free_image_size=False), path)
    return OpenVinoRuntime().load(path)


def faces(count: int) -> list[NDArray[np.uint8]]:
    numbers = np.random.default_rng(3)
    small = [numbers.integers(0, 256, (7, 7, 3), np.uint8) for _ in range(count)]
    return [np.asarray(cv2.resize(face, (SIZE, SIZE)), np.uint8) for face in small]


def expected(face: NDArray[np.uint8], convention: Convention) -> NDArray[np.float32]:
    """By OpenCV, as InferenceSession's users of other programs do it: a blob from a BGR picture."""
    blob = cv2.dnn.blobFromImage(
        face[..., ::-1].copy(),
        1 / convention.divisor,
        (SIZE, SIZE),
        (convention.mean,) * 3,
        swapRB=convention.channels == "RGB",
    )
    small = blob.reshape(3, 14, 8, 14, 8).mean(axis=(2, 4))
    vector = small.ravel() @ WEIGHTS
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


@pytest.mark.parametrize("convention", CONVENTIONS.values(), ids=CONVENTIONS)
def test_faces_are_fed_as_the_convention_says(session: InferenceSession, convention: Convention) -> None:
    embedder = NetworkEmbedder(session, "own", convention, 512)
    drawn = faces(BATCH + 2)
    templates = embedder.embed(drawn)
    assert len(templates) == BATCH + 2
    for face, template in zip(drawn, templates, strict=True):
        assert template.model == "own"
        np.testing.assert_allclose(template.embedding, expected(face, convention), atol=2e-4)


def test_conventions_differ_in_what_they_make_of_a_face(session: InferenceSession) -> None:
    (face,) = faces(1)
    made = [NetworkEmbedder(session, "own", each, 512).embed([face])[0] for each in CONVENTIONS.values()]
    alike = [made[1].similarity(other) for other in (made[0], made[3])]
    assert max(alike) < 0.99


def test_the_length_of_an_embedding_is_asked_of_the_model(session: InferenceSession) -> None:
    assert dimensions_of(session, "own.onnx") == 512


class Answering:
    """A network that answers this, or fails."""

    def __init__(self, *answers: NDArray[np.float32] | Exception) -> None:
        self._answers = answers

    def run(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        if isinstance(self._answers[0], Exception):
            raise self._answers[0]
        return {str(place): answer for place, answer in enumerate(self._answers) if not isinstance(answer, Exception)}


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ((np.zeros((1, 512), np.float32),), "an embedder answers one vector for each"),
        ((np.zeros((2, 512), np.float32),) * 2, "an embedder answers one vector for each"),
        ((np.zeros((2, 512, 1), np.float32),), "an embedder answers one vector for each"),
        ((np.zeros((2, 2), np.float32),), "vectors of 2 numbers"),
        ((RuntimeError("shape"),), "cannot compute two faces"),
    ],
)
def test_what_answers_no_vector_a_face_is_no_embedder(
    answers: tuple[NDArray[np.float32] | Exception, ...], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        dimensions_of(Answering(*answers), "own.onnx")
