"""A user's model file is known by its hash or taken as their own, and what is no model is refused with what to do."""

import hashlib
import importlib.util
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from backend.domain.errors import ConfigurationError
from backend.vision import own_files
from backend.vision.catalogue import AURAFACE, DETECTORS, EMBEDDERS, SCRFD_10G, W600K_R50
from backend.vision.conventions import CONVENTIONS, ConventionName
from backend.vision.models import PACKAGE, SFACE_INT8, YUNET_INT8
from backend.vision.own_files import embedder_named, own_detector, own_embedder
from tests.rig.own_models import arcface_of_sface, scrfd_of_yunet


def network(
    path: Path, *, shape: tuple[int, ...] = (1, 3, 112, 112), first: tuple[str, ...] = (), outputs: int = 1
) -> Path:
    """A file that means nothing, of an input's shape, first nodes and a number of outputs."""
    names = ["image", *(f"step_{place}" for place in range(len(first)))]
    nodes = [
        helper.make_node(kind, [before, "one"], [after])
        for kind, before, after in zip(first, names, names[1:], strict=False)
    ]
    ends = [f"out_{place}" for place in range(outputs)]
    nodes += [helper.make_node("Flatten", [names[-1]], [end]) for end in ends]
    graph = helper.make_graph(
        nodes,
        "drawn",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(end, TensorProto.FLOAT, [1, None]) for end in ends],
        [numpy_helper.from_array(np.array(1, np.float32), "one")],
    )
    onnx.save(helper.make_model(graph), path)
    return path


def test_the_catalogue_tells_what_a_person_must_know() -> None:
    entries = (*EMBEDDERS, *DETECTORS)
    assert len(entries) == 11
    for entry in entries:
        assert "" not in (entry.licence, entry.source)
        assert len(entry.sha256) == 64
    assert {entry.licence for entry in (W600K_R50, SCRFD_10G)} == {"non-commercial research only"}
    assert AURAFACE.licence == "Apache-2.0"
    assert len({entry.name for entry in entries}) == len({entry.sha256 for entry in entries}) == len(entries)
    assert all(len(entry.name) <= 64 for entry in entries)


