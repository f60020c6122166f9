"""Enrolling and identifying with the real models, into a gallery of each test's own."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.gallery.gallery import Gallery
from backend.recognition.decision import DecisionRule
from backend.recognition.enrol import Enroller, EnrolmentRule
from backend.recognition.identify import Identifier
from backend.settings import LocalSettings
from backend.storage.database import Database, sqlite_url
from backend.storage.secret_box import SecretBox
from backend.vision.conventions import SFACE_THRESHOLDS
from backend.vision.image import ImageLimits
from backend.vision.loading import Pipelines

DEFAULTS = {name: field.default for name, field in LocalSettings.model_fields.items()}


@pytest.fixture
def gallery(tmp_path: Path, pipelines: Pipelines) -> Iterator[Gallery]:
    with closing(Database.open(sqlite_url(tmp_path), SecretBox("key"))) as database:
        yield Gallery(database, pipelines.photos.model)


@pytest.fixture
def enroller(pipelines: Pipelines, gallery: Gallery) -> Enroller:
    rule = EnrolmentRule(DEFAULTS["min_face_size"], DEFAULTS["min_quality"])
    limits = ImageLimits(max_bytes=500_000, max_pixels=2_000_000)
    return Enroller(pipelines.photos, gallery, rule, limits)


@pytest.fixture
def identifier(pipelines: Pipelines, gallery: Gallery) -> Identifier:
    rule = DecisionRule(SFACE_THRESHOLDS.identify, SFACE_THRESHOLDS.margin)
    return Identifier(pipelines.photos, gallery, rule)
