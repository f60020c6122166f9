"""The end of the server process: in time, though somebody's thread hangs on."""

import asyncio
import logging
import os
import threading
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.errors import error_response, headers_of, status_of
from backend.domain.errors import ShuttingDown

logger = logging.getLogger(__name__)

STOP_WITHIN_SECONDS = 8.5
"""How long a server that was told to stop may go on; the launcher kills it after nine, Docker after ten by default."""
FAREWELL_SECONDS = 1.0
"""How long the process may take to end once its services have: no longer than for what hangs, for all is written."""


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """Answers 503 to a request that is broken off because the server stops, and is still without an answer."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, watching whether its answer begins."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except asyncio.CancelledError:
            if scope["type"] != "http" or begun:
                raise
            error = ShuttingDown()
            reply = error_response(status_of(error), error.code, error.message, headers=headers_of(error))
            await reply(scope, receive, send)


class Leaving:
    """Ends the process where it does not end by itself: a request's thread may hang in a camera or a look-up of a name.

    The interpreter would wait for such a thread, which cannot be ended. When all services have stopped, nothing is lost
    with it.
    """

    def __init__(self) -> None:
        """Prepare; `begin` begins to count."""
        self._stopped = threading.Event()
        self._never = threading.Event()

    def begin(self) -> None:
        """The server was told to stop."""
        threading.Thread(target=self._run, name="leaving", daemon=True).start()

    def services_stopped(self) -> None:
        """Nothing is left to be written."""
        self._stopped.set()

    def _run(self) -> None:
        in_time = self._stopped.wait(STOP_WITHIN_SECONDS)
        if in_time:
            self._never.wait(FAREWELL_SECONDS)
        own = {threading.main_thread(), threading.current_thread()}
        hanging = sorted(thread.name for thread in threading.enumerate() if thread not in own and not thread.daemon)
        logger.warning("Stopped, though this hangs and is abandoned: %s", ", ".join(hanging) or "the event loop")
        logging.shutdown()
        os._exit(0 if in_time else 1)
