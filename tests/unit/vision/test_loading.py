"""The default pipelines come ready to use."""

import shutil
from pathlib import Path

import pytest

from backend.domain.errors import ModelError
from backend.vision.loading import load_pipelines
from backend.vision.models import YUNET_INT8, prepare
from tests.rig.photos import PEOPLE_IN_GROUP_PHOTO, group_photo


def test_both_pipelines_recognise_with_one_model(cache_dir: Path) -> None:
    pipelines = load_pipelines(cache_dir)
    photos, cameras = (pipeline.analyse(group_photo()) for pipeline in (pipelines.photos, pipelines.cameras))
    assert len(photos) == len(cameras) == PEOPLE_IN_GROUP_PHOTO
    assert pipelines.photos.model == pipelines.cameras.model


def test_an_empty_cache_is_filled(tmp_path: Path) -> None:
    load_pipelines(tmp_path / "models")
    assert len(list((tmp_path / "models").glob("*.onnx"))) == 2


def test_models_that_answer_wrongly_do_not_start(cache_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(cache_dir, tmp_path, dirs_exist_ok=True)
    spoil_weights(prepare(YUNET_INT8, tmp_path))
    with pytest.raises(ModelError, match="self-test"):
        load_pipelines(tmp_path)
