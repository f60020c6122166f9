"""What would make every answer a little wrong is caught at start."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from backend.domain.errors import ModelError
from backend.vision.models import SFACE_INT8, YUNET_INT8, prepare
from backend.vision.pipeline import FacePipeline
from backend.vision.runtime import InferenceSession
from backend.vision.runtime_openvino import OpenVinoRuntime
from backend.vision.selftest import check
from backend.vision.sface import SFace
from backend.vision.yunet import YuNet
from tests.unit.vision.spoiled import Batch, Spoiled, with_channels_swapped


def pipeline_of(detector: InferenceSession, embedder: InferenceSession) -> FacePipeline:
    return FacePipeline(YuNet(detector), SFace(embedder, SFACE_INT8.name))


def test_sound_models_pass(pipeline: FacePipeline) -> None:
    assert check(pipeline) > 0.999


def test_bf16_passes(cache_dir: Path) -> None:
    detector, embedder = (
        OpenVinoRuntime().load(prepare(model, cache_dir), "bf16") for model in (YUNET_INT8, SFACE_INT8)
    )
    assert check(pipeline_of(detector, embedder)) > 0.995


@pytest.mark.parametrize(
    "spoil",
    [
        with_channels_swapped,
        lambda batch: batch / 255,
        lambda batch: (batch - 127.5) / 128,
        lambda batch: batch[..., ::-1],
        lambda batch: np.repeat(batch.mean(axis=1, keepdims=True), 3, axis=1),
        np.zeros_like,
    ],
    ids=["swapped channels", "0-1 scale", "mean taken twice", "mirrored", "grey", "black"],
)
def test_an_embedder_fed_wrongly_fails(
    spoil: Callable[[Batch], Batch], detector_session: InferenceSession, embedder_session: InferenceSession
) -> None:
    with pytest.raises(ModelError, match="self-test"):
        check(pipeline_of(detector_session, Spoiled(embedder_session, spoil)))


def test_a_detector_fed_swapped_channels_fails(
    detector_session: InferenceSession, embedder_session: InferenceSession
) -> None:
    with pytest.raises(ModelError, match="self-test"):
        check(pipeline_of(Spoiled(detector_session, with_channels_swapped), embedder_session))


def test_a_blind_detector_fails(detector_session: InferenceSession, embedder_session: InferenceSession) -> None:
    with pytest.raises(ModelError, match="0 faces"):
        check(pipeline_of(Spoiled(detector_session, np.zeros_like), embedder_session))


class Answering:
    """A broken model: always the same numbers."""

    def __init__(self, answer: Batch) -> None:
        self._answer = answer

    def run(self, batch: Batch) -> Mapping[str, Batch]:
        return {"fc1": np.repeat(self._answer, len(batch), axis=0)}


@pytest.mark.parametrize("numbers", [np.full((1, 128), np.nan), np.zeros((1, 128)), np.ones((1, 64))])
def test_a_broken_embedder_fails(numbers: Batch, detector_session: InferenceSession) -> None:
    with pytest.raises(ModelError, match="self-test"):
        check(pipeline_of(detector_session, Answering(numbers.astype(np.float32))))
