"""What a person says about a sighting: who it is, or who it is not."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backend.domain.audit import Deed
from backend.domain.errors import SightingNotFound
from backend.domain.face import KeptLook, Template
from backend.domain.person import Person, checked_person_id
from backend.domain.sighting import Sighting
from backend.gallery.gallery import Gallery
from backend.recognition.seen_again import SeenAgain
from backend.storage import audit, rulings, sighting_looks, sightings
from backend.storage.database import Database
from backend.storage.embeddings import to_bytes
from backend.storage.templates import NewTemplate

UNKNOWN_QUALITY = 0.5
"""Taken for a sighting that was kept before its looks' quality was."""


@dataclass(frozen=True, slots=True)
class _Memory:
    """What a sighting left to learn from."""

    sighting: Sighting
    average: Template
    """Of its best looks, by the model that saw it."""
    quality: float
    """Of the best of them, 0–1."""
    kept: Sequence[KeptLook]
    """Its best looks, the best first, by the model that saw them; none where it was kept before looks were."""

    @property
    def sources(self) -> frozenset[str]:
        """What stands for it at the templates that were learned from it, under whichever model."""
        return frozenset(_digest(look) for look in (self.average, *(look.template for look in self.kept)))


@dataclass(frozen=True, slots=True)
class _Lesson:
    """A look to learn from, by the model in use."""

    look: KeptLook
    source: str
    """What stands for it, under whichever model: the hash of its embedding by the model that saw it."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What became of a name."""

    person_id: str
    looks: int
    """From how many of the visit's looks it was learned."""
    embeddings: int
    """How many templates the person has now."""
    is_new: bool
    """Whether the person was not enrolled before."""


class Naming:
    """Learns from what people say about sightings; safe to use from any thread."""

    def __init__(
        self,
        database: Database,
        gallery: Callable[[], Gallery],
        seen_again: Callable[[], SeenAgain | None] = lambda: None,
    ) -> None:
        """Enrol in the `gallery` of the moment, relabel in `database`.

        `seen_again` looks by the model of the moment at sightings that were seen by another.
        """
        self._database = database
        self._gallery_now = gallery
        self._seen_again = seen_again

    @property
    def _gallery(self) -> Gallery:
        return self._gallery_now()

    def name(self, sighting_id: str, name: str) -> Learned:
        """Enrol a sighting's best looks under a name, and give it that name.

        Somebody enrolled is found by id or display name, in any case of letters. Raises SightingNotFound, InvalidField
        for an impossible name, and ModelMismatch where the sighting's look is of a model that is used no more.
        """
        memory = self._memory(sighting_id)
        known = self._known(name)
        person_id = checked_person_id(name.strip()) if known is None else known.person_id
        source = f"{memory.sighting.camera_nickname} {memory.sighting.started_at:%Y-%m-%d %H:%M:%S}"
        learned = [
            NewTemplate(lesson.look.template, lesson.look.quality, source, lesson.source, lesson.look.crop)
            for lesson in self._each_alone(memory) or [self._together(memory)]
        ]
        addition = self._gallery.add(person_id, learned)
        self._relabel(sighting_id, person_id)
        return Learned(person_id, len(learned), addition.embeddings, known is None)

    def deny(self, sighting_id: str, person_id: str) -> None:
        """Have a sighting, and looks like it, match a person no more; raises SightingNotFound and PersonNotFound.

        What was learned from this sighting under that name is forgotten.
        """
        memory = self._memory(sighting_id)
        look = self._together(memory).look.template
        self._gallery.deny(person_id, look, memory.sources, sighting_id=sighting_id)
        self._relabel(sighting_id, None)

    def _memory(self, sighting_id: str) -> _Memory:
        with self._database.read() as tx:
            sighting, average = sightings.find(tx, sighting_id), sightings.template(tx, sighting_id)
            kept = sighting_looks.of_sighting(tx, sighting_id)
            records = rulings.of_sighting(tx, sighting_id)
        if sighting is None or average is None:
            raise SightingNotFound(f"There is no sighting '{sighting_id}'.", sighting_id=sighting_id)
        return _Memory(sighting, average, records[-1].quality if records else UNKNOWN_QUALITY, kept)

    def _each_alone(self, memory: _Memory) -> list[_Lesson]:
        """Its best looks, the best first, as far as they can be had by the model in use."""
        looks = zip(self._by_model_in_use(memory.kept), memory.kept, strict=True)
        return [_Lesson(look, _digest(kept.template)) for look, kept in looks if look is not None]

    def _by_model_in_use(self, kept: Sequence[KeptLook]) -> Sequence[KeptLook | None]:
        # All looks of a sighting are of one model.
        if not kept or kept[0].template.model == self._gallery.model:
            return kept
        again = self._seen_again()
        return [None] * len(kept) if again is None else again.looks(kept)

    def _together(self, memory: _Memory) -> _Lesson:
        """The average of its looks or, where another model saw it, its face in the picture if that is still there."""
        average = memory.average
        if average.model != self._gallery.model and (again := self._seen_again()) is not None:
            average = again.template(memory.sighting.sighting_id) or average
        crop = memory.kept[0].crop if memory.kept else None
        return _Lesson(KeptLook(average, memory.quality, crop), _digest(memory.average))

    def _known(self, name: str) -> Person | None:
        wanted = name.strip().casefold()
        people = self._gallery.people()
        by_id = next((person for person in people if person.person_id.casefold() == wanted), None)
        by_name = (person for person in people if (person.display_name or "").casefold() == wanted)
        return by_id or next(by_name, None)

    def _relabel(self, sighting_id: str, person_id: str | None) -> None:
        with self._database.write() as tx:
            sightings.relabel(tx, sighting_id, person_id)
            audit.note(tx, Deed.SIGHTING_NAMED, sighting_id, person_id=person_id)


def _digest(look: Template) -> str:
    """What stands for a look where a photo has the hash of its file."""
    return hashlib.sha256(to_bytes(look.embedding)).hexdigest()
