"""What all tests share: real models, loaded once, and how hard Hypothesis looks."""

import pytest
from hypothesis import settings

from backend.vision.loading import Pipelines, load_pipelines

# No deadline: how long an example takes says more about the machine than about the code.
settings.register_profile("tests", deadline=None, max_examples=60, database=None)
settings.load_profile("tests")


@pytest.fixture(scope="session")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Pipelines:
    """The default models for photos and for cameras."""
    return load_pipelines(tmp_path_factory.mktemp("pipelines"))
