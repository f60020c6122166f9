"""Which photos are compared: labelled pairs, and searches of a gallery by people in it and by strangers."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.domain.errors import InvalidInput

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".bmp", ".tif", ".tiff"})


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos, and whether they show one person."""

    left: Path
    right: Path
    same: bool
    fold: int
    """Which of the parts it belongs to, counted from 0; see `metrics.fold_accuracies`."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A photo, and who is on it."""

    person_id: str
    photo: Path


@dataclass(frozen=True, slots=True)
class OpenSet:
    """A gallery, and the searches of it."""

    enrolled: tuple[Labelled, ...]
    """The photos that people are enrolled with."""
    mated: tuple[Labelled, ...]
    """Other photos of those people."""
    non_mated: tuple[Labelled, ...]
    """Photos of people who are not enrolled."""

    @property
    def people(self) -> int:
        """How many people are enrolled."""
        return len({entry.person_id for entry in self.enrolled})

    @property
    def probes(self) -> tuple[Labelled, ...]:
        """The photos that are searched with."""
        return self.mated + self.non_mated


def photos_by_person(folder: Path) -> dict[str, list[Path]]:
    """The photos in a folder that has one folder a person, whose name is the person's; both sorted by name.

    Photos in folders of a person's folder are that person's too. Hidden folders and files that are no pictures are
    passed over. Raises InvalidInput where no picture is left, or a folder cannot be read.
    """
    people = {entry.name: _photos_below(entry) for entry in _folders_in(folder)}
    found = {person_id: photos for person_id, photos in people.items() if photos}
    if not found:
        raise InvalidInput(f"{folder} has no photos: one folder a person is expected, with that person's pictures.")
    return found


@dataclass(frozen=True, slots=True)
class Sample:
    """Photos to learn from, and others to measure with."""

    learning: tuple[Labelled, ...]
    measuring: tuple[Labelled, ...]
    labelled: bool
    """Whether it is known who is on a photo."""


def sample(folder: Path, most: int) -> Sample:
    """At most `most` photos to learn from and twice as many to measure with, none of them in both.

    The folder has one folder a person, or photos alone, of whom nobody knows whom they show. Of photos that are more
    than enough, people are drawn, always the same ones. Raises InvalidInput where there are fewer than three photos.
    """
    labelled = any(_photos_below(entry) for entry in _folders_in(folder))
    people = photos_by_person(folder) if labelled else {"": _photos_in(folder)}
    order = sorted(people, key=lambda person_id: hashlib.sha256(person_id.encode()).digest())
    photos = [Labelled(person_id, photo) for person_id in order for photo in _drawn(person_id, people[person_id], 0)]
    if len(photos) < 3:
        raise InvalidInput(f"{folder} has too few photos: at least three are needed, and better some hundreds.")
    taken = photos[: 3 * most]
    return Sample(tuple(taken[::3]), tuple(entry for place, entry in enumerate(taken) if place % 3), labelled)


def open_set(
    people: Mapping[str, Sequence[Path]], enrol: int = 1, seed: int = 0, most_probes: int | None = None
) -> OpenSet:
    """Enrol `enrol` photos of everybody with two or more, and search with all others.

    A person always keeps one photo to search with, so somebody with few photos is enrolled with fewer than `enrol`. Who
    has a single photo is a stranger. Which photos are enrolled is drawn by `seed` for each person alone, so another
    person more or less changes nothing for the rest. `most_probes` limits the mated searches of one person, so that a
    few with very many photos do not outweigh the others.

    Raises InvalidInput where nobody can be enrolled, or nobody is left as a stranger.
    """
    enrolled: list[Labelled] = []
    mated: list[Labelled] = []
    non_mated: list[Labelled] = []
    for person_id, photos in people.items():
        if len(photos) == 1:
            non_mated.append(Labelled(person_id, photos[0]))
            continue
        drawn = [Labelled(person_id, photo) for photo in _drawn(person_id, photos, seed)]
        taken = min(enrol, len(drawn) - 1)
        enrolled += drawn[:taken]
        mated += drawn[taken:][:most_probes]
    if not enrolled or not non_mated:
        several = sum(len(photos) > 1 for photos in people.values())
        raise InvalidInput(
            "An open-set trial needs people with two or more photos, and strangers with a single one; here are "
            f"{several} of the former and {len(people) - several} of the latter, one folder a person."
        )
    return OpenSet(tuple(enrolled), tuple(mated), tuple(non_mated))


