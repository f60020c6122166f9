"""Real models, loaded once for all tests of this folder."""

from pathlib import Path

import pytest

from backend.vision.models import SFACE_INT8, YUNET_INT8, prepare
from backend.vision.pipeline import FacePipeline
from backend.vision.runtime import InferenceSession
from backend.vision.runtime_openvino import OpenVinoRuntime
from backend.vision.sface import SFace
from backend.vision.yunet import YuNet


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both models folded."""
    folder = tmp_path_factory.mktemp("models")
    for model in (YUNET_INT8, SFACE_INT8):
        prepare(model, folder)
    return folder


@pytest.fixture(scope="session")
def detector_session(cache_dir: Path) -> InferenceSession:
    return OpenVinoRuntime().load(prepare(YUNET_INT8, cache_dir))


@pytest.fixture(scope="session")
def embedder_session(cache_dir: Path) -> InferenceSession:
    return OpenVinoRuntime().load(prepare(SFACE_INT8, cache_dir))


@pytest.fixture(scope="session")
def yunet(detector_session: InferenceSession) -> YuNet:
    return YuNet(detector_session)


@pytest.fixture(scope="session")
def sface(embedder_session: InferenceSession) -> SFace:
    return SFace(embedder_session, SFACE_INT8.name)


@pytest.fixture(scope="session")
def pipeline(yunet: YuNet, sface: SFace) -> FacePipeline:
    return FacePipeline(yunet, sface)
