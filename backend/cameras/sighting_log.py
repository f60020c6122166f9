"""Visits to stored sightings: each written with its picture and its messages in one transaction."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from backend.cameras.follow import Look, Visit
from backend.cameras.tracker import LIKE, MAX_GAP_SECONDS
from backend.domain.camera import Camera
from backend.domain.errors import StorageError
from backend.domain.face import Face, KeptLook, Template
from backend.domain.sighting import Evidence, Sighting
from backend.storage import sighting_looks, sightings
from backend.storage.database import Database, Transaction
from backend.storage.ids import new_id
from backend.storage.sighting_looks import Stays
from backend.storage.snapshots import Snapshots
from backend.vision.image import encode_jpeg, encode_png

logger = logging.getLogger(__name__)

REFRESH = timedelta(seconds=1)
"""How old "last seen" may be in the database: what a crash can lose of a visit's length."""
MOST_OWED = 1000
"""How many visits that ended while the database refused are remembered, without their pictures, until it does not."""


class Tell(Protocol):
    """Has a sighting told to whom it concerns, in the transaction that writes it."""

    def __call__(
        self, tx: Transaction, sighting: Sighting, evidence: Evidence, camera: Camera, *, risen: bool = False
    ) -> bool:
        """Ask about a sighting that is new, or of another person than before, or else `risen` in its similarity.

        Answers whether there is a message to be sent, or to be changed.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """A visit as it is to be in the database, and as it is."""

    sighting: Sighting
    evidence: Evidence
    stored: Sighting | None
    """None where it was never written."""
    picture_worth: float
    looks_before: int
    """Those of an earlier run that this visit goes on with."""
    best_looks: tuple[Face, ...] = ()
    stored_looks: tuple[Face, ...] = ()


class SightingLog:
    """Keeps one camera's visits as sightings; a VisitLog, used by one thread."""

    def __init__(
        self,
        camera: Camera,
        database: Database,
        snapshots: Snapshots,
        tell: Tell,
        on_written: Callable[[], None],
        *,
        keep_crops: bool = True,
    ) -> None:
        """Write to `database` and `snapshots`; call `on_written` after each new message is committed.

        Where `keep_crops`, the best looks are kept as small pictures too, which another model can learn from.
        """
        self._camera = camera
        self._database = database
        self._snapshots = snapshots
        self._tell = tell
        self._on_written = on_written
        self._keep_crops = keep_crops
        self._entries: dict[int, _Entry] = {}
        self._owed: list[_Entry] = []
        self._complaints: set[str] = set()

    def report(self, visit: Visit) -> None:
        """Write what is new of a visit; where the disk or database refuses, the next report tries again."""
        # What is not worth writing yet is remembered: the best similarity may be between two writings.
        entry = self._entries[visit.visit_id] = _updated(self._entries.get(visit.visit_id) or self._begun(visit), visit)
        if not _has_news(visit, entry):
            return
        entry = self._entries[visit.visit_id] = self._with_picture(visit.best, entry)
        if self._write(entry):
            self._entries[visit.visit_id] = replace(entry, stored=entry.sighting, stored_looks=entry.best_looks)
        elif visit.ended:
            self._owe(entry)
        if visit.ended:
            del self._entries[visit.visit_id]

    def catch_up(self) -> None:
        """Write the visits that ended while they could not be written."""
        while self._owed and self._write(self._owed[0]):
            del self._owed[0]

    def _begun(self, visit: Visit) -> _Entry:
        earlier = self._interrupted(visit)
        if earlier is not None:
            worth = visit.best.worth if earlier.picture else 0.0
            return _Entry(earlier, _evidence(visit), earlier, worth, looks_before=earlier.looks)
        fresh = Sighting(
            sighting_id=new_id(),
            camera_id=self._camera.camera_id,
            camera_nickname=self._camera.nickname,
            person_id=visit.person_id,
            similarity=visit.decision.similarity,
            threshold=visit.decision.threshold,
            started_at=visit.started_at,
            last_seen_at=visit.started_at,
            ended_at=None,
            looks=0,
            picture=None,
            face_box=visit.best.box,
        )
        return _Entry(fresh, _evidence(visit), None, 0.0, looks_before=0)

    def _interrupted(self, visit: Visit) -> Sighting | None:
        """The sighting that this visit goes on with: its person was here a moment ago, and then the watch broke off."""
        under_way = {entry.sighting.sighting_id for entry in self._entries.values()}
        try:
            with self._database.read() as tx:
                since = visit.started_at - timedelta(seconds=MAX_GAP_SECONDS)
                recent = sightings.seen_since(tx, self._camera.camera_id, since)
        except StorageError as error:
            self._complain(error)
            return None
        for sighting, template in recent:
            if sighting.sighting_id not in under_way and _goes_on(sighting, template, visit):
                return sighting
        return None

    def _write(self, entry: _Entry) -> bool:
        try:
            told = self._commit(entry)
        except StorageError as error:
            self._complain(error)
            return False
        self._complaints.clear()
        if told:
            self._on_written()
        if entry.stored is not None and entry.stored.picture not in (None, entry.sighting.picture):
            # A message may show the former one.
            self._on_written()
            self._snapshots.remove(str(entry.stored.picture))
        return True

    def _commit(self, entry: _Entry) -> bool:
        sighting, stored = entry.sighting, entry.stored
        looks = self._arranged(entry) if entry.best_looks != entry.stored_looks else None
        with self._database.write() as tx:
            keep = sightings.add if stored is None else sightings.change
            keep(tx, sighting, entry.evidence.template)
            if looks is not None:
                sighting_looks.keep(tx, sighting.sighting_id, looks)
            if stored is None or stored.person_id != sighting.person_id:
                return self._tell(tx, sighting, entry.evidence, self._camera)
            risen = (sighting.similarity or 0.0) > (stored.similarity or 0.0)
            return risen and self._tell(tx, sighting, entry.evidence, self._camera, risen=True)

    def _arranged(self, entry: _Entry) -> list[KeptLook | Stays]:
        """The best looks as they are to be stored: those that are new, and where the others stand so far."""
        places = {face: place for place, face in enumerate(entry.stored_looks)}
        arranged: list[KeptLook | Stays] = []
        last = -1
        for face in entry.best_looks:
            place = places.get(face, -1)
            # One that overtook another is written anew: those that stay keep their order.
            stays = place > last
            arranged.append(Stays(place) if stays else self._kept(face))
            last = max(last, place)
        return arranged

    def _kept(self, face: Face) -> KeptLook:
        crop = encode_png(face.aligned) if self._keep_crops and face.aligned is not None else None
        return KeptLook(face.template, face.quality.score, crop)

    def _with_picture(self, best: Look, entry: _Entry) -> _Entry:
        sighting = entry.sighting
        if sighting.picture is not None and best.worth <= entry.picture_worth:
            return entry
        key = f"{sighting.started_at:%Y-%m-%d}/{sighting.sighting_id}-{_version(sighting) + 1}.jpg"
        try:
            self._snapshots.write(key, encode_jpeg(best.image))
        except StorageError as error:
            # A sighting without its picture is worth more than none.
            self._complain(error)
            return entry
        if sighting.picture is not None and (entry.stored is None or sighting.picture != entry.stored.picture):
            self._snapshots.remove(sighting.picture)
        return replace(entry, sighting=replace(sighting, picture=key, face_box=best.box), picture_worth=best.worth)

    def _owe(self, entry: _Entry) -> None:
        # Many may be owed for long: their looks count no more, but for the average.
        self._owed.append(replace(entry, best_looks=(), stored_looks=()))
        if len(self._owed) > MOST_OWED:
            lost = self._owed.pop(0)
            logger.error("Camera %s: sighting %s is lost.", self._camera.nickname, lost.sighting.sighting_id)

    def _complain(self, error: StorageError) -> None:
        """Log a trouble, once until something could be written again: it is tried many times a second."""
        if error.message not in self._complaints:
            self._complaints.add(error.message)
            logger.error("Camera %s: %s It is tried again.", self._camera.nickname, error.message)


