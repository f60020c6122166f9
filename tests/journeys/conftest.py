"""The browser of the journeys."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.rig.photos import astronaut, jpeg
from tests.rig.ui import chromium


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all tests of a module: Playwright keeps an event loop in this thread as long as it lives.

    Before its webcam sits the astronaut.
    """
    webcam = tmp_path_factory.mktemp("webcam") / "astronaut.mjpeg"
    webcam.write_bytes(jpeg(astronaut()[:384]) * 10)
    with chromium(webcam) as browser:
        yield browser
