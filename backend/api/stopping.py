"""Being told to stop: by signals, which whoever runs in the process may hear.

Answers that go on for ever end by themselves then: broken off, they would hold the server up.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def signals_to(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Have the signals that end a server go to `handler` until the end of the block; for the main thread."""
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


class Stopping:
    """Whether the process was told to stop, whoever serves the application in it."""

    def __init__(self) -> None:
        """Nobody has said so yet."""
        self._told = threading.Event()

    @property
    def is_told(self) -> bool:
        """Whether a stop was asked for: what is under way may end, and nothing endless may go on."""
        return self._told.is_set()

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hear the signals before whoever listens to them already, who hears them all the same.

        The server waits for open answers before it ends the application's life, so that would be too late. Signals are
        the main thread's; where the application lives in another one, as in tests, nothing is heard.
        """
        before: dict[int, Any] = {}

        def hear(number: int, frame: FrameType | None) -> None:
            self._told.set()
            before[number](number, frame)

        if threading.current_thread() is threading.main_thread():
            before |= {number: handler for number in SIGNALS if callable(handler := signal.getsignal(number))}
        for number in before:
            signal.signal(number, hear)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
