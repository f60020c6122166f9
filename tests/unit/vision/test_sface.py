"""Templates of one person are alike, and know their model."""

import numpy as np
import pytest

from backend.vision.alignment import SIZE
from backend.vision.network_embedder import BATCH
from backend.vision.pipeline import FacePipeline
from backend.vision.sface import SFace
from tests.rig.photos import astronaut, other_photos, person_crop


def test_templates_are_unit_vectors_of_their_model(sface: SFace) -> None:
    numbers = np.random.default_rng(1)
    templates = sface.embed([numbers.integers(0, 256, (SIZE, SIZE, 3), np.uint8) for _ in range(3)])
    assert len(templates) == 3
    for template in templates:
        assert template.model == sface.model == "sface_2021dec_int8bq"
        assert template.embedding.shape == (sface.dimensions,)
        assert template.embedding.dtype == np.float32
        assert np.linalg.norm(template.embedding) == pytest.approx(1, abs=1e-5)


def test_a_crowd_is_embedded_like_single_faces(sface: SFace) -> None:
    numbers = np.random.default_rng(2)
    crowd = [numbers.integers(0, 256, (SIZE, SIZE, 3), np.uint8) for _ in range(BATCH + 3)]
    together = sface.embed(crowd)
    assert len(together) == BATCH + 3
    for index in (0, BATCH - 1, BATCH, BATCH + 2):
        assert sface.embed([crowd[index]])[0].similarity(together[index]) > 0.9999


def test_no_faces_have_no_templates(sface: SFace) -> None:
    assert sface.embed([]) == []


def test_one_person_is_alike_in_two_photos_and_two_people_are_not(pipeline: FacePipeline) -> None:
    first = pipeline.analyse(person_crop(2))[0].template
    again = [pipeline.analyse(photo)[0].template for photo in other_photos(person_crop(2))]
    others = [pipeline.analyse(photo)[0].template for photo in (person_crop(3), person_crop(5), astronaut())]
    assert min(first.similarity(template) for template in again) > 0.7
    assert max(first.similarity(template) for template in others) < 0.363
