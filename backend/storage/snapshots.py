"""The pictures of sightings: the only place that writes and reads them."""

import os
from pathlib import Path

from backend.domain.errors import StorageError


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
            draft.unlink(missing_ok=True)
            raise StorageError(f"The picture cannot be written: {error.strerror}.") from error

    def read(self, key: str) -> bytes | None:
        """The picture of that key, or None where it is gone."""
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, key: str) -> None:
        """Delete a picture that is no longer wanted; it may be gone already."""
        (self._root / key).unlink(missing_ok=True)

    def remove_other_versions(self, key: str) -> None:
        """Delete what a crash left beside a sighting's picture: keys are `DAY/SIGHTING-VERSION.jpg`."""
        kept = self._root / key
        for path in kept.parent.glob(f"{kept.stem.partition('-')[0]}-*"):
            if path != kept:
                path.unlink(missing_ok=True)
