"""Everybody who can be recognised: SQL is the truth, the index in memory is derived from it."""

import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.domain.audit import Deed
from backend.domain.errors import ModelMismatch, PersonExists, PersonNotFound, TemplateNotFound
from backend.domain.face import Template
from backend.domain.identity import Candidate
from backend.domain.meter import NO_METER, Meter, Stage, timed
from backend.domain.person import Person
from backend.gallery.index import ExactIndex, MakeIndex, TemplateIndex
from backend.storage import audit, gallery_rows, negatives, people, templates
from backend.storage.database import Database, Transaction
from backend.storage.gallery_rows import KeptPerson
from backend.storage.templates import NewTemplate, TemplateEntry

DENIAL_MARGIN = 0.05
"""By how much more a look must be like a person than like one that is said not to be them.

Measured with LFW: one photo each of 779 people enrolled, and 590 photos of strangers who were taken for one of them at
a threshold of 0.40. With one such photo denied, all 139 other photos of these strangers that were taken for the same
person no longer are, and 1 of that person's own 1,342 is refused. At a margin of -0.1 one stranger's photo is still
taken; at 0.1 ten of the person's own are refused, at 0.2 ninety-four. At a threshold of 0.44: 23 of 23, and 1 of 266.
"""
SAME_FACE = 0.8
"""So alike to a look that is said not to be a person, a face is not theirs, however like them it is.

This is for what a person was taught by mistake, more than once: with two photos of a stranger enrolled as a person's
and one of them denied, 71 % of the stranger's other photos in LFW are refused, with this rule or without; at 0.7 it
would be 76 %. It is for the looks of one pass, which are more alike (0.94 in the journey test) than photos of different
days. Of LFW's 29.6 million pairs of strangers 2 are 0.8 alike and 11 are 0.7; a lower value would let a twin's denied
look cost a person their own looks.
"""
EVERYBODY = "*"
"""Whom the audit log names where nobody is left out; no id of a person is that."""
RECHECK_SECONDS = 0.5
"""How long another process's change (a command line beside the server) may go unseen."""


@dataclass(frozen=True, slots=True)
class Addition:
    """What became of templates that were to be added."""

    template_ids: Mapping[str, str]
    """The new templates' ids by the hashes of their photos."""
    duplicates: frozenset[str]
    """The photo hashes that were there before."""
    embeddings: int
    """How many templates the person has now; 0 where nobody of that id is enrolled."""


