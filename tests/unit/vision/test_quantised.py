"""An int8 form is made in silence, agrees with f32, and is used where it was made and asked for, and nowhere else."""

import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from backend.domain.errors import ConfigurationError, ModelError
from backend.domain.geometry import RgbImage
from backend.vision import quantised
from backend.vision.alignment import align
from backend.vision.loading import Workshop, load_pipelines, open_workshop
from backend.vision.models import SFACE_INT8, prepare
from backend.vision.precision import settled
from backend.vision.quantising import quantise
from backend.vision.runtime import Precision
from backend.vision.runtime_onnxruntime import OnnxRuntime
from backend.vision.runtime_openvino import OpenVinoRuntime
from backend.vision.sface import SFace
from backend.vision.yunet import YuNet
from tests.rig.photos import astronaut, group_photo, other_photos

LEARNT_FROM = 14


class OtherMachine(OpenVinoRuntime):
    """The same engine, said to be on another processor."""

    identity = "another processor, release 1"


class MachineWithout(OpenVinoRuntime):
    """The same engine, said to have no instructions for int8."""

    precisions: Sequence[Precision] = ("f32",)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models for the int8 forms of this module alone."""
    return tmp_path_factory.mktemp("int8")


@pytest.fixture(scope="module")
def workshop(models: Path) -> Workshop:
    return open_workshop(models, None, OpenVinoRuntime())


@pytest.fixture(scope="module")
def faces(workshop: Workshop) -> list[RgbImage]:
    """Seven people, each seen in several ways."""
    photos = [group_photo(), astronaut(), *other_photos(group_photo())]
    return [align(photo, found.landmarks) for photo in photos for found in workshop.detector.detect(photo)]


@pytest.fixture(scope="module")
def connections() -> Iterator[list[object]]:
    """What anybody tried to connect to, or to look up, meanwhile."""
    tried: list[object] = []

    def refused(*arguments: object) -> None:
        tried.append(arguments)
        raise OSError("no network in this test")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refused)
        patch.setattr(socket, "getaddrinfo", refused)
        yield tried


@pytest.fixture(scope="module")
def form(workshop: Workshop, faces: list[RgbImage], connections: list[object]) -> bytes:
    """The embedder in int8, learnt from every third face."""
    learning = faces[::3]
    assert len(learning) >= LEARNT_FROM
    return quantise(workshop.file, learning, len(learning))


@pytest.fixture
def kept(workshop: Workshop, form: bytes) -> Iterator[Path]:
    yield quantised.keep(workshop.file, workshop.runtime, form)
    quantised.remove(workshop.file.parent)


def test_making_it_reports_nothing_to_anybody(form: bytes, connections: list[object]) -> None:
    from nncf.telemetry import telemetry
    from nncf.telemetry.wrapper import NNCFTelemetry

    assert form
    assert sys.modules["openvino_telemetry"] is None
    assert not isinstance(telemetry, NNCFTelemetry)
    assert connections == []


def test_templates_agree_with_those_in_f32(workshop: Workshop, faces: list[RgbImage], kept: Path) -> None:
    coarse, full = workshop.embedder("int8", kept).embed(faces), workshop.embedder("f32", workshop.file).embed(faces)
    similarities = [one.similarity(other) for one, other in zip(coarse, full, strict=True)]
    assert len(similarities) == len(faces) > 40
    assert min(similarities) > quantised.LEAST_SIMILARITY
    assert {template.model for template in coarse} == {SFACE_INT8.name}


def test_swapped_colours_would_be_noticed(workshop: Workshop, faces: list[RgbImage], kept: Path) -> None:
    full = workshop.embedder("f32", workshop.file)
    swapped = full.embed([face[..., ::-1].copy() for face in faces])
    similarities = [one.similarity(other) for one, other in zip(swapped, full.embed(faces), strict=True)]
    assert min(similarities) < quantised.LEAST_SIMILARITY


def test_the_whole_pipeline_runs_in_int8_where_it_is_asked_for(workshop: Workshop, kept: Path) -> None:
    coarse, full = (load_pipelines(kept.parent, precision=precision) for precision in ("int8", "f32"))
    assert coarse.precision == "int8"
    (one,), (other,) = (pipelines.plain.analyse(astronaut()) for pipelines in (coarse, full))
    assert one.detection == other.detection
    assert one.template.model == other.template.model
    assert one.template.similarity(other.template) > quantised.LEAST_SIMILARITY


def test_auto_never_takes_it(kept: Path) -> None:
    assert load_pipelines(kept.parent, precision="auto").precision != "int8"


def test_without_one_int8_is_refused_with_what_to_do(workshop: Workshop) -> None:
    with pytest.raises(ConfigurationError, match="face-server optimise --images DIR"):
        load_pipelines(workshop.file.parent, precision="int8")


def test_another_processor_needs_one_of_its_own(workshop: Workshop, kept: Path) -> None:
    with pytest.raises(ConfigurationError, match="for this processor"):
        load_pipelines(kept.parent, runtime=OtherMachine(), precision="int8")


@pytest.mark.parametrize("runtime", [OnnxRuntime, MachineWithout])
def test_an_engine_without_int8_refuses_it(yunet: YuNet, cache_dir: Path, runtime: type[OnnxRuntime]) -> None:
    with pytest.raises(ConfigurationError, match=r"PRECISION=int8: .* does not compute in int8 here"):
        settled(
            "int8", runtime(), yunet, prepare(SFACE_INT8, cache_dir), lambda session: SFace(session, SFACE_INT8.name)
        )


@pytest.mark.parametrize("left", [0, 1000, 5_000_000])
def test_a_form_cut_short_says_what_to_do(kept: Path, left: int) -> None:
    kept.write_bytes(kept.read_bytes()[:left])
    with pytest.raises(ModelError, match=r"is damaged\. Make it anew"):
        load_pipelines(kept.parent, precision="int8")


def test_a_flipped_byte_is_noticed(kept: Path) -> None:
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    with pytest.raises(ModelError, match="is damaged"):
        load_pipelines(kept.parent, precision="int8")


def test_removing_leaves_the_models(workshop: Workshop, kept: Path) -> None:
    assert (quantised.remove(kept.parent), quantised.remove(kept.parent)) == (1, 0)
    assert workshop.file.is_file()
    assert not kept.exists()
