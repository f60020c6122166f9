"""Enrolling a whole tree of photos: each one is taken or says why not, and somebody watches how far it is."""

import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from backend.domain.errors import ImageRejected, InvalidField, NothingEnrolled
from backend.recognition.enrol import Enroller
from backend.recognition.photo_trees import PersonPhoto

MOST_TOLD = 1000
"""How many refused photos a report names; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A photo that was not taken."""

    name: str
    """Its path in the tree."""
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is, and what came of it so far."""

    total: int
    """How many photos there are; of an export, how many people."""
    done: int = 0
    added: int = 0
    """How many templates are new."""
    refused: int = 0
    refusals: tuple[Refusal, ...] = ()
    """The first of them."""
    people: int = 0
    """Whom a photo of was taken."""


Goes = Callable[[Progress], bool]
"""Is told how far an import is, and says whether it is to go on."""


def import_photos(enroller: Enroller, photos: Sequence[PersonPhoto], max_bytes: int, goes: Goes) -> Progress:
    """Enrol photos one by one until `goes` says no; those that are taken stay, whatever comes after them."""
    progress, people = Progress(len(photos)), set[str]()
    for photo in photos:
        if not goes(progress):
            break
        refusal = _enrolled(enroller, photo, max_bytes)
        if refusal is None:
            people.add(photo.person_id)
        progress = _counted(progress, refusal, len(people))
    goes(progress)
    return progress


def _enrolled(enroller: Enroller, photo: PersonPhoto, max_bytes: int) -> Refusal | None:
    try:
        # One more than is allowed: enough to see that it is too large.
        enroller.enrol(photo.person_id, [photo.read(max_bytes + 1)])
    except NothingEnrolled as nothing:
        return Refusal(photo.name, nothing.rejected[0]["code"], nothing.rejected[0]["message"])
    except ImageRejected as rejected:
        # What it is read from has a reason why there is no picture.
        return Refusal(photo.name, rejected.code, rejected.message)
    except InvalidField as wrong:
        return Refusal(photo.name, wrong.code, f"'{photo.person_id}': {wrong.message}")
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError):
        return Refusal(photo.name, "unreadable", "The file cannot be read.")
    return None


def _counted(before: Progress, refusal: Refusal | None, people: int) -> Progress:
    if refusal is None:
        return replace(before, done=before.done + 1, added=before.added + 1, people=people)
    told = (*before.refusals, refusal) if before.refused < MOST_TOLD else before.refusals
    return replace(before, done=before.done + 1, refused=before.refused + 1, refusals=told)
