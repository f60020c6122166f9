"""The default pipelines come ready to use."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backend.domain.errors import ModelError
from backend.domain.face import Template
from backend.vision.loading import Mirroring, MirrorSearch, load_pipelines
from backend.vision.pipeline import FacePipeline
from backend.vision.runtime import InferenceSession, Precision
from backend.vision.runtime_openvino import OpenVinoRuntime
from backend.vision.turns import Images
from tests.rig.photos import PEOPLE_IN_GROUP_PHOTO, astronaut, group_photo
from tests.unit.vision.spoiled import Spoiled, with_channels_swapped


def test_both_pipelines_recognise_with_one_model(cache_dir: Path) -> None:
    pipelines = load_pipelines(cache_dir)
    photos, cameras = (pipeline.analyse(group_photo()) for pipeline in (pipelines.photos, pipelines.cameras))
    assert len(photos) == len(cameras) == PEOPLE_IN_GROUP_PHOTO
    assert pipelines.photos.model == pipelines.cameras.model


def test_an_empty_cache_is_filled(tmp_path: Path) -> None:
    load_pipelines(tmp_path / "models")
    assert len(list((tmp_path / "models").glob("*.onnx"))) == 2


class SpoilingRuntime:
    """An engine that gets the input of some of its sessions wrong."""

    name = "spoiling"
    device = "cpu"
    streams = 2
    precisions: tuple[Precision, ...] = ("f32",)
    identity = "spoiling"

    def __init__(self, spoil: Callable[[Images], Images], of_streams: int) -> None:
        self._spoil = spoil
        self._of_streams = of_streams

    def load(self, model: Path, precision: Precision = "f32", streams: int = 1) -> InferenceSession:
        session = OpenVinoRuntime().load(model, precision, streams)
        return Spoiled(session, self._spoil) if streams == self._of_streams else session


@pytest.mark.parametrize(("spoil", "of_streams"), [(with_channels_swapped, 1), (np.zeros_like, 2)])
def test_models_that_answer_wrongly_are_not_served(
    cache_dir: Path, spoil: Callable[[Images], Images], of_streams: int
) -> None:
    with pytest.raises(ModelError, match="self-test"):
        load_pipelines(cache_dir, runtime=SpoilingRuntime(spoil, of_streams))


def template_of_astronaut(pipeline: FacePipeline) -> Template:
    (face,) = pipeline.analyse(astronaut())
    return face.template


def test_who_is_enrolled_is_averaged_with_the_mirror_image_and_who_is_seen_on_a_camera_is_not(cache_dir: Path) -> None:
    pipelines = load_pipelines(cache_dir)
    enrolled, searched, seen, plain = (
        template_of_astronaut(pipeline)
        for pipeline in (pipelines.enrolment, pipelines.photos, pipelines.cameras, pipelines.plain)
    )
    assert enrolled.similarity(searched) == pytest.approx(1, abs=1e-5)
    assert enrolled.similarity(seen) < 0.9999
    # The camera's face had a second look.
    assert seen.similarity(plain) < 0.9999


@pytest.mark.parametrize("search", ["on", "off"])
def test_mirroring_is_as_it_is_wanted(cache_dir: Path, search: MirrorSearch) -> None:
    pipelines = load_pipelines(cache_dir, mirroring=Mirroring(enrol=False, search=search))
    enrolled, searched, seen = (
        template_of_astronaut(pipeline) for pipeline in (pipelines.enrolment, pipelines.photos, pipelines.cameras)
    )
    assert searched.similarity(seen) == pytest.approx(1, abs=1e-5)
    assert (enrolled.similarity(seen) > 0.9999) is (search == "off")
