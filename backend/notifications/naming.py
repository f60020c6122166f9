"""What a person says about a sighting: who it is, or who it is not."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from backend.domain.audit import Deed
from backend.domain.errors import SightingNotFound
from backend.domain.face import KeptLook, Template
from backend.domain.person import Person, checked_person_id
from backend.domain.sighting import Sighting
from backend.gallery.gallery import Gallery
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
    """Of its best looks."""
    looks: tuple[KeptLook, ...]
    """Its best looks, the best first; their average where none was kept alone under the model in use."""
    sources: frozenset[str]
    """What stands for it at the templates that were learned from it, under whichever model."""


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
        seen_again: Callable[[str], Template | None] = lambda _: None,
    ) -> None:
        """Enrol in the `gallery` of the moment, relabel in `database`.

        `seen_again` makes a sighting's look by the model of the moment, for one that was seen by another.
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
            NewTemplate(look.template, look.quality, source, _digest(look.template), look.crop) for look in memory.looks
        ]
        addition = self._gallery.add(person_id, learned)
        self._relabel(sighting_id, person_id)
        return Learned(person_id, len(learned), addition.embeddings, known is None)

    def deny(self, sighting_id: str, person_id: str) -> None:
        """Have a sighting, and looks like it, match a person no more; raises SightingNotFound and PersonNotFound.

        What was learned from this sighting under that name is forgotten.
        """
        memory = self._memory(sighting_id)
        self._gallery.deny(person_id, memory.average, memory.sources, sighting_id=sighting_id)
        self._relabel(sighting_id, None)

    def _memory(self, sighting_id: str) -> _Memory:
        with self._database.read() as tx:
            sighting, average = sightings.find(tx, sighting_id), sightings.template(tx, sighting_id)
            kept = sighting_looks.of_sighting(tx, sighting_id)
            records = rulings.of_sighting(tx, sighting_id)
        if sighting is None or average is None:
            raise SightingNotFound(f"There is no sighting '{sighting_id}'.", sighting_id=sighting_id)
        quality = records[-1].quality if records else UNKNOWN_QUALITY
        # A template that was learned keeps its source, also where another model has made it anew.
        sources = frozenset(_digest(look) for look in (average, *(look.template for look in kept)))
        if average.model != self._gallery.model:
            average = self._seen_again(sighting_id) or average
        looks = tuple(look for look in kept if look.template.model == self._gallery.model)
        alone = KeptLook(average, quality, kept[0].crop if kept else None)
        return _Memory(sighting, average, looks or (alone,), sources | {_digest(average)})

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
