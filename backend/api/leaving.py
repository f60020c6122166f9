"""The end of the server process: in time, though somebody's thread hangs on."""

import faulthandler
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

logger = logging.getLogger(__name__)

STOP_WITHIN_SECONDS = 8.5
"""How long a server that was told to stop may go on; the launcher kills it after nine, Docker after ten by default."""
FAREWELL_SECONDS = 1.0
"""How long the process may take to end once its services have: no longer than for what hangs, for all is written."""


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
        # A last watch that no lock of the interpreter's holds up. It tells where everybody is, if there is a place to.
        with suppress(RuntimeError, OSError):
            faulthandler.dump_traceback_later(STOP_WITHIN_SECONDS + FAREWELL_SECONDS, exit=True)
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
        _leave(0 if in_time else 1)


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """Make of `sys.exit` in the block the end of the process; nothing may be left to be written then.

    The interpreter's own end waits for native libraries to take themselves down, while threads that it stopped anywhere
    hold their locks: now and then for ever (CPython's issue 87135).
    """
    try:
        yield
    except SystemExit as told:
        _leave(told.code if isinstance(told.code, int) else int(told.code is not None))


def _leave(status: int) -> NoReturn:
    logging.shutdown()
    os._exit(status)
