"""What all tests share: real models, loaded once, how hard Hypothesis looks, and which files come first."""

import logging
import ssl
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from backend.storage import upgrade
from backend.vision.loading import Pipelines, load_pipelines
from backend.vision.runtime_openvino import OpenVinoRuntime
from tests.rig import compiled
from tests.rig.schema import RepeatedSchema

# No deadline: how long an example takes says more about the machine than about the code.
settings.register_profile("tests", deadline=None, max_examples=60, database=None)
settings.load_profile("tests")


LONG = [
    Path(__file__).parent / folder for folder in ("journeys", "faults", "unit/cli", "unit/cameras", "unit/evaluation")
]
"""Where a file takes up to minutes, most of them waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files, a short one after each.

    Whichever long one came last would keep one worker while the others have nothing left to do; and while all have long
    ones, the processor has nothing to do.
    """
    files = list(dict.fromkeys(item.path for item in items))
    long = [file for file in files if any(file.is_relative_to(folder) for folder in LONG)]
    short = [file for file in files if file not in long]
    turns = {file: 2 * turn for turn, file in enumerate(long)} | {file: 2 * turn + 1 for turn, file in enumerate(short)}
    items.sort(key=lambda item: turns[item.path])


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """What a test does to the log of this process lasts no longer than the test: others read what is logged."""
    yield
    logging.disable(logging.NOTSET)
    logging.getLogger().setLevel(logging.WARNING)
    # A list first: another thread may be making a logger.
    for name in list(logging.Logger.manager.loggerDict):
        if name.partition(".")[0] == "backend":
            logger = logging.getLogger(name)
            logger.disabled, logger.propagate = False, True
            if logger.level != logging.NOTSET:
                logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session", autouse=True)
def _authorities_read_once() -> Iterator[None]:
    """Every HTTP client reads all authorities that it may trust, 30 ms each time, though none is asked on loopback."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


@pytest.fixture(scope="session", autouse=True)
def _migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A new database of this process gets its schema without the migrations' whole history."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(upgrade, "upgrade", RepeatedSchema(tmp_path_factory.mktemp("schema")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    """A network that this process has compiled is used again by who loads the same bytes to run them alike."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(OpenVinoRuntime, "load", compiled.load)
        yield


@pytest.fixture(scope="session")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Pipelines:
    """The default models for photos and for cameras."""
    return load_pipelines(tmp_path_factory.mktemp("pipelines"))
