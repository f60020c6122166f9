"""The browser of the journeys."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.rig.ui import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a module: Playwright keeps an event loop in this thread as long as it lives."""
    with chromium() as browser:
        yield browser
