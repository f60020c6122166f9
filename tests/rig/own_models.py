"""Model files as users bring them: the true forms of ArcFace's and SCRFD's, made here of the default weights.

The files of InsightFace are not free to be shipped. These take and answer what those do, and know faces as well as
SFace and YuNet, whose weights they carry.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import NodeProto, TensorProto, helper, numpy_helper

from backend.vision.models import SFACE_INT8, YUNET_INT8, DetectorFile, EmbedderFile, prepare

ARCFACE_NUMBERS = 512


def arcface_of_sface(path: Path, cache_dir: Path, seed: int = 1) -> Path:
    """Write SFace as ArcFace's files are: RGB as (x - 127.5) / 127.5, a batch of one, 512 numbers.

    Faces are as alike by it as by SFace; another `seed` makes embeddings of another space, in another file.
    """
    inner = _folded(SFACE_INT8, cache_dir)
    turned, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(ARCFACE_NUMBERS, 128)))
    weights: dict[str, ArrayLike] = {"half": np.float32(127.5), "turn": turned.T.astype(np.float32)}
    # So many that the mean and scale inside SFace are not among a graph's first nodes, as in no ArcFace's they are.
    names = ["image", *(f"pass_{step}" for step in range(6))]
    before = [
        helper.make_node("Mul", ["input.1", "half"], ["scaled"]),
        helper.make_node("Add", ["scaled", "half"], ["image"]),
        *(helper.make_node("Identity", [one], [other]) for one, other in itertools.pairwise(names)),
        helper.make_node("Identity", [names[-1]], [inner.graph.input[0].name]),
    ]
    after = [helper.make_node("MatMul", [inner.graph.output[0].name, "turn"], ["683"])]
    outputs = [helper.make_tensor_value_info("683", TensorProto.FLOAT, [1, ARCFACE_NUMBERS])]
    return _written(path, inner, before, after, weights, outputs, (1, 3, 112, 112))


def scrfd_of_yunet(path: Path, cache_dir: Path, size: tuple[int, int] | None = None) -> Path:
    """Write YuNet as SCRFD's files are: RGB as (x - 127.5) / 128, two anchors a place, nine outputs without the image.

    `size` is the height and width that the file fixes; None where it takes any.
    """
    inner = _folded(YUNET_INT8, cache_dir)
    weights: dict[str, ArrayLike] = {
        "half": np.float32(127.5),
        "scale": np.float32(128),
        "bgr": np.array([2, 1, 0]),
        **{"two": np.float32(2), "none": np.float32(0), "outward": np.array([-1, -1, 1, 1], np.float32)},
        **{f"row_{numbers}": np.array([-1, numbers]) for numbers in (1, 4, 10)},
        "twice_4": np.array([1, 1, 2]),
        **{"places": np.array([0, 1]), "sizes": np.array([2, 3])},
    }
    before = [
        helper.make_node("Mul", ["input.1", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "half"], ["rgb"]),
        helper.make_node("Gather", ["rgb", "bgr"], [inner.graph.input[0].name], axis=1),
    ]
    after = [node for stride in (8, 16, 32) for node in _anchors(stride)]
    outputs = [
        helper.make_tensor_value_info(f"{kind}_{stride}_out", TensorProto.FLOAT, [None, numbers])
        for kind, numbers in (("score", 1), ("bbox", 4), ("kps", 10))
        for stride in (8, 16, 32)
    ]
    height, width = size or ("?", "?")
    return _written(path, inner, before, after, weights, outputs, (1, 3, height, width))


def _anchors(stride: int) -> list[NodeProto]:
    """YuNet's outputs of one stride as SCRFD's: the first anchor of a place says it all, the second nothing."""
    name = f"{{}}_{stride}".format
    return [
        helper.make_node("Mul", [name("cls"), name("obj")], [name("product")]),
        helper.make_node("Sqrt", [name("product")], [name("score")]),
        helper.make_node("Mul", [name("score"), "none"], [name("silence")]),
        helper.make_node("Concat", [name("score"), name("silence")], [name("scores")], axis=2),
        helper.make_node("Reshape", [name("scores"), "row_1"], [name("score") + "_out"]),
        # From a place to the box's sides: half its size, less or more how far its middle is from the place.
        helper.make_node("Gather", [name("bbox"), "places"], [name("shift")], axis=2),
        helper.make_node("Gather", [name("bbox"), "sizes"], [name("log_size")], axis=2),
        helper.make_node("Exp", [name("log_size")], [name("size")]),
        helper.make_node("Div", [name("size"), "two"], [name("half_size")]),
        helper.make_node("Concat", [name("half_size"), name("half_size")], [name("halves")], axis=2),
        helper.make_node("Concat", [name("shift"), name("shift")], [name("shifts")], axis=2),
        helper.make_node("Mul", [name("shifts"), "outward"], [name("outwards")]),
        helper.make_node("Add", [name("halves"), name("outwards")], [name("sides")]),
        helper.make_node("Tile", [name("sides"), "twice_4"], [name("two_boxes")]),
        helper.make_node("Reshape", [name("two_boxes"), "row_4"], [name("bbox") + "_out"]),
        helper.make_node("Tile", [name("kps"), "twice_4"], [name("two_faces")]),
        helper.make_node("Reshape", [name("two_faces"), "row_10"], [name("kps") + "_out"]),
    ]


def _folded(model: EmbedderFile | DetectorFile, cache_dir: Path) -> onnx.ModelProto:
    return onnx.load(prepare(model, cache_dir))


def _written(
    path: Path,
    inner: onnx.ModelProto,
    before: Sequence[NodeProto],
    after: Sequence[NodeProto],
    weights: Mapping[str, ArrayLike],
    outputs: Sequence[onnx.ValueInfoProto],
    shape: Sequence[int | str],
) -> Path:
    constants = [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()]
    graph = helper.make_graph(
        [*before, *inner.graph.node, *after],
        "own",
        [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, shape)],
        outputs,
        [*inner.graph.initializer, *constants],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=inner.opset_import, ir_version=inner.ir_version), path)
    return path
