"""Services that open while the rest is put together: handed over once, and closed by whoever had them last."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import pytest

from backend.container.ahead import opened_ahead
from backend.container.services import Services
from backend.domain.errors import ConfigurationError
from backend.settings import Settings

SETTINGS = Settings(_env_file=None, auth_token="not used")
SERVICES = cast("Services", object())


class Opening:
    """Stands for `open_services`, and opens when it may."""

    def __init__(self, error: Exception | None = None) -> None:
        self.may = threading.Event()
        self.events: list[str] = []
        self._error = error

    @contextmanager
    def __call__(self, _settings: Settings) -> Iterator[Services]:
        self.may.wait(10)
        if self._error is not None:
            raise self._error
        self.events.append("opened")
        try:
            yield SERVICES
        finally:
            self.events.append("closed")


def test_who_begins_goes_on_and_who_asks_waits() -> None:
    opening = Opening()
    with opened_ahead(SETTINGS, opening) as opened:
        assert opening.events == []
        opening.may.set()
        with opened(SETTINGS) as services:
            assert services is SERVICES
            assert opening.events == ["opened"]
        assert opening.events == ["opened", "closed"]
    assert opening.events == ["opened", "closed"]


def test_what_keeps_them_from_opening_is_raised_to_who_asks() -> None:
    opening = Opening(ConfigurationError("The folder is locked."))
    opening.may.set()
    with (
        opened_ahead(SETTINGS, opening) as opened,
        pytest.raises(ConfigurationError, match="locked"),
        opened(SETTINGS),
    ):
        pytest.fail("they are not open")
    assert opening.events == []


@pytest.mark.parametrize("error", [None, ConfigurationError("The folder is locked.")])
def test_what_nobody_asked_for_is_closed(error: Exception | None) -> None:
    opening = Opening(error)
    opening.may.set()
    with pytest.raises(KeyboardInterrupt), opened_ahead(SETTINGS, opening):
        raise KeyboardInterrupt
    assert opening.events == ([] if error else ["opened", "closed"])