def read_pairs(file: Path, images: Path) -> list[Pair]:
    """The pairs of a file in the form of LFW's `pairs.txt`, whose photos lie in `images`.

    The first line has the number of folds and of pairs of each kind in a fold, or that number of pairs alone. In each
    fold, first come the pairs of one person (`name number number`), then those of two (`name number name number`). The
    photo `name number` is `name/name_0001.jpg`, or has another picture suffix.

    Raises InvalidInput, naming the line, where the file has another form or a photo is missing.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read as a text file.") from error
    folds, size = _header(file, lines)
    rows = [(number, line.split()) for number, line in enumerate(lines[1:], start=2) if line.strip()]
    if len(rows) != folds * 2 * size:
        raise InvalidInput(f"{file} announces {folds * 2 * size} pairs and has {len(rows)}.")
    return [
        _pair(f"{file.name}, line {number}", fields, images, position // (2 * size))
        for position, (number, fields) in enumerate(rows)
    ]


def _header(file: Path, lines: Sequence[str]) -> tuple[int, int]:
    """The number of folds, and of pairs of each kind in a fold."""
    fields = lines[0].split() if lines else []
    if len(fields) not in (1, 2) or not all(field.isdecimal() and int(field) for field in fields):
        raise InvalidInput(
            f"{file.name}, line 1: the numbers of folds and of pairs of each kind in a fold are expected: '10 300'."
        )
    return (1, int(fields[0])) if len(fields) == 1 else (int(fields[0]), int(fields[1]))


def _pair(place: str, fields: Sequence[str], images: Path, fold: int) -> Pair:
    match fields:
        case [name, left, right]:
            return Pair(_photo(place, images, name, left), _photo(place, images, name, right), True, fold)
        case [name, left, other, right]:
            return Pair(_photo(place, images, name, left), _photo(place, images, other, right), False, fold)
        case _:
            raise InvalidInput(f"{place}: 'name number number' or 'name number name number' is expected.")


def _photo(place: str, images: Path, name: str, number: str) -> Path:
    if not number.isdecimal():
        raise InvalidInput(f"{place}: '{number}' is no number of a photo.")
    stem = images / name / f"{name}_{int(number):04d}"
    usual = stem.with_name(f"{stem.name}.jpg")
    for photo in _spellings(stem):
        if photo.is_file():
            return photo
    raise InvalidInput(f"{place}: the photo {usual} is missing.")


def _spellings(stem: Path) -> Iterator[Path]:
    # Added and not replaced: a name may have a full stop in it.
    yield stem.with_name(f"{stem.name}.jpg")
    others = sorted(PHOTO_SUFFIXES - {".jpg"})
    yield from (stem.with_name(f"{stem.name}{suffix}") for suffix in (*others, *map(str.upper, (".jpg", *others))))


def _drawn(person_id: str, photos: Sequence[Path], seed: int) -> list[Path]:
    """The photos in an order that depends on the seed and their names alone, on every machine and version."""
    return sorted(photos, key=lambda photo: hashlib.sha256(f"{seed}/{person_id}/{photo.name}".encode()).digest())


def _folders_in(folder: Path) -> list[Path]:
    return [entry for entry in _entries(folder) if entry.is_dir() and not entry.name.startswith(".")]


def _photos_in(folder: Path) -> list[Path]:
    return [entry for entry in _entries(folder) if _is_photo(entry)]


def _photos_below(folder: Path) -> list[Path]:
    deeper = (photo for entry in _folders_in(folder) if not entry.is_symlink() for photo in _photos_below(entry))
    return [*_photos_in(folder), *deeper]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InvalidInput(f"The folder {folder} cannot be read: {error.strerror}.") from error


def _is_photo(path: Path) -> bool:
    return path.suffix.lower() in PHOTO_SUFFIXES and path.is_file() and not path.name.startswith(".")
