"""Everybody who can be recognised: SQL is the truth, the index that is searched is derived from it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from backend.domain.audit import Deed
from backend.domain.errors import (
    Busy,
    InvalidField,
    ModelMismatch,
    PersonExists,
    PersonNotFound,
    TemplateNotFound,
)
from backend.domain.face import Template
from backend.domain.identity import Candidate
from backend.domain.meter import NO_METER, Meter
from backend.domain.person import Person
from backend.gallery.searched import Adjust, Searched
from backend.gallery.shelf import Shelf
from backend.storage import audit, changes, gallery_rows, negatives, people, templates
from backend.storage.database import Database, Transaction
from backend.storage.gallery_rows import KeptPerson
from backend.storage.templates import NewTemplate, TemplateEntry

EVERYBODY = "*"
"""Whom the audit log names where nobody is left out; no id of a person is that."""


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
        self,
        database: Database,
        model: str,
        adjust: Adjust | None = None,
        shelf: Shelf | None = None,
        meter: Meter = NO_METER,
    ) -> None:
        """Keep people in `database`, and search them as `Searched` is told to by the others."""
        self.model = model
        self.searched = Searched(database, model, adjust, shelf, meter)
        """What follows the rows that are changed here."""
        self._database = database

    def search(self, probe: Template, limit: int = 5, among: Collection[str] | None = None) -> list[Candidate]:
        """The people most like the probe, best first, where given only `among` those.

        Raises ModelMismatch for a template of another model.
        """
        self._refuse_other_model(probe)
        return self.searched.search(probe, limit, among)

    def deny(
        self, person_id: str, look: Template, learned: Collection[str] = (), sighting_id: str | None = None
    ) -> None:
        """Have a look, of that sighting, and what is more like it than like the person, match that person no more.

        Their templates that were `learned` from it, by the hashes of their sources, are removed. Raises PersonNotFound,
        and ModelMismatch for a template of another model.
        """
        self._refuse_other_model(look)
        with self._changed_rows(person_id) as tx:
            _found(tx, person_id)
            templates.remove_learned(tx, person_id, learned)
            negatives.add(tx, person_id, look, sighting_id)
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
        with self._rows() as tx:
            return people.all_with_counts(tx)

    def members(self, groups: Collection[str]) -> frozenset[str]:
        """Everybody who is in at least one of the groups."""
        return frozenset(person.person_id for person in self.people() if not set(groups).isdisjoint(person.groups))

    def person(self, person_id: str) -> Person:
        """Somebody who is enrolled; raises PersonNotFound."""
        with self._rows() as tx:
            return _found(tx, person_id)

    def describe(self, person_id: str, **described: Any) -> Person:
        """Change somebody's `display_name`, `note` or `groups` and answer them; raises PersonNotFound."""
        with self._database.write() as tx:
            changed = replace(_found(tx, person_id), **described)
            people.describe(tx, changed)
            audit.note(tx, Deed.PERSON_CHANGED, person_id, fields=", ".join(sorted(described)))
        return changed

    def count(self, person_id: str) -> int:
        """How many templates a person has; 0 where nobody of that id is enrolled."""
        with self._rows() as tx:
            return templates.count(tx, person_id)

    def add(self, person_id: str, new: Sequence[NewTemplate]) -> Addition:
        """Keep templates of a person, who is enrolled if new; photos that the person has already are left out.

        Raises ModelMismatch for a template of another model, and Busy where another model has just taken over and
        could not make anew what is added.
        """
        for template in new:
            self._refuse_other_model(template.template)
        with self.searched.changing:
            if self.searched.is_retired and any(template.crop is None for template in new):
                raise Busy("The model has just been changed; send it once more.", retry_after=1)
            with self._database.write() as tx:
                known = templates.source_hashes(tx, person_id, self.model)
                by_photo = {template.source_sha256: template for template in new}
                fresh = [template for photo, template in by_photo.items() if photo not in known]
                template_ids: dict[str, str] = {}
                if fresh:
                    template_ids = _keep(tx, person_id, fresh)
                    audit.note(tx, Deed.PERSON_ENROLLED, person_id, faces=len(fresh))
                    templates.advance_generation(tx, (person_id,))
                    state = changes.state(tx)
                embeddings = templates.count(tx, person_id)
            if fresh:
                self.searched.add(person_id, [template.template.embedding for template in fresh], state)
        return Addition(template_ids, known & by_photo.keys(), embeddings)

    def remove(self, person_id: str) -> int:
        """Remove a person with all templates and answer how many those were; raises PersonNotFound."""
        with self.searched.changing:
            with self._database.write() as tx:
                removed = templates.count(tx, person_id)
                if not people.remove(tx, person_id):
                    raise PersonNotFound(person_id)
                audit.note(tx, Deed.PERSON_REMOVED, person_id, faces=removed)
                templates.advance_generation(tx, (person_id,))
                state = changes.state(tx)
            self.searched.remove(person_id, state)
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
        with self._rows() as tx:
            _found(tx, person_id)
            return templates.of_person(tx, person_id)

    def crop(self, person_id: str, template_id: str) -> bytes:
        """The aligned face of a person's template, as PNG; raises TemplateNotFound."""
        with self._rows() as tx:
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
        with self._changed_rows(*(() if person_id is None else (person_id,))) as tx:
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
        with self._changed_rows(person_id) as tx:
            _require_template(tx, person_id, template_id)
            templates.remove(tx, template_id)
            audit.note(tx, Deed.FACE_REMOVED, person_id, face_id=template_id)

    def rename(self, person_id: str, new_id: str) -> None:
        """Give a person another id; raises PersonNotFound and PersonExists."""
        with self._changed_rows(person_id, new_id) as tx:
            _found(tx, person_id)
            if people.exists(tx, new_id):
                raise PersonExists(new_id)
            people.rename(tx, person_id, new_id)
            audit.note(tx, Deed.PERSON_RENAMED, person_id, new_id=new_id)

    def merge(self, person_id: str, into: str) -> int:
        """Give all that a person has to another, and remove the first; answers the other's templates.

        Raises PersonNotFound for either, and InvalidField where both are one.
        """
        if person_id == into:
            raise InvalidField("into", "A person cannot be merged into themselves; name another.")
        with self._changed_rows(person_id, into) as tx:
            giver, taker = _found(tx, person_id), _found(tx, into)
            templates.give(tx, person_id, into)
            people.give(tx, giver, taker)
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
            templates.advance_generation(tx, (kept.person.person_id,))
            audit.note(tx, Deed.GALLERY_IMPORTED, kept.person.person_id, templates=added)
        return added

    def refresh(self) -> None:
        """Search what the rows say now."""
        with self.searched.changing:
            self.searched.catch_up()

    @contextmanager
    def _rows(self) -> Iterator[Transaction]:
        """The rows as they are, and as searches that begin after this see them."""
        with ExitStack() as reading:
            with self.searched.changing:
                tx = reading.enter_context(self._database.read())
                # The first question fixes what all later ones see.
                templates.generation(tx)
            yield tx

    @contextmanager
    def _changed_rows(self, *changed: str) -> Iterator[Transaction]:
        """A transaction whose changes of these people's rows the index is brought up to date from."""
        with self.searched.changing:
            with self._database.write() as tx:
                yield tx
                # Without names it may be anybody.
                templates.advance_generation(tx, changed or None)
            self.searched.catch_up()

    def _refuse_other_model(self, template: Template) -> None:
        if template.model != self.model:
            raise ModelMismatch(expected=self.model, actual=template.model)


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
