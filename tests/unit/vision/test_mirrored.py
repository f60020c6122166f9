"""Averaging with the mirror image."""

import numpy as np
import pytest

from backend.domain.face import Template
from backend.domain.geometry import RgbImage
from backend.vision.alignment import align
from backend.vision.mirrored import MirroredEmbedder, averaged, mirrored
from backend.vision.sface import SFace
from backend.vision.yunet import YuNet
from tests.rig.photos import astronaut


@pytest.fixture
def aligned(yunet: YuNet) -> RgbImage:
    photo = astronaut()
    return align(photo, yunet.detect(photo)[0].landmarks)


def test_a_template_is_the_mean_of_the_face_and_its_mirror_image(sface: SFace, aligned: RgbImage) -> None:
    face, mirror = sface.embed([aligned, mirrored(aligned)])
    (template,) = MirroredEmbedder(sface).embed([aligned])
    assert template.similarity(face) == pytest.approx(template.similarity(mirror), abs=1e-4)
    assert np.linalg.norm(template.embedding) == pytest.approx(1, abs=1e-5)
    assert template.model == sface.model


def test_a_face_and_its_mirror_image_get_one_template(sface: SFace, aligned: RgbImage) -> None:
    one, other = MirroredEmbedder(sface).embed([aligned, mirrored(aligned)])
    assert one.similarity(other) == pytest.approx(1, abs=1e-4)


def test_templates_come_in_the_order_of_the_faces(sface: SFace, aligned: RgbImage) -> None:
    darker = (aligned * 0.5).astype(np.uint8)
    embedder = MirroredEmbedder(sface)
    together = embedder.embed([aligned, darker])
    apart = [embedder.embed([face])[0] for face in (aligned, darker)]
    for one, other in zip(together, apart, strict=True):
        assert one.similarity(other) == pytest.approx(1, abs=1e-4)
    assert together[0].similarity(apart[1]) < 0.999


def test_no_faces_have_no_templates(sface: SFace) -> None:
    assert MirroredEmbedder(sface).embed([]) == []


def test_opposite_templates_have_a_mean_all_the_same() -> None:
    one = Template(np.array([1, 0], np.float32), "toy")
    assert np.isfinite(averaged(one, Template(-one.embedding, "toy")).embedding).all()
