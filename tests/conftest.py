"""What all tests share: real models, loaded once, how hard Hypothesis looks, and which files come first."""

from pathlib import Path

import pytest
from hypothesis import settings

from backend.vision.loading import Pipelines, load_pipelines

# No deadline: how long an example takes says more about the machine than about the code.
settings.register_profile("tests", deadline=None, max_examples=60, database=None)
settings.load_profile("tests")


LONG = [
    Path(__file__).parent / folder for folder in ("journeys", "faults", "unit/cli", "unit/cameras", "unit/evaluation")
]
"""Where a file takes up to minutes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files: whichever came last would keep one worker while the other has nothing left to do."""
    items.sort(key=lambda item: not any(item.path.is_relative_to(folder) for folder in LONG))


@pytest.fixture(scope="session")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Pipelines:
    """The default models for photos and for cameras."""
    return load_pipelines(tmp_path_factory.mktemp("pipelines"))
