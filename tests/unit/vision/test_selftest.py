"""What would make every answer a little wrong is caught at start."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from backend.domain.errors import ModelError
from backend.domain.face import Detection, Template
from backend.domain.geometry import Landmarks, RgbImage
from backend.vision.models import SFACE_INT8, YUNET_INT8, prepare
from backend.vision.pipeline import FacePipeline
from backend.vision.runtime import InferenceSession
from backend.vision.runtime_openvino import OpenVinoRuntime
from backend.vision.selftest import check, check_detector, check_embedder
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


class Drawing:
    """An embedder that is not ours: it answers what a function says of a face."""

    model = "own"
    dimensions = 64

    def __init__(self, answer: Callable[[RgbImage], Batch]) -> None:
        self._answer = answer

    def embed(self, aligned: Sequence[RgbImage]) -> list[Template]:
        vectors = [self._answer(face).astype(np.float32) for face in aligned]
        return [Template(vector / np.float32(np.linalg.norm(vector)), self.model) for vector in vectors]


def shades(face: RgbImage) -> Batch:
    """How bright eight by eight parts are, beside each other's mean; the same in a mirror."""
    parts = face.mean(axis=2).reshape(8, 14, 8, 14).mean(axis=(1, 3))
    both = parts + parts[:, ::-1]
    return np.asarray(both - both.mean() + 0.01, np.float32).ravel()


def test_an_embedder_that_is_not_ours_passes_where_it_makes_sense(sface: SFace, tmp_path: Path) -> None:
    check_embedder(sface, tmp_path)
    check_embedder(Drawing(shades), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["golden-own.json", f"golden-{sface.model}.json"]


def test_it_is_compared_with_its_own_first_answer_later(sface: SFace, tmp_path: Path) -> None:
    check_embedder(sface, tmp_path)
    check_embedder(sface, tmp_path)
    swapped = Drawing(lambda face: sface.embed([face[..., ::-1]])[0].embedding)
    (tmp_path / f"golden-{sface.model}.json").rename(tmp_path / "golden-own.json")
    with pytest.raises(ModelError, match="self-test"):
        check_embedder(swapped, tmp_path)


@pytest.mark.parametrize(
    "answer",
    [
        lambda _face: np.ones(64),
        lambda _face: np.full(64, np.nan),
        lambda face: np.random.default_rng(int(face[:, :50].sum())).normal(size=64),
        lambda face: np.sort(face, axis=None)[:64] + np.ones(64),
    ],
    ids=["always the same", "not a number", "chance", "the darkest pixels"],
)
def test_an_embedder_that_makes_no_sense_of_faces_fails(answer: Callable[[RgbImage], Batch], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="self-test"):
        check_embedder(Drawing(answer), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_detector_that_is_not_ours_must_find_the_face_where_it_is(
    yunet: YuNet, detector_session: InferenceSession
) -> None:
    check_detector(yunet)
    with pytest.raises(ModelError, match="0 faces"):
        check_detector(YuNet(Spoiled(detector_session, np.zeros_like)))


def test_a_detector_whose_landmarks_are_elsewhere_fails(yunet: YuNet) -> None:
    class Askew:
        def detect(self, image: RgbImage) -> list[Detection]:
            (found,) = yunet.detect(image)
            first, second, *others = found.landmarks.points()
            return [Detection(found.box, Landmarks(second, first, *others), found.score)]

    with pytest.raises(ModelError, match="eye distances from where it is"):
        check_detector(Askew())
