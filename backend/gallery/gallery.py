"""Everybody who can be recognised: SQL is the truth, the index that is searched is derived from it."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.domain.audit import Deed
from backend.domain.errors import (
    Busy,
    InvalidField,
    ModelMismatch,
    PersonExists,
    PersonNotFound,
    StorageError,
    TemplateNotFound,
)
from backend.domain.face import Template
from backend.domain.identity import Candidate
from backend.domain.meter import NO_METER, Meter, Stage, timed
from backend.domain.person import Person
from backend.gallery.cohort import CohortAdjustedIndex
from backend.gallery.hnsw import KeepOn
from backend.gallery.index import ExactIndex, TemplateIndex
from backend.gallery.layered import LayeredIndex
from backend.gallery.shelf import Shelf
from backend.storage import audit, changes, gallery_rows, negatives, people, templates
from backend.storage.changes import State
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
MOST_CHANGED = 20_000
"""With more people changed since an index was written, it is made anew rather than brought up to date."""

logger = logging.getLogger(__name__)
Adjust: TypeAlias = Callable[[TemplateIndex], TemplateIndex]
"""What goes around an index, such as CohortAdjustedIndex."""


def _as_it_is(index: TemplateIndex) -> TemplateIndex:
    return index


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
        """Take the index of that model's templates from the `shelf`, or make it of the rows; `adjust` goes around it.

        Without a shelf search is exact, however many templates there are.
        """
        self._meter = meter
        self.model = model
        self.renewal = threading.Event()
        """Set when the index should be written anew; see `renew`."""
        self._database = database
        # Held over a change of both SQL and index, so that they change in the same order.
        self._changing = threading.Lock()
        self._adjust = adjust or _as_it_is
        self._shelf = shelf
        self._checked_at = time.monotonic()
        self._strangers: Mapping[str, NDArray[np.float32]] = {}
        self._retired = False
        self._seen = self._load()
        self._note_renewal()

    @property
    def index(self) -> TemplateIndex:
        """What is searched at the moment: everybody, with similarities that are not adjusted."""
        return _plain(self._seen.index)

    def search(self, probe: Template, limit: int = 5, among: Collection[str] | None = None) -> list[Candidate]:
        """The people most like the probe, best first, where given only `among` those.

        Raises ModelMismatch for a template of another model.
        """
        self._refuse_other_model(probe)
        self._rebuild_if_changed_elsewhere()
        strangers = self._strangers
        with timed(self._meter, Stage.SEARCH):
            # As many more as may have to be left out.
            found = self._seen.index.search(probe.embedding, limit + len(strangers), among)
        return [candidate for candidate in found if not _is_said_not_to_be(candidate, probe, strangers)][:limit]

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
        with self._changing:
            if self._retired and any(template.crop is None for template in new):
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
                added = [template.template.embedding for template in fresh]
                self._replace(self._seen.index.with_added(person_id, added), state)
        return Addition(template_ids, known & by_photo.keys(), embeddings)

    def remove(self, person_id: str) -> int:
        """Remove a person with all templates and answer how many those were; raises PersonNotFound."""
        with self._changing:
            with self._database.write() as tx:
                removed = templates.count(tx, person_id)
                if not people.remove(tx, person_id):
                    raise PersonNotFound(person_id)
                audit.note(tx, Deed.PERSON_REMOVED, person_id, faces=removed)
                templates.advance_generation(tx, (person_id,))
                state = changes.state(tx)
            self._replace(self._seen.index.without(person_id), state)
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
        with self._changing:
            self._catch_up()

    @contextmanager
    def handing_over(self) -> Iterator[None]:
        """Hold every change off while another model takes over the rows; searches go on."""
        with self._changing:
            yield

    def retire(self) -> None:
        """Follow the rows no more, within `handing_over`: they are another model's now.

        Whoever still searches here finds what was there before.
        """
        self._retired = True

    def renew(self, keep_on: KeepOn) -> bool:
        """Write the index anew where it became large or too much lies over it; whether that was done.

        It takes minutes for a million templates; searches and changes go on meanwhile, answered by the one there is.
        Raises Stopped where `keep_on` says so, and StorageError where it cannot be kept.
        """
        seen, shelf = self._seen, self._shelf
        if self._retired or shelf is None or not shelf.is_to_be_renewed(_plain(seen.index)):
            return False
        written = shelf.renewed(_plain(seen.index), seen.state, keep_on)
        with self._changing, self._database.read() as tx:
            if self._retired:
                return False
            # What changed meanwhile lies over the new one.
            self._seen = self._caught_up(tx, LayeredIndex(written), seen.state) or self._seen
        self._note_renewal()
        return True

    def remove_other_indexes(self) -> bool:
        """Remove what indexes of other models are on the disk; whether there were any."""
        return self._shelf is not None and not self._retired and self._shelf.files.remove_others()

    @contextmanager
    def _rows(self) -> Iterator[Transaction]:
        """The rows as they are, and as searches that begin after this see them."""
        with ExitStack() as reading:
            with self._changing:
                tx = reading.enter_context(self._database.read())
                # The first question fixes what all later ones see.
                templates.generation(tx)
            yield tx

    @contextmanager
    def _changed_rows(self, *changed: str) -> Iterator[Transaction]:
        """A transaction whose changes of these people's rows the index is brought up to date from."""
        with self._changing:
            with self._database.write() as tx:
                yield tx
                # Without names it may be anybody.
                templates.advance_generation(tx, changed or None)
            self._catch_up()

    def _refuse_other_model(self, template: Template) -> None:
        if template.model != self.model:
            raise ModelMismatch(expected=self.model, actual=template.model)

    def _replace(self, index: TemplateIndex, state: State) -> None:
        if self._retired:
            return
        # A number that jumped means another process changed the rows too: only the rows know how.
        if state.generation == self._seen.state.generation + 1:
            self._seen = _Seen(index, state)
            self._note_renewal()
        else:
            self._catch_up()

    def _rebuild_if_changed_elsewhere(self) -> None:
        now = time.monotonic()
        # Who is changing something now sees what others changed, and nobody waits for it here.
        if self._retired or now - self._checked_at < RECHECK_SECONDS or not self._changing.acquire(blocking=False):
            return
        try:
            self._checked_at = now
            with self._database.read() as tx:
                behind = changes.state(tx) != self._seen.state
            if behind:
                self._catch_up()
        finally:
            self._changing.release()

    def _catch_up(self) -> None:
        """Bring the index up to date from the rows: of those who changed where that is known, and else of all."""
        if self._retired:
            return
        large = _plain(self._seen.index)
        with self._database.read() as tx:
            caught_up = None
            if isinstance(large, LayeredIndex):
                caught_up = self._caught_up(tx, large, self._seen.state)
            if caught_up is not None:
                self._seen = caught_up
        if caught_up is None:
            self._seen = self._load()
        self._note_renewal()

    def _caught_up(self, tx: Transaction, index: LayeredIndex, known: State) -> "_Seen | None":
        changed = changes.since(tx, known)
        if changed is None or len(changed) > MOST_CHANGED:
            return None
        self._strangers = _stacked(negatives.all_of_model(tx, self.model))
        rows = templates.of_people(tx, changed, self.model)
        return _Seen(self._adjust(index.with_replaced(changed, rows)), changes.state(tx))

    def _load(self) -> "_Seen":
        with self._database.read() as tx:
            return self._loaded(tx, self._kept())

    def _kept(self) -> tuple[LayeredIndex, State] | None:
        if self._shelf is None:
            return None
        try:
            return self._shelf.newest()
        except StorageError as error:
            logger.warning("%s It is made anew in the background, and search is exact and slower until then.", error)
            return None

    def _loaded(self, tx: Transaction, kept: tuple[LayeredIndex, State] | None) -> "_Seen":
        caught_up = None if kept is None else self._caught_up(tx, *kept)
        if caught_up is not None:
            return caught_up
        self._strangers = _stacked(negatives.all_of_model(tx, self.model))
        state = changes.state(tx)
        rows = ((person_id, template.embedding) for person_id, template in templates.all_of_model(tx, self.model))
        return _Seen(self._adjust(ExactIndex.of(rows) if self._shelf is None else self._shelf.exact(rows)), state)

    def _note_renewal(self) -> None:
        if self._shelf is not None and self._shelf.is_to_be_renewed(_plain(self._seen.index)):
            self.renewal.set()


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What searches see: an index and the state it is of, replaced together."""

    index: TemplateIndex
    state: State


def _plain(index: TemplateIndex) -> TemplateIndex:
    return index.plain if isinstance(index, CohortAdjustedIndex) else index


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
