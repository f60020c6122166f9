"""A thread that runs an event loop for a channel whose library is asynchronous."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from backend.domain.errors import DeliveryDelayed

Answer = TypeVar("Answer")
CLOSING_S = 1.0
"""How long connections may take to close; there is nothing in them to lose."""

logger = logging.getLogger(__name__)


class LoopThread:
    """Runs coroutines for callers of any thread, until it is closed."""

    def __init__(self, name: str) -> None:
        """Start the thread."""
        self._loop = asyncio.new_event_loop()
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, begin: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """What the coroutine of `begin` answers; raises DeliveryDelayed where the thread is or gets closed."""
        return result_of(self.begin(begin))

    def begin(self, begin: Callable[[], Coroutine[Any, Any, Answer]]) -> "Future[Answer]":
        """Begin the coroutine of `begin`, which may be cancelled; raises DeliveryDelayed where the thread is closed."""
        # Behind the gate, so that nothing is handed to a loop that runs no more and would never answer.
        with self._gate:
            if self._closed:
                raise DeliveryDelayed("The service is stopping.")
            return asyncio.run_coroutine_threadsafe(begin(), self._loop)

    def close(self, let_go: Callable[[], Coroutine[Any, Any, None]], within_s: float = CLOSING_S) -> None:
        """Break off what runs, whose callers get DeliveryDelayed, then run `let_go` and end the thread.

        What takes longer than `within_s` seconds is abandoned.
        """
        deadline = time.monotonic() + within_s
        with self._gate:
            if self._closed:
                return
            self._closed = True
        closing = asyncio.run_coroutine_threadsafe(_break_off(let_go), self._loop)
        try:
            closing.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            logger.warning("The connections of %s do not close in time and are abandoned.", self._thread.name)
            # The loop runs on, for whoever waits for what it breaks off; the thread ends with the process.
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def result_of(running: "Future[Answer]") -> Answer:
    """What was begun answers; raises DeliveryDelayed where it was cancelled."""
    try:
        return running.result()
    except CancelledError:
        raise DeliveryDelayed("The service stopped before the channel answered.") from None


async def _break_off(let_go: Callable[[], Coroutine[Any, Any, None]]) -> None:
    running = asyncio.all_tasks() - {asyncio.current_task()}
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await let_go()
