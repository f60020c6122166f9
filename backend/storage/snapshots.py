"""The pictures of sightings: the only place that writes and reads them."""

import logging
import os
from contextlib import suppress
from pathlib import Path

from backend.domain.errors import StorageError

logger = logging.getLogger(__name__)


class Snapshots:
    """A folder of JPEG pictures, a sub-folder a day; a picture is there whole or not at all."""

    def __init__(self, root: Path) -> None:
        """Keep the pictures under `root`, which is made when the first one comes."""
        self._root = root

    def write(self, key: str, jpeg: bytes) -> None:
        """Keep a picture under a key such as `2026-11-22/01J….jpg`; raises StorageError where the disk refuses."""
        path = self._root / key
        draft = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(jpeg)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            # Where the folder itself is the trouble, the draft can't be removed either.
            with suppress(OSError):
                draft.unlink()
            raise StorageError(f"The picture cannot be written: {error.strerror}.") from error

    def read(self, key: str) -> bytes | None:
        """The picture of that key, or None where it is gone; raises StorageError where the disk refuses."""
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"The picture cannot be read: {error.strerror}.") from error

    def remove(self, key: str) -> None:
        """Delete a picture that is no longer wanted; it may be gone already."""
        _delete(self._root / key)

    def remove_other_versions(self, key: str) -> None:
        """Delete what a crash left beside a sighting's picture: keys are `DAY/SIGHTING-VERSION.jpg`."""
        kept = self._root / key
        for path in kept.parent.glob(f"{kept.stem.partition('-')[0]}-*"):
            if path != kept:
                _delete(path)


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        # It takes room, no more: nothing that is wanted fails for it.
        logger.warning("The picture %s cannot be deleted: %s.", path, error.strerror)
