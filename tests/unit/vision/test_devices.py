"""A device that is asked for is taken or refused, and what `auto` takes is said."""

import importlib.util
import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import onnxruntime
import pytest

from backend.domain.errors import ConfigurationError
from backend.vision.devices import DeviceWish, open_runtime

CUDA = "CUDAExecutionProvider"


@pytest.mark.parametrize(
    ("wish", "name", "device"),
    [("cpu", "openvino", "cpu"), ("auto", "openvino", "cpu"), ("onnxruntime-cpu", "onnxruntime", "cpu")],
)
def test_what_is_there_is_taken(wish: DeviceWish, name: str, device: str, cache_dir: Path) -> None:
    runtime = open_runtime(wish, 1, cache_dir)
    assert (runtime.name, runtime.device) == (name, device)


@pytest.mark.parametrize(
    ("wish", "advice"),
    [("cuda", r"face-server\[gpu\]"), ("tensorrt", r"TensorRT.*face-server\[gpu\]"), ("coreml", "macOS")],
)
def test_what_is_not_there_is_refused_with_what_to_install(wish: DeviceWish, advice: str, cache_dir: Path) -> None:
    with pytest.raises(ConfigurationError, match=rf"DEVICE={wish}: .*{advice}"):
        open_runtime(wish, 1, cache_dir)


@pytest.mark.parametrize(("wish", "extra"), [("cuda", "gpu"), ("onnxruntime-cpu", "onnxruntime")])
def test_without_onnx_runtime_its_extra_is_named(
    wish: DeviceWish, extra: str, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match=rf"DEVICE={wish} needs ONNX Runtime.*face-server\[{extra}\]"):
        open_runtime(wish, 1, cache_dir)


@pytest.fixture
def without_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ONNX Runtime built for CUDA, where no card answers: it lists what it was built for, and runs by the CPU."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, "CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    session = onnxruntime.InferenceSession

    def by_the_processor(model: str, options: object, _providers: Sequence[str]) -> object:
        return session(model, options, ["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", by_the_processor)


@pytest.mark.usefixtures("without_card")
def test_a_card_that_does_not_answer_is_never_the_processor_in_silence(cache_dir: Path) -> None:
    runtime = open_runtime("cuda", 1, cache_dir)
    (model, *_) = sorted(cache_dir.glob("yunet*.onnx"))
    with pytest.raises(ConfigurationError, match="DEVICE=cuda: ONNX Runtime finds no such device"):
        runtime.load(model)


@pytest.mark.usefixtures("without_card")
def test_auto_takes_the_processor_where_no_card_answers_and_says_so(
    cache_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert open_runtime("auto", 1, cache_dir).name == "openvino"
    assert "The processor is taken instead" in caplog.text


def test_onnx_runtime_is_not_loaded_where_it_is_not_used(cache_dir: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from backend.vision.devices import open_runtime\n"
        f"open_runtime('cpu', 1, Path({str(cache_dir)!r}))\n"
        "assert 'onnxruntime' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
