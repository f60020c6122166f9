"""Photos of many people in one folder or zip archive: `NAME/photo.jpg`, as other face servers leave them too.

double-take and Frigate keep a folder for each person, in whatever depth; ZoneMinder may have `NAME.jpg` and
`NAME_1.jpg` beside each other. The folder that a picture lies in names its person; where it lies in none, its own
name does.
"""

import os
import re
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from backend.domain.errors import InvalidField
from backend.recognition.enrol import Photo

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".bmp", ".tif", ".tiff"})
NOT_PEOPLE = frozenset({"train", "unknown"})
"""Frigate keeps faces that nobody has named yet in `train`, others in `unknown`."""
MOST_FILES = 100_000
MOST_TIMES_LARGER = 100
"""Pictures hardly get smaller in an archive: one that grows more than this was made to fill a disk."""
FREE_BYTES = 2**20
"""What an archive may grow to whatever its own size: a few bytes of it may well be all zero."""
_NUMBER = re.compile(r"[ _.-]*\(?\d*\)?$")


@dataclass(frozen=True, slots=True)
class PersonPhoto:
    """A picture and whose it is said to be."""

    person_id: str
    name: str
    """Its path in the tree."""
    read: Callable[[int], Photo]
    """Reads at most so many bytes of it, when its turn comes."""


def photos_in_folder(root: Path) -> Sequence[PersonPhoto]:
    """The pictures of a folder and those below it, sorted by their paths; links are not followed.

    Raises InvalidField where there are too many.
    """
    found = []
    # Follows no links, unlike Path.rglob of some versions of Python.
    for folder, _, names in os.walk(root):
        for path in (Path(folder, name) for name in names):
            inside = path.relative_to(root).as_posix()
            person_id = _person_of(PurePosixPath(inside))
            if person_id is not None and path.is_file() and not path.is_symlink():
                found.append(PersonPhoto(person_id, inside, _file_reader(path)))
    check_count(len(found))
    return sorted(found, key=lambda photo: photo.name)


def photos_in_archive(archive: zipfile.ZipFile) -> Sequence[PersonPhoto]:
    """The pictures of a zip archive, in its order; nothing is unpacked to the disk.

    Raises InvalidField for an archive that leads out of itself, is encrypted, or was made to grow beyond measure.
    """
    check_archive(archive)
    found = []
    for entry in archive.infolist():
        person_id = None if entry.is_dir() else _person_of(PurePosixPath(entry.filename))
        if person_id is not None:
            found.append(PersonPhoto(person_id, entry.filename, _entry_reader(archive, entry)))
    return found


def pack(photos: Iterable[tuple[str, IO[bytes]]], target: IO[bytes]) -> None:
    """Write photos, each with its path in their tree, into one archive; raises InvalidField for two of one path."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, photo in photos:
            path = name.replace("\\", "/").encode(errors="replace").decode()
            if path in archive.NameToInfo:
                raise InvalidField("photos", f"Two photos have the path '{path}'.")
            with archive.open(zipfile.ZipInfo(path), "w") as entry:
                shutil.copyfileobj(photo, entry)


def check_archive(archive: zipfile.ZipFile) -> None:
    """Raise InvalidField for an archive that no honest program makes."""
    entries = archive.infolist()
    check_count(len(entries))
    if any(_leads_out(entry) for entry in entries):
        raise InvalidField("archive", "The archive names files outside of itself.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise InvalidField("archive", "The archive is encrypted; send it without a password.")
    packed = sum(entry.compress_size for entry in entries)
    if sum(entry.file_size for entry in entries) > FREE_BYTES + MOST_TIMES_LARGER * packed:
        raise InvalidField("archive", "The archive would grow beyond measure.")


def check_count(count: int) -> None:
    """Raise InvalidField for more files than are read at once."""
    if count > MOST_FILES:
        raise InvalidField("archive", f"At most {MOST_FILES} files are read at once.")


def _leads_out(entry: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    return path.is_absolute() or ".." in path.parts or (path.parts[:1] and path.parts[0].endswith(":")) or is_link


def _person_of(path: PurePosixPath) -> str | None:
    """Whose picture it is; None for what is no picture or nobody's."""
    hidden = any(part.startswith(".") for part in path.parts)
    if hidden or path.suffix.lower() not in SUFFIXES or path.parent.name in NOT_PEOPLE:
        return None
    return path.parent.name or _NUMBER.sub("", path.stem) or path.stem


def _file_reader(path: Path) -> Callable[[int], Photo]:
    def read(most: int) -> Photo:
        with path.open("rb") as file:
            return Photo(path.name, file.read(most))

    return read


def _entry_reader(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[int], Photo]:
    def read(most: int) -> Photo:
        with archive.open(entry) as file:
            return Photo(PurePosixPath(entry.filename).name, file.read(most))

    return read
