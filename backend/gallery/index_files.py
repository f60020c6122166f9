"""A large index on disk: written beside what is there and put in its place in one step, checked before it is used."""

import json
import mmap
import os
import re
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import StorageError
from backend.gallery.signs import Parts, SignsIndex
from backend.storage.changes import State

FORMAT = 3
VECTORS, OWNERS, LOOKS, WHOSE = "templates.npy", "owners.npy", "looks.npy", "whose.npy"
PEOPLE, MANIFEST = "people.json", "manifest.json"
CHECKED = (VECTORS, OWNERS, LOOKS, WHOSE, PEOPLE)
_UNFINISHED = ".unfinished"
_BLOCK = 2**22
_HOME = re.compile(r"[A-Za-z0-9._-]+-[0-9a-f]{8}")
"""The name of a model's folder."""


@dataclass(frozen=True, slots=True)
class IndexFiles:
    """Where the index of one model is kept: a folder for each state that was written, of which the newest counts."""

    folder: Path
    model: str

    @property
    def home(self) -> Path:
        """The model's own folder."""
        readable = re.sub(r"[^A-Za-z0-9.-]", "_", self.model)
        # Two models whose names differ in what a folder's name cannot hold are still two.
        return self.folder / f"{readable}-{zlib.crc32(self.model.encode()):08x}"

    def newest(self) -> tuple[SignsIndex, State] | None:
        """The index written last, mapped into memory, and what state it is of; None where there is none.

        Raises StorageError where it is damaged: every byte is checked first.
        """
        written = self._written()
        if not written:
            return None
        place = written[-1]
        try:
            manifest = json.loads((place / MANIFEST).read_text("utf-8"))
            self._check(place, manifest)
            return _viewed(place), State(manifest["generation"], manifest["mark"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StorageError(f"The search index in '{place}' is damaged: {error}.") from error

    def write(self, index: SignsIndex, state: State) -> SignsIndex:
        """Keep an index as the newest, for good once this returns; answers it mapped. Raises StorageError."""
        try:
            return _viewed(self._placed(index, state))
        except OSError as error:
            raise StorageError(f"The search index cannot be written: {error.strerror or error}.") from error

    def tidy(self) -> None:
        """Remove what is not the newest, and what a process left unfinished when it was killed."""
        for stale in (*self._unfinished(), *self._written()[:-1]):
            # What another process has mapped stays readable to it.
            shutil.rmtree(stale, ignore_errors=True)

    def remove_others(self) -> bool:
        """Remove the indexes of all other models; whether any was removed. Raises StorageError where one cannot be."""
        try:
            found = self.folder.iterdir() if self.folder.is_dir() else iter(())
            others = [path for path in found if _HOME.fullmatch(path.name) and path != self.home]
            for other in others:
                # What is still searched there is mapped, and stays readable.
                shutil.rmtree(other)
        except OSError as error:
            raise StorageError(f"A former model's index cannot be removed: {error.strerror or error}.") from error
        return bool(others)

    def _placed(self, index: SignsIndex, state: State) -> Path:
        place = self._place(state)
        unfinished = place.with_name(place.name + _UNFINISHED)
        for old in (unfinished, place):
            shutil.rmtree(old, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o700)
        parts = index.parts
        arrays: dict[str, NDArray[Any]] = {
            VECTORS: parts.vectors,
            OWNERS: parts.owners,
            LOOKS: parts.looks,
            WHOSE: parts.whose,
        }
        for name, array in arrays.items():
            np.save(unfinished / name, array)
        (unfinished / PEOPLE).write_text(json.dumps(parts.people, ensure_ascii=False), "utf-8")
        sums = {name: _sum_of(unfinished / name) for name in CHECKED}
        manifest = {"format": FORMAT, "model": self.model, **asdict(state), "sums": sums}
        (unfinished / MANIFEST).write_text(json.dumps(manifest), "utf-8")
        for name in (*CHECKED, MANIFEST, "."):
            _flush(unfinished / name)
        unfinished.rename(place)
        _flush(self.home)
        return place

    def _place(self, state: State) -> Path:
        # With leading zeros, so that the newest is the last by name.
        return self.home / f"{state.generation:012d}-{state.mark}"

    def _written(self) -> list[Path]:
        return sorted(path for path in self._entries() if path.suffix != _UNFINISHED)

    def _unfinished(self) -> Iterator[Path]:
        return (path for path in self._entries() if path.suffix == _UNFINISHED)

    def _entries(self) -> list[Path]:
        return [path for path in self.home.iterdir() if path.is_dir()] if self.home.is_dir() else []

    def _check(self, place: Path, manifest: dict[str, Any]) -> None:
        if manifest["format"] != FORMAT or manifest["model"] != self.model:
            raise ValueError("it is of another version or model")
        for name in CHECKED:
            if _sum_of(place / name) != manifest["sums"][name]:
                raise ValueError(f"{name} is not as it was written")


def _viewed(place: Path) -> SignsIndex:
    parts = Parts(
        vectors=_mapped(place / VECTORS),
        owners=np.load(place / OWNERS),
        # Not mapped: each search reads them in a thousand places.
        looks=np.load(place / LOOKS),
        whose=np.load(place / WHOSE),
        people=tuple(json.loads((place / PEOPLE).read_text("utf-8"))),
    )
    return SignsIndex(parts)


def _mapped(path: Path) -> NDArray[np.int16]:
    # As a plain array: one that knows of its file costs some microseconds at each step of a search.
    vectors = np.asarray(np.load(path, mmap_mode="r"))
    # Each page is looked at once: else the first searches would wait for the system to show them theirs.
    vectors.reshape(-1)[:: mmap.PAGESIZE // vectors.itemsize].max(initial=0)
    return vectors


def _sum_of(path: Path) -> int:
    """The CRC-32 of a file: against damage, not against forgery; who may write here owns the gallery anyway."""
    total = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            total = zlib.crc32(block, total)
    return total


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
