"""Makes a model that every inference engine reads: plain fp32 weights, one image input, any batch and image size.

The OpenCV Zoo's block-quantised files keep int8 weights behind `DequantizeLinear` nodes with a `block_size`, which not
every engine takes, list weights as inputs of the graph, and fix the batch (and YuNet's image size) at export.
"""

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Array: TypeAlias = NDArray[np.generic]
Constants: TypeAlias = dict[str, Array]


def fold(model: onnx.ModelProto, free_image_size: bool, free_batch: bool = True) -> onnx.ModelProto:
    """A new model of the same answers, whose weights are fp32 constants and whose batch size is free.

    `free_image_size` frees height and width too, for fully convolutional models. Without `free_batch` the batch stays
    as it is exported: for models that leave the image out of their outputs' dimensions. Raises ValueError where the
    model does not have exactly one image input, or holds quantised weights of another kind.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    image = _image_input(model.graph, constants)
    nodes = _without_dropout(_folded(model.graph.node, constants))
    if free_batch:
        _free_batch(nodes, constants)
    read = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        model.graph.name,
        [_declared(image, _freed_shape(image, free_image_size, free_batch))],
        [_declared(output, [None] * _rank(output)) for output in model.graph.output],
        [numpy_helper.from_array(array, name) for name, array in constants.items() if name in read],
    )
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _image_input(graph: onnx.GraphProto, constants: Constants) -> onnx.ValueInfoProto:
    """The one input that is not a weight: weights are constants, or have no reader left after quantisation."""
    read = {name for node in graph.node for name in node.input}
    images = [entry for entry in graph.input if entry.name in read and entry.name not in constants]
    if len(images) != 1:
        raise ValueError(f"a model with one image input was expected, not {len(images)}")
    image: onnx.ValueInfoProto = images[0]
    return image


def _folded(nodes: Iterable[onnx.NodeProto], constants: Constants) -> list[onnx.NodeProto]:
    """The nodes that depend on the image; what depends on constants alone is computed into `constants`."""
    remaining = []
    for node in nodes:
        operation = _FOLDABLE.get(node.op_type)
        if operation is not None and all(name in constants for name in node.input):
            constants[node.output[0]] = operation(node, [constants[name] for name in node.input])
        else:
            remaining.append(node)
    return remaining


def _dequantised(node: onnx.NodeProto, inputs: list[Array]) -> Array:
    """`(x - zero_point) * scale`, block by block along an axis (ONNX operator DequantizeLinear, opset 21)."""
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
    if not block:
        raise ValueError(f"{node.output[0]} is quantised, but not in blocks")
    quantised, scales, zeros = inputs
    size = quantised.shape[axis]
    scales, zeros = (
        np.repeat(part, block, axis).take(range(size), axis).astype(np.float32) for part in (scales, zeros)
    )
    return (quantised.astype(np.float32) - zeros) * scales


def _reshaped(_node: onnx.NodeProto, inputs: list[Array]) -> Array:
    return inputs[0].reshape([int(size) for size in inputs[1].tolist()])


def _constant(node: onnx.NodeProto, _inputs: list[Array]) -> Array:
    given = node.attribute[0]
    if given.type == onnx.AttributeProto.TENSOR:
        return numpy_helper.to_array(given.t)
    kind = np.float32 if given.type in (onnx.AttributeProto.FLOAT, onnx.AttributeProto.FLOATS) else np.int64
    return np.array(helper.get_attribute_value(given), kind)


_FOLDABLE: dict[str, Callable[[onnx.NodeProto, list[Array]], Array]] = {
    "DequantizeLinear": _dequantised,
    "Reshape": _reshaped,
    "Constant": _constant,
}


def _without_dropout(nodes: Iterable[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The nodes with each Dropout left out, which passes its input on unchanged outside training."""
    origin: dict[str, str] = {}
    remaining = []
    for node in nodes:
        if node.op_type == "Dropout":
            origin[node.output[0]] = origin.get(node.input[0], node.input[0])
        else:
            inputs = [origin.get(name, name) for name in node.input]
            remaining.append(_reading(node, inputs))
    return remaining


def _reading(node: onnx.NodeProto, inputs: list[str]) -> onnx.NodeProto:
    """The same node with other inputs."""
    changed = onnx.NodeProto()
    changed.CopyFrom(node)
    del changed.input[:]
    changed.input.extend(inputs)
    return changed


def _free_batch(nodes: Iterable[onnx.NodeProto], constants: Constants) -> None:
    """Lets every remaining Reshape keep its batch size, which the exporter wrote down as 1."""
    for node in nodes:
        # A shape that is computed from the image's, as some exporters have it, knows the batch already.
        if node.op_type == "Reshape" and node.input[1] in constants:
            shape = constants[node.input[1]]
            # A zero means "as in the input" (ONNX operator Reshape).
            constants[node.input[1]] = np.concatenate((np.zeros(1, shape.dtype), shape[1:]))


def _freed_shape(image: onnx.ValueInfoProto, free_image_size: bool, free_batch: bool) -> list[int | str | None]:
    _, channels, height, width = (dimension.dim_value for dimension in image.type.tensor_type.shape.dim)
    batch = "batch" if free_batch else 1
    return [batch, channels, "height", "width"] if free_image_size else [batch, channels, height, width]


def _rank(value: onnx.ValueInfoProto) -> int:
    return len(value.type.tensor_type.shape.dim)


def _declared(value: onnx.ValueInfoProto, shape: list[int | str | None]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(value.name, onnx.TensorProto.FLOAT, shape)
