"""bf16 is taken where it is to be had and says what f32 says, and never else without a word."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from backend.domain.errors import ConfigurationError, ModelError
from backend.vision.loading import load_pipelines
from backend.vision.models import SFACE_INT8, prepare
from backend.vision.precision import PrecisionWish, agreement, settled
from backend.vision.runtime import InferenceSession, Precision
from backend.vision.runtime_openvino import OpenVinoRuntime
from backend.vision.sface import SFace
from backend.vision.yunet import YuNet
from tests.rig.photos import astronaut
from tests.unit.vision.spoiled import Spoiled, with_channels_swapped


class HalfRuntime:
    """The real engine, said to have bf16; what it answers in that may be spoiled. It counts what it loads."""

    name = "openvino"
    device = "cpu"
    streams = 1

    def __init__(self, spoiled: bool = False, precisions: Sequence[Precision] = ("f32", "bf16")) -> None:
        self.precisions = precisions
        self.identity = "a processor, release 1"
        self.loaded: list[Precision] = []
        self._spoiled = spoiled
        self._runtime = OpenVinoRuntime()

    def load(self, model: Path, precision: Precision = "f32", streams: int = 1) -> InferenceSession:
        self.loaded.append(precision)
        session = self._runtime.load(model, precision, streams)
        return Spoiled(session, with_channels_swapped) if self._spoiled and precision == "bf16" else session


@pytest.fixture
def embedder(tmp_path: Path, cache_dir: Path) -> Path:
    """The embedder's file, in a folder where nothing is remembered."""
    folded = prepare(SFACE_INT8, cache_dir)
    path = tmp_path / folded.name
    path.symlink_to(folded)
    return path


def sface(session: InferenceSession) -> SFace:
    return SFace(session, SFACE_INT8.name)


def test_auto_takes_bf16_where_it_agrees(yunet: YuNet, embedder: Path) -> None:
    assert settled("auto", HalfRuntime(), yunet, embedder, sface) == "bf16"


def test_auto_takes_f32_where_bf16_disagrees_and_says_so(
    yunet: YuNet, embedder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert settled("auto", HalfRuntime(spoiled=True), yunet, embedder, sface) == "f32"
    assert "the models run in f32" in caplog.text


def test_auto_takes_f32_where_the_processor_has_no_bf16(yunet: YuNet, embedder: Path) -> None:
    runtime = HalfRuntime(precisions=("f32",))
    assert settled("auto", runtime, yunet, embedder, sface) == "f32"
    assert runtime.loaded == []


def test_f16_alone_is_taken_and_f32_beside_it_refused(yunet: YuNet, embedder: Path) -> None:
    npu = HalfRuntime(precisions=("f16",))
    assert settled("auto", npu, yunet, embedder, sface) == "f16"
    with pytest.raises(ConfigurationError, match="PRECISION=f32"):
        settled("f32", npu, yunet, embedder, sface)


def test_bf16_that_is_not_to_be_had_is_refused(yunet: YuNet, embedder: Path) -> None:
    with pytest.raises(ConfigurationError, match="PRECISION=bf16: openvino on cpu does not compute in bf16"):
        settled("bf16", HalfRuntime(precisions=("f32",)), yunet, embedder, sface)


def test_bf16_that_disagrees_is_refused(yunet: YuNet, embedder: Path) -> None:
    with pytest.raises(ModelError, match="Set PRECISION"):
        settled("bf16", HalfRuntime(spoiled=True), yunet, embedder, sface)


@pytest.mark.parametrize("wish", ["auto", "bf16"])
def test_the_guard_measures_once_a_machine(yunet: YuNet, embedder: Path, wish: PrecisionWish) -> None:
    settled("auto", HalfRuntime(), yunet, embedder, sface)
    later, elsewhere = HalfRuntime(), HalfRuntime()
    elsewhere.identity = "another processor, release 1"
    assert settled(wish, later, yunet, embedder, sface) == settled(wish, elsewhere, yunet, embedder, sface) == "bf16"
    assert (later.loaded, sorted(elsewhere.loaded)) == ([], ["bf16", "f32"])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": 1}'])
def test_a_damaged_memory_is_measured_anew(yunet: YuNet, embedder: Path, content: str) -> None:
    memory = embedder.with_name("precision.json")
    memory.write_text(content)
    assert settled("auto", HalfRuntime(), yunet, embedder, sface) == "bf16"
    assert json.loads(memory.read_text())["similarity"] > 0.999


def test_f32_asks_nobody(yunet: YuNet, embedder: Path) -> None:
    runtime = HalfRuntime(spoiled=True)
    assert settled("f32", runtime, yunet, embedder, sface) == "f32"
    assert runtime.loaded == []


def test_the_guard_is_far_from_both_the_sound_and_the_spoiled(yunet: YuNet, embedder: Path) -> None:
    assert agreement(HalfRuntime(), yunet, embedder, sface) > 0.9995
    assert agreement(HalfRuntime(spoiled=True), yunet, embedder, sface) < 0.99


def test_templates_of_both_are_of_one_model_and_detections_are_the_same(cache_dir: Path) -> None:
    half, full = (load_pipelines(cache_dir, runtime=HalfRuntime(), precision=each) for each in ("bf16", "f32"))
    assert (half.precision, full.precision) == ("bf16", "f32")
    (one,), (other,) = (pipelines.plain.analyse(astronaut()) for pipelines in (half, full))
    assert one.detection == other.detection
    assert one.template.model == other.template.model
    assert one.template.similarity(other.template) > 0.999