def test_a_file_that_is_in_the_catalogue_is_that_model_whatever_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = network(tmp_path / "renamed.onnx")
    entry = replace(W600K_R50, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(own_files, "EMBEDDERS", (entry,))
    found = own_embedder(str(path))
    assert (found.name, found.file_name, found.folder) == ("arcface_w600k_r50", "renamed.onnx", tmp_path)
    assert found.convention is CONVENTIONS["arcface"]
    with pytest.raises(ConfigurationError, match="Take MODEL_CONVENTION away"):
        own_embedder(str(path), "adaface")


def test_a_model_is_given_by_name_where_its_file_is_in_the_model_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = network(tmp_path / AURAFACE.file_name)
    entry = replace(AURAFACE, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(own_files, "EMBEDDERS", (entry,))
    assert own_embedder("auraface_v1", model_dir=tmp_path).name == "auraface_v1"


def test_a_name_without_its_file_says_where_it_comes_from_and_its_licence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"Nothing is downloaded.*antelopev2.*non-commercial research only"):
        own_embedder("arcface_glintr100", model_dir=tmp_path)
    network(tmp_path / "glintr100.onnx")
    with pytest.raises(ConfigurationError, match="is another file"):
        own_embedder("arcface_glintr100", model_dir=tmp_path)


def test_an_unknown_file_is_the_user_s_own_and_its_id_carries_its_hash(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = network(tmp_path / "mine.onnx")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with caplog.at_level(logging.WARNING):
        found = own_embedder(str(path))
    assert found.name == f"own-arcface-{digest[:16]}"
    assert "mine.onnx is not in the catalogue" in caplog.text
    assert "RGB, (x - 127.5) / 127.5 (read from its name and graph)" in caplog.text


@pytest.mark.parametrize(
    ("file_name", "first", "expected"),
    [
        ("mine.onnx", (), "arcface"),
        ("mine.onnx", ("Mul",), "arcface"),
        ("mine.onnx", ("Sub", "Mul"), "raw"),
        ("mine.onnx", ("Add",) * 8 + ("Sub", "Mul"), "arcface"),
        ("AdaFace_ir101.onnx", (), "adaface"),
    ],
)
def test_how_a_file_is_fed_is_read_from_its_name_and_graph(
    tmp_path: Path, file_name: str, first: tuple[str, ...], expected: ConventionName
) -> None:
    assert own_embedder(str(network(tmp_path / file_name, first=first))).convention.name == expected


def test_how_a_file_is_fed_can_be_named_and_makes_another_model(tmp_path: Path) -> None:
    path = str(network(tmp_path / "mine.onnx"))
    names = {own_embedder(path, convention).name for convention in CONVENTIONS}
    assert len(names) == len(CONVENTIONS) == 4


@pytest.mark.parametrize("name", ["sface_2021dec_int8bq", "auraface_v1"])
def test_an_embedder_of_the_catalogue_is_found_by_its_id(name: str) -> None:
    found = embedder_named(name)
    assert found is not None
    assert found.name == name


def test_an_embedder_of_one_s_own_is_found_by_its_id_when_its_file_is_gone(tmp_path: Path) -> None:
    path = network(tmp_path / "mine.onnx")
    own = own_embedder(str(path), "arcface-128")
    path.unlink()
    found = embedder_named(own.name)
    assert found is not None
    assert (found.name, found.convention, found.sha256[:8]) == (own.name, own.convention, own.sha256[:8])


@pytest.mark.parametrize("name", ["", "own", "own-arcface", "own-arcface-12", "own-other-0123456789abcdef", "dlib"])
def test_what_is_no_id_of_an_embedder_is_none(name: str) -> None:
    assert embedder_named(name) is None


@pytest.mark.parametrize(
    ("shape", "outputs", "message"),
    [
        ((1, 3, 160, 160), 1, "takes images of 3×160×160; faces are fed as 3×112×112"),
        ((1, 112, 112, 3), 1, "takes images of 112×112×3"),
        ((1, 1, 112, 112), 1, "takes images of 1×112×112"),
        ((1, 37_632), 1, "inputs of the shapes"),
        ((1, 3, 112, 112), 9, "has 9 outputs.*DETECTOR_FILE"),
    ],
)
def test_an_embedder_of_another_shape_is_refused(
    tmp_path: Path, shape: tuple[int, ...], outputs: int, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        own_embedder(str(network(tmp_path / "mine.onnx", shape=shape, outputs=outputs)))


def test_what_is_no_file_or_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"MODEL_FILE: .*cannot be read: No such file.*arcface_w600k_r50"):
        own_embedder(str(tmp_path / "nowhere.onnx"))
    with pytest.raises(ConfigurationError, match=r"DETECTOR_FILE: .*cannot be read: Is a directory.*scrfd_10g_kps"):
        own_detector(str(tmp_path))
    (tmp_path / "text.onnx").write_text("no model")
    for take in (own_embedder, own_detector):
        with pytest.raises(ConfigurationError, match="is no ONNX file"):
            take(str(tmp_path / "text.onnx"))


def package_file(name: str) -> str:
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None
    assert spec.submodule_search_locations
    return str(Path(spec.submodule_search_locations[0]) / "models" / name)


def test_a_detector_is_no_embedder_nor_the_other_way_round() -> None:
    with pytest.raises(ConfigurationError, match="a detector: name it in DETECTOR_FILE"):
        own_embedder(package_file(YUNET_INT8.file_name))
    with pytest.raises(ConfigurationError, match="an embedder: name it in MODEL_FILE"):
        own_detector(package_file(SFACE_INT8.file_name))
    assert own_detector(package_file(YUNET_INT8.file_name)).name == YUNET_INT8.name


def test_a_detector_s_fixed_size_is_read_from_its_graph(tmp_path: Path, cache_dir: Path) -> None:
    free = own_detector(str(scrfd_of_yunet(tmp_path / "free.onnx", cache_dir)))
    fixed = own_detector(str(scrfd_of_yunet(tmp_path / "fixed.onnx", cache_dir, (480, 640))))
    assert (free.fixed_size, free.free_image_size) == (None, True)
    assert (fixed.fixed_size, fixed.free_image_size) == ((480, 640), False)
    with pytest.raises(ConfigurationError, match="images of 1 channels"):
        own_detector(str(network(tmp_path / "grey.onnx", shape=(1, 1, 64, 64), outputs=9)))


def test_a_network_in_the_form_of_arcface_is_recognised_as_such(tmp_path: Path, cache_dir: Path) -> None:
    assert own_embedder(str(arcface_of_sface(tmp_path / "r50.onnx", cache_dir))).convention is CONVENTIONS["arcface"]
