"""The default pipelines come ready to use."""

from pathlib import Path

import pytest

from backend.domain.errors import ModelError
from backend.vision.loading import load_pipelines
from backend.vision.runtime import InferenceSession
from backend.vision.runtime_openvino import OpenVinoRuntime
from tests.rig.photos import PEOPLE_IN_GROUP_PHOTO, group_photo
from tests.unit.vision.spoiled import Spoiled, with_channels_swapped


def test_both_pipelines_recognise_with_one_model(cache_dir: Path) -> None:
    pipelines = load_pipelines(cache_dir)
    photos, cameras = (pipeline.analyse(group_photo()) for pipeline in (pipelines.photos, pipelines.cameras))
    assert len(photos) == len(cameras) == PEOPLE_IN_GROUP_PHOTO
    assert pipelines.photos.model == pipelines.cameras.model


def test_an_empty_cache_is_filled(tmp_path: Path) -> None:
    load_pipelines(tmp_path / "models")
    assert len(list((tmp_path / "models").glob("*.onnx"))) == 2


class SwappingRuntime:
    """An engine that mixes up red and blue."""

    name = "swapping"
    device = "cpu"

    def load(self, model: Path) -> InferenceSession:
        return Spoiled(OpenVinoRuntime().load(model), with_channels_swapped)


def test_models_that_answer_wrongly_are_not_served(cache_dir: Path) -> None:
    with pytest.raises(ModelError, match="self-test"):
        load_pipelines(cache_dir, runtime=SwappingRuntime())