def close_left_open(database: Database, snapshots: Snapshots) -> None:
    """End the sightings that a crash left open, and remove the half-replaced pictures beside theirs."""
    with database.write() as tx:
        left = sightings.close_open_ones(tx)
    for sighting in left:
        if sighting.picture is not None:
            snapshots.remove_other_versions(sighting.picture)


def _goes_on(sighting: Sighting, template: Template, visit: Visit) -> bool:
    # Later than now it was seen only where the clock was set back: then nothing is known of the order.
    if sighting.last_seen_at > visit.started_at:
        return False
    if sighting.person_id is not None:
        return sighting.person_id == visit.person_id
    return visit.template.model == template.model and visit.template.similarity(template) >= LIKE


def _version(sighting: Sighting) -> int:
    """Which of its pictures a sighting has: keys end in `-VERSION.jpg`."""
    return 0 if sighting.picture is None else int(sighting.picture.rpartition("-")[2].removesuffix(".jpg"))


def _evidence(visit: Visit) -> Evidence:
    return Evidence(visit.decision, visit.template, visit.looks, visit.best.quality, visit.qualities)


def _updated(before: _Entry, visit: Visit) -> _Entry:
    known, decision = before.sighting, visit.decision
    alike = [value for value in (known.similarity, decision.similarity) if value is not None]
    last_seen_at = max(known.last_seen_at, visit.last_seen_at)
    sighting = replace(
        known,
        person_id=visit.person_id,
        similarity=max(alike, default=None) if visit.person_id == known.person_id else decision.similarity,
        threshold=decision.threshold,
        last_seen_at=last_seen_at,
        ended_at=last_seen_at if visit.ended else None,
        looks=before.looks_before + visit.looks,
    )
    return replace(before, sighting=sighting, evidence=_evidence(visit), best_looks=visit.best_looks)


def _has_news(visit: Visit, entry: _Entry) -> bool:
    known = entry.stored
    return (
        known is None
        or visit.ended
        or visit.person_id != known.person_id
        or (known.picture is not None and visit.best.worth > entry.picture_worth)
        or visit.last_seen_at - known.last_seen_at >= REFRESH
    )
