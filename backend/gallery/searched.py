"""What is searched of a gallery: the templates of one model, made of the rows and kept in step with them."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import StorageError
from backend.domain.face import Template
from backend.domain.identity import Candidate
from backend.domain.meter import NO_METER, Meter, Stage, timed
from backend.gallery.cohort import CohortAdjustedIndex
from backend.gallery.index import ExactIndex, TemplateIndex
from backend.gallery.layered import LayeredIndex
from backend.gallery.shelf import Shelf
from backend.gallery.signs import KeepOn
from backend.storage import changes, negatives, templates
from backend.storage.changes import State
from backend.storage.database import Database, Transaction

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
RECHECK_SECONDS = 0.5
"""How long another process's change (a command line beside the server) may go unseen."""
MOST_CHANGED = 20_000
"""With more people changed since an index was written, it is made anew rather than brought up to date."""

logger = logging.getLogger(__name__)
Adjust: TypeAlias = Callable[[TemplateIndex], TemplateIndex]
"""What goes around an index, such as CohortAdjustedIndex."""


def _as_it_is(index: TemplateIndex) -> TemplateIndex:
    return index


class Searched:
    """An index of one model's templates that follows the rows; safe to use from any thread.

    `changing` is held by whoever changes the rows, and until this follows.
    """

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
        self.model = model
        self.changing = threading.Lock()
        """Held over a change of both rows and index, so that they change in one order; searches go on meanwhile."""
        self.renewal = threading.Event()
        """Set when the index should be written anew; see `renew`."""
        self._database = database
        self._adjust = adjust or _as_it_is
        self._shelf = shelf
        self._meter = meter
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
        """The people most like the probe, which is of the same model; best first, where given only `among` those."""
        self._rebuild_if_changed_elsewhere()
        strangers = self._strangers
        with timed(self._meter, Stage.SEARCH):
            # As many more as may have to be left out.
            found = self._seen.index.search(probe.embedding, limit + len(strangers), among)
        return [candidate for candidate in found if not _is_said_not_to_be(candidate, probe, strangers)][:limit]

    def add(self, person_id: str, embeddings: Sequence[NDArray[np.float32]], state: State) -> None:
        """Find a person by these too, within `changing`; the rows are in that state with them."""
        self._replace(self._seen.index.with_added(person_id, embeddings), state)

    def remove(self, person_id: str, state: State) -> None:
        """Find a person no more, within `changing`; the rows are in that state without them."""
        self._replace(self._seen.index.without(person_id), state)

    def catch_up(self) -> None:
        """Search what the rows say now, within `changing`: of those who changed where that is known, else of all."""
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

    @property
    def is_retired(self) -> bool:
        """Whether the rows are another model's now."""
        return self._retired

    def retire(self) -> None:
        """Follow the rows no more, within `changing`: they are another model's now.

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
        with self.changing, self._database.read() as tx:
            if self._retired:
                return False
            # What changed meanwhile lies over the new one.
            self._seen = self._caught_up(tx, LayeredIndex(written), seen.state) or self._seen
        self._note_renewal()
        return True

    def remove_other_indexes(self) -> bool:
        """Remove what indexes of other models are on the disk; whether any was removed. Raises StorageError."""
        return self._shelf is not None and not self._retired and self._shelf.files.remove_others()

    def _replace(self, index: TemplateIndex, state: State) -> None:
        if self._retired:
            return
        # A number that jumped means another process changed the rows too: only the rows know how.
        if state.generation == self._seen.state.generation + 1:
            self._seen = _Seen(index, state)
            self._note_renewal()
        else:
            self.catch_up()

    def _rebuild_if_changed_elsewhere(self) -> None:
        now = time.monotonic()
        # Who is changing something now sees what others changed, and nobody waits for it here.
        if self._retired or now - self._checked_at < RECHECK_SECONDS or not self.changing.acquire(blocking=False):
            return
        try:
            self._checked_at = now
            with self._database.read() as tx:
                behind = changes.state(tx) != self._seen.state
            if behind:
                self.catch_up()
        finally:
            self.changing.release()

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