class Gallery:
    """The templates of one model, searched in memory and kept in the database; safe to use from any thread."""

    def __init__(
        self, database: Database, model: str, make_index: MakeIndex = ExactIndex.of, meter: Meter = NO_METER
    ) -> None:
        """Build the index, of the kind that `make_index` makes, from the database's templates of that model."""
        self._meter = meter
        self.model = model
        self._database = database
        # Held over a change of both SQL and index, so that they change in the same order.
        self._changing = threading.Lock()
        self._make_index = make_index
        self._index: TemplateIndex = make_index(())
        self._strangers: Mapping[str, NDArray[np.float32]] = {}
        self._generation = -1
        self._checked_at = time.monotonic()
        self._rebuild()

    def search(self, probe: Template, limit: int = 5, among: Collection[str] | None = None) -> list[Candidate]:
        """The people most like the probe, best first, where given only `among` those.

        Raises ModelMismatch for a template of another model.
        """
        self._refuse_other_model(probe)
        self._rebuild_if_changed_elsewhere()
        strangers = self._strangers
        with timed(self._meter, Stage.SEARCH):
            # As many more as may have to be left out.
            found = self._index.search(probe.embedding, limit + len(strangers), among)
        return [candidate for candidate in found if not _is_said_not_to_be(candidate, probe, strangers)][:limit]

    def deny(self, person_id: str, look: Template) -> None:
        """Have a look, and what is more like it than like the person, match that person no more.

        Raises PersonNotFound, and ModelMismatch for a template of another model.
        """
        self._refuse_other_model(look)
        with self._changed_rows() as tx:
            _found(tx, person_id)
            negatives.add(tx, person_id, look)
            audit.note(tx, Deed.PERSON_DENIED, person_id)

    def check_readable(self) -> None:
        """Raise StorageError where the database cannot be read."""
        with self._database.read() as tx:
            templates.generation(tx)

    def check_writable(self) -> None:
        """Raise StorageError where the database cannot be written."""
        with self._database.write() as tx:
            templates.touch_generation(tx)

    def people(self) -> list[Person]:
        """Everybody enrolled, sorted by id."""
        with self._database.read() as tx:
            return people.all_with_counts(tx)

    def members(self, groups: Collection[str]) -> frozenset[str]:
        """Everybody who is in at least one of the groups."""
        return frozenset(person.person_id for person in self.people() if not set(groups).isdisjoint(person.groups))

    def person(self, person_id: str) -> Person:
        """Somebody who is enrolled; raises PersonNotFound."""
        with self._database.read() as tx:
            return _found(tx, person_id)

    def describe(self, person_id: str, **changes: Any) -> Person:
        """Change somebody's `display_name`, `note` or `groups` and answer them; raises PersonNotFound."""
        with self._database.write() as tx:
            changed = replace(_found(tx, person_id), **changes)
            people.describe(tx, changed)
            audit.note(tx, Deed.PERSON_CHANGED, person_id, fields=", ".join(sorted(changes)))
        return changed

    def count(self, person_id: str) -> int:
        """How many templates a person has; 0 where nobody of that id is enrolled."""
        with self._database.read() as tx:
            return templates.count(tx, person_id)

    def add(self, person_id: str, new: Sequence[NewTemplate]) -> Addition:
        """Keep templates of a person, who is enrolled if new; photos that the person has already are left out.

        Raises ModelMismatch for a template of another model.
        """
        for template in new:
            self._refuse_other_model(template.template)
        with self._changing:
            with self._database.write() as tx:
                known = templates.source_hashes(tx, person_id, self.model)
                by_photo = {template.source_sha256: template for template in new}
                fresh = [template for photo, template in by_photo.items() if photo not in known]
                template_ids: dict[str, str] = {}
                if fresh:
                    template_ids = _keep(tx, person_id, fresh)
                    audit.note(tx, Deed.PERSON_ENROLLED, person_id, faces=len(fresh))
                    generation = templates.advance_generation(tx)
                embeddings = templates.count(tx, person_id)
            if fresh:
                changed = self._index.with_added(person_id, [template.template.embedding for template in fresh])
                self._replace(changed, generation)
        return Addition(template_ids, known & by_photo.keys(), embeddings)

    def remove(self, person_id: str) -> int:
        """Remove a person with all templates and answer how many those were; raises PersonNotFound."""
        with self._changing:
            with self._database.write() as tx:
                removed = templates.count(tx, person_id)
                if not people.remove(tx, person_id):
                    raise PersonNotFound(person_id)
                audit.note(tx, Deed.PERSON_REMOVED, person_id, faces=removed)
                generation = templates.advance_generation(tx)
            self._replace(self._index.without(person_id), generation)
        return removed

    def create(self, person_id: str, **details: Any) -> Person:
        """Enrol somebody who has no photo yet, with the details that `describe` takes; raises PersonExists."""
        with self._database.write() as tx:
            if people.exists(tx, person_id):
                raise PersonExists(person_id)
            people.add(tx, person_id)
            created = replace(_found(tx, person_id), **details)
            people.describe(tx, created)
            audit.note(tx, Deed.PERSON_CREATED, person_id)
        return created

    def templates_of(self, person_id: str) -> list[TemplateEntry]:
        """A person's templates of every model, in the order of enrolment; raises PersonNotFound."""
        with self._database.read() as tx:
            _found(tx, person_id)
            return templates.of_person(tx, person_id)

    def crop(self, person_id: str, template_id: str) -> bytes:
        """The aligned face of a person's template, as PNG; raises TemplateNotFound."""
        with self._database.read() as tx:
            _require_template(tx, person_id, template_id)
            png = templates.crop(tx, template_id)
        if png is None:
            raise TemplateNotFound("The face of this template was not kept.", template_id=template_id)
        return png

    def template_page(self, person_id: str | None, offset: int, limit: int) -> tuple[list[TemplateEntry], int]:
        """Some of the templates, of one person or of all, in the order of enrolment; and how many there are."""
        with self._database.read() as tx:
            return templates.page(tx, person_id, offset, limit), templates.count(tx, person_id)

    def template_entry(self, template_id: str) -> TemplateEntry:
        """What is listed of a template; raises TemplateNotFound."""
        with self._database.read() as tx:
            return _found_template(tx, template_id)

    def template(self, template_id: str) -> Template:
        """A template of anybody; raises TemplateNotFound."""
        with self._database.read() as tx:
            _found_template(tx, template_id)
            return templates.template(tx, template_id)

    def template_of_photo(self, person_id: str, source_sha256: str) -> str | None:
        """The id of the template that a person has of a photo, by the hash of the photo's bytes; None without one."""
        with self._database.read() as tx:
            return templates.of_photo(tx, person_id, self.model, source_sha256)

    def remove_templates(self, person_id: str | None) -> int:
        """Remove every template of a person, or of everybody, and answer how many; the people stay."""
        with self._changed_rows() as tx:
            removed = templates.remove_all(tx, person_id)
            audit.note(tx, Deed.FACE_REMOVED, person_id or EVERYBODY, templates=removed)
            return removed

    def remove_everybody(self) -> int:
        """Remove all people with their templates and answer how many people those were."""
        with self._changed_rows() as tx:
            removed = people.remove_all(tx)
            audit.note(tx, Deed.PERSON_REMOVED, EVERYBODY, people=removed)
            return removed

    def remove_template(self, person_id: str, template_id: str) -> None:
        """Remove one template of a person, who stays enrolled; raises TemplateNotFound."""
        with self._changed_rows() as tx:
            _require_template(tx, person_id, template_id)
            templates.remove(tx, template_id)
            audit.note(tx, Deed.FACE_REMOVED, person_id, face_id=template_id)

    def rename(self, person_id: str, new_id: str) -> None:
        """Give a person another id; raises PersonNotFound and PersonExists."""
        with self._changed_rows() as tx:
            _found(tx, person_id)
            if people.exists(tx, new_id):
                raise PersonExists(new_id)
            people.rename(tx, person_id, new_id)
            audit.note(tx, Deed.PERSON_RENAMED, person_id, new_id=new_id)

    def merge(self, person_id: str, into: str) -> int:
        """Give a person's templates and sightings to another, and remove the first; answers the other's templates.

        Raises PersonNotFound for either.
        """
        with self._changed_rows() as tx:
            _found(tx, person_id)
            _found(tx, into)
            templates.give(tx, person_id, into)
            people.give_sightings(tx, person_id, into)
            people.remove(tx, person_id)
            audit.note(tx, Deed.PERSON_MERGED, person_id, into=into)
            return templates.count(tx, into)

    def everything(self, *, with_crops: bool) -> Iterator[KeptPerson]:
        """All that is kept of everybody, as it is at one moment, sorted by id."""
        with self._database.read() as tx:
            for person in people.all_with_counts(tx):
                yield gallery_rows.whole(tx, person, with_crops=with_crops)

    def note_export(self, people_count: int, *, pictures: bool) -> None:
        """Have the audit log know that everybody was taken elsewhere."""
        with self._database.write() as tx:
            audit.note(tx, Deed.GALLERY_EXPORTED, self.model, people=people_count, pictures=pictures)

    def put_back(self, kept: KeptPerson) -> int:
        """Keep a person who was kept elsewhere, and answer how many templates were new.

        Searches may miss them until `refresh`, which is called once after many. Every embedding has its model's length.
        """
        with self._database.write() as tx:
            added = gallery_rows.put_back(tx, kept)
            templates.advance_generation(tx)
            audit.note(tx, Deed.GALLERY_IMPORTED, kept.person.person_id, templates=added)
        return added

    def refresh(self) -> None:
        """Search what the rows say now."""
        with self._changing:
            self._rebuild()

    @contextmanager
    def _changed_rows(self) -> Iterator[Transaction]:
        """A transaction whose changes of the rows the index is rebuilt from: for what is rarely done."""
        with self._changing:
            with self._database.write() as tx:
                yield tx
                templates.advance_generation(tx)
            self._rebuild()

    def _refuse_other_model(self, template: Template) -> None:
        if template.model != self.model:
            raise ModelMismatch(expected=self.model, actual=template.model)

    def _replace(self, index: TemplateIndex, generation: int) -> None:
        # A number that jumped means another process changed the rows too: only the rows know how.
        if generation == self._generation + 1:
            self._index, self._generation = index, generation
        else:
            self._rebuild()

    def _rebuild_if_changed_elsewhere(self) -> None:
        now = time.monotonic()
        if now - self._checked_at < RECHECK_SECONDS:
            return
        self._checked_at = now
        with self._changing:
            with self._database.read() as tx:
                behind = templates.generation(tx) != self._generation
            if behind:
                self._rebuild()

    def _rebuild(self) -> None:
        with self._database.read() as tx:
            generation = templates.generation(tx)
            rows = ((person_id, template.embedding) for person_id, template in templates.all_of_model(tx, self.model))
            self._strangers = _stacked(negatives.all_of_model(tx, self.model))
            self._index, self._generation = self._make_index(rows), generation


