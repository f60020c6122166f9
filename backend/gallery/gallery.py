"""Everybody who can be recognised: SQL is the truth, the index in memory is derived from it."""

import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from backend.domain.errors import ModelMismatch, PersonNotFound
from backend.domain.face import Template
from backend.domain.identity import Candidate
from backend.domain.person import Person
from backend.gallery.index import ExactIndex, TemplateIndex
from backend.storage import people, templates
from backend.storage.database import Database, Transaction
from backend.storage.templates import NewTemplate

RECHECK_SECONDS = 0.5
"""How long another process's change (a command line beside the server) may go unseen."""


@dataclass(frozen=True, slots=True)
class Addition:
    """What became of templates that were to be added."""

    added: int
    duplicates: frozenset[str]
    """The photo hashes that were there before."""
    embeddings: int
    """How many templates the person has now; 0 where nobody of that id is enrolled."""


class Gallery:
    """The templates of one model, searched in memory and kept in the database; safe to use from any thread."""

    def __init__(self, database: Database, model: str) -> None:
        """Build the index from the database's templates of that model."""
        self.model = model
        self._database = database
        # Held over a change of both SQL and index, so that they change in the same order.
        self._changing = threading.Lock()
        self._index: TemplateIndex = ExactIndex.of(())
        self._generation = -1
        self._checked_at = time.monotonic()
        self._rebuild()

    def search(self, probe: Template, limit: int = 5, among: Collection[str] | None = None) -> list[Candidate]:
        """The people most like the probe, best first, where given only `among` those.

        Raises ModelMismatch for a template of another model.
        """
        self._refuse_other_model(probe)
        self._rebuild_if_changed_elsewhere()
        return self._index.search(probe.embedding, limit, among)

    def check_readable(self) -> None:
        """Raise StorageError where the database cannot be read."""
        with self._database.read() as tx:
            templates.generation(tx)

    def people(self) -> list[Person]:
        """Everybody enrolled, sorted by id."""
        with self._database.read() as tx:
            return people.all_with_counts(tx)

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
                if fresh:
                    _keep(tx, person_id, fresh)
                    generation = templates.advance_generation(tx)
                embeddings = templates.count(tx, person_id)
            if fresh:
                changed = self._index.with_added(person_id, [template.template.embedding for template in fresh])
                self._replace(changed, generation)
        return Addition(len(fresh), known & by_photo.keys(), embeddings)

    def remove(self, person_id: str) -> int:
        """Remove a person with all templates and answer how many those were; raises PersonNotFound."""
        with self._changing:
            with self._database.write() as tx:
                removed = templates.count(tx, person_id)
                if not people.remove(tx, person_id):
                    raise PersonNotFound(person_id)
                generation = templates.advance_generation(tx)
            self._replace(self._index.without(person_id), generation)
        return removed

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
            self._index, self._generation = ExactIndex.of(rows), generation


def _keep(tx: Transaction, person_id: str, fresh: Sequence[NewTemplate]) -> None:
    if not people.exists(tx, person_id):
        people.add(tx, person_id)
    for template in fresh:
        templates.add(tx, person_id, template)
