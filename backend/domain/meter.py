"""What is measured while faces are recognised, for whoever wants to know."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Protocol

from backend.domain.identity import Decision


class Stage(StrEnum):
    """A step from the bytes of a picture to a name."""

    DECODE = "decode"
    DETECT = "detect"
    EMBED = "embed"
    SEARCH = "search"


class Meter(Protocol):
    """Takes measurements from any thread, and takes no time over it."""

    def took(self, stage: Stage, seconds: float) -> None:
        """A stage was gone through once."""
        ...

    def decided(self, decision: Decision) -> None:
        """A face was judged."""
        ...


class NoMeter:
    """Measures nothing: for commands and tests."""

    def took(self, stage: Stage, seconds: float) -> None:
        """Forget it."""

    def decided(self, decision: Decision) -> None:
        """Forget it."""


NO_METER = NoMeter()


@contextmanager
def timed(meter: Meter, stage: Stage) -> Iterator[None]:
    """Measure how long the block takes; one that raises is not measured."""
    begin = time.perf_counter()
    yield
    meter.took(stage, time.perf_counter() - begin)
