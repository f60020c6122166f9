"""The photos that a benchmark recognises people in: a folder's, or the tests' own."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from backend.domain.errors import ConfigurationError

TESTS_PHOTOS = "tests.rig.photos"
SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})

Images: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="A folder with a folder per person; the tests' photos by default.", exists=True, file_okay=False),
]
Count: TypeAlias = Annotated[int, typer.Option(min=1, help="How many people of that folder are taken.")]


@dataclass(frozen=True, slots=True)
class BenchPhotos:
    """Who is enrolled, and who is searched for; by person."""

    enrolled: Mapping[str, bytes]
    probes: Mapping[str, bytes]

    def kept_in(self, folder: Path) -> "BenchFiles":
        """The same photos as files, for peers that read files."""
        return BenchFiles(_written(self.enrolled, folder / "enrolled"), _written(self.probes, folder / "probes"))


@dataclass(frozen=True, slots=True)
class BenchFiles:
    """As BenchPhotos, by path."""

    enrolled: Mapping[str, Path]
    probes: Mapping[str, Path]


def bench_photos(folder: Path | None, count: int) -> BenchPhotos:
    """Photos of `count` people with two photos or more, drawn evenly from a folder; raises ConfigurationError."""
    if folder is None:
        return _of_the_tests()
    people = {person.name: _photos_of(person) for person in sorted(folder.iterdir()) if person.is_dir()}
    names = [name for name, photos in people.items() if len(photos) > 1]
    if not names:
        raise ConfigurationError(f"{folder} holds no folder of a person with two photos or more.")
    names = names[:: max(1, len(names) // count)][:count]
    first, second = ({name: people[name][which].read_bytes() for name in names} for which in (0, 1))
    return BenchPhotos(first, second)


def _photos_of(person: Path) -> list[Path]:
    return sorted(path for path in person.iterdir() if path.suffix.lower() in SUFFIXES)


def _of_the_tests() -> BenchPhotos:
    try:
        photos = importlib.import_module(TESTS_PHOTOS)
    except ImportError as error:
        raise ConfigurationError(
            "The tests' photos need a checkout with its development packages (make install); or name --images."
        ) from error
    people = {f"person-{number}": photos.person_crop(number) for number in range(photos.PEOPLE_IN_GROUP_PHOTO)}
    return BenchPhotos(
        {name: photos.jpeg(photo) for name, photo in people.items()},
        {name: photos.jpeg(photos.other_photos(photo)[0]) for name, photo in people.items()},
    )


def _written(photos: Mapping[str, bytes], folder: Path) -> dict[str, Path]:
    folder.mkdir(parents=True)
    paths = {name: folder / f"{number}.jpg" for number, name in enumerate(photos)}
    for name, path in paths.items():
        path.write_bytes(photos[name])
    return paths