def _stacked(looks: Iterable[tuple[str, Template]]) -> dict[str, NDArray[np.float32]]:
    """For each person the looks that are not theirs, as n × d."""
    of_person: dict[str, list[NDArray[np.float32]]] = {}
    for person_id, look in looks:
        of_person.setdefault(person_id, []).append(look.embedding)
    return {person_id: np.stack(embeddings) for person_id, embeddings in of_person.items()}


def _is_said_not_to_be(candidate: Candidate, probe: Template, strangers: Mapping[str, NDArray[np.float32]]) -> bool:
    """Whether the probe is like a look that is not this person's, and no clearly more like the person."""
    looks = strangers.get(candidate.person_id)
    return looks is not None and float((looks @ probe.embedding).max()) >= min(
        candidate.similarity - DENIAL_MARGIN, SAME_FACE
    )


def _keep(tx: Transaction, person_id: str, fresh: Sequence[NewTemplate]) -> dict[str, str]:
    if not people.exists(tx, person_id):
        people.add(tx, person_id)
    return {template.source_sha256: templates.add(tx, person_id, template) for template in fresh}


def _found(tx: Transaction, person_id: str) -> Person:
    found = people.find(tx, person_id)
    if found is None:
        raise PersonNotFound(person_id)
    return found


def _found_template(tx: Transaction, template_id: str) -> TemplateEntry:
    found = templates.find(tx, template_id)
    if found is None:
        raise TemplateNotFound(f"There is no template '{template_id}'.", template_id=template_id)
    return found


def _require_template(tx: Transaction, person_id: str, template_id: str) -> None:
    found = templates.find(tx, template_id)
    if found is None or found.person_id != person_id:
        raise TemplateNotFound(f"'{person_id}' has no template '{template_id}'.", template_id=template_id)
