"""Writes a gallery's index anew in the background, whenever that is worth it, and removes what a former one left."""

import logging
import threading

from backend.domain.errors import StorageError
from backend.gallery.searched import Searched
from backend.gallery.signs import Stopped

PATIENCE_SECONDS = 600.0
"""How long it waits after a failure: the disk may be full, and the work is long."""

logger = logging.getLogger(__name__)


class IndexKeeper:
    """Owns the thread that renews a gallery's index; of the processes on a data folder only the server has one."""

    def __init__(self, searched: Searched) -> None:
        """Keep the index of that gallery; `start` begins."""
        self._searched = searched
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="index-keeper", daemon=True)

    def start(self) -> None:
        """Begin to look after it."""
        self._thread.start()

    def keep(self, searched: Searched) -> None:
        """Look after another gallery, which answers from now on."""
        former, self._searched = self._searched, searched
        # Who waits for the former one's word waits for the new one's then.
        former.renewal.set()

    def ask_to_stop(self) -> None:
        """Leave off; `stop` waits for it."""
        self._stopping.set()
        self._searched.renewal.set()

    def stop(self, seconds: float) -> None:
        """Leave off, within that many seconds; what was half made is made again after the next start."""
        self.ask_to_stop()
        self._thread.join(seconds)
        if self._thread.is_alive():
            logger.warning("The search index is still being written, and is abandoned.")

    def _run(self) -> None:
        while True:
            searched = self._searched
            # By this thread, which has ended any work for a former model's index.
            _tidy(searched)
            searched.renewal.wait()
            # Before looking whether to stop: what is asked for from here on is seen next time.
            searched.renewal.clear()
            if self._stopping.is_set():
                return
            self._renew(searched)

    def _renew(self, searched: Searched) -> None:
        try:
            if searched.renew(lambda: not (self._stopping.is_set() or searched.is_retired)):
                logger.info("The search index was written anew.")
        except Stopped:
            return
        except (StorageError, MemoryError) as error:
            logger.error("The search index could not be written: %s It is tried again later.", error)
            self._stopping.wait(PATIENCE_SECONDS)
            searched.renewal.set()


def _tidy(searched: Searched) -> None:
    try:
        if searched.remove_other_indexes():
            logger.info("The search index of a former model was removed.")
    except StorageError as error:
        logger.warning("%s It is tried again at the next start.", error)
