"""Visits to stored sightings: each written with its picture and its messages in one transaction."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from backend.cameras.tracker import LIKE, MAX_GAP_SECONDS
from backend.cameras.visits import Look, Visit
from backend.domain.camera import Camera
from backend.domain.errors import StorageError
from backend.domain.face import Template
from backend.domain.sighting import Evidence, Sighting
from backend.storage import sightings
from backend.storage.database import Database, Transaction
from backend.storage.ids import new_id
from backend.storage.snapshots import Snapshots
from backend.vision.image import encode_jpeg

logger = logging.getLogger(__name__)

REFRESH = timedelta(seconds=1)
"""How old "last seen" may be in the database: what a crash can lose of a visit's length."""

Tell = Callable[[Transaction, Sighting, Evidence, Camera], bool]
"""Has a sighting told to whom it concerns, in the transaction that writes it; whether there is a new message."""


@dataclass(frozen=True, slots=True, eq=False)
class _Written:
    """What the database knows of a visit."""

    sighting: Sighting
    picture_quality: float


class SightingLog:
    """Keeps one camera's visits as sightings; used by one thread."""

    def __init__(
        self,
        camera: Camera,
        database: Database,
        snapshots: Snapshots,
        tell: Tell,
        on_written: Callable[[], None],
    ) -> None:
        """Write to `database` and `snapshots`; call `on_written` after each new message is committed."""
        self._camera = camera
        self._database = database
        self._snapshots = snapshots
        self._tell_of = tell
        self._on_written = on_written
        self._written: dict[int, _Written] = {}

    def report(self, visit: Visit) -> None:
        """Write what is new of a visit; where the disk or database refuses, the next report tries again."""
        written = self._written.get(visit.visit_id)
        try:
            if written is None:
                self._open(visit)
            elif _has_news(visit, written):
                self._change(visit, written)
        except StorageError as error:
            logger.error("Camera %s: a sighting could not be written: %s", self._camera.nickname, error.message)
            return
        if visit.ended:
            self._written.pop(visit.visit_id, None)

    def _open(self, visit: Visit) -> None:
        earlier = self._same_visit_earlier(visit)
        if earlier is not None:
            # The face was lost for a moment, or the server was: it is still one visit.
            self._go_on_with(earlier, visit)
            return
        fresh = Sighting(
            sighting_id=new_id(),
            camera_id=self._camera.camera_id,
            camera_nickname=self._camera.nickname,
            person_id=visit.person_id,
            similarity=visit.decision.similarity,
            threshold=visit.decision.threshold,
            started_at=visit.started_at,
            last_seen_at=visit.last_seen_at,
            ended_at=visit.last_seen_at if visit.ended else None,
            looks=visit.looks,
            picture=None,
            face_box=visit.best.box,
        )
        self._write(visit, fresh, None, is_new=True)

    def _go_on_with(self, earlier: Sighting, visit: Visit) -> None:
        holder = next(
            (key for key, kept in self._written.items() if kept.sighting.sighting_id == earlier.sighting_id), None
        )
        if holder is not None and _overlap(earlier, visit):
            # The same person twice in one picture, as in a mirror: told once.
            return
        if holder is not None:
            del self._written[holder]
        resumed = replace(earlier, looks=earlier.looks + visit.looks)
        self._write(visit, _updated(resumed, visit), _Written(resumed, visit.best.quality))

    def _change(self, visit: Visit, written: _Written) -> None:
        updated = replace(_updated(written.sighting, visit), looks=max(written.sighting.looks, visit.looks))
        self._write(visit, updated, written)

    def _write(self, visit: Visit, sighting: Sighting, before: _Written | None, *, is_new: bool = False) -> None:
        sighting = self._with_picture(visit.best, sighting, before)
        with self._database.write() as tx:
            write = sightings.add if is_new else sightings.change
            write(tx, sighting, visit.template)
            told = self._tell(tx, sighting, visit, before)
        self._written[visit.visit_id] = _Written(sighting, visit.best.quality)
        if told:
            self._on_written()
        if before is not None and before.sighting.picture not in (None, sighting.picture):
            self._snapshots.remove(str(before.sighting.picture))

    def _tell(self, tx: Transaction, sighting: Sighting, visit: Visit, before: _Written | None) -> bool:
        if before is not None and before.sighting.person_id == sighting.person_id:
            return False
        evidence = Evidence(visit.decision, visit.template, sighting.looks, visit.best.quality)
        return self._tell_of(tx, sighting, evidence, self._camera)

    def _with_picture(self, best: Look, sighting: Sighting, before: _Written | None) -> Sighting:
        if before is not None and before.sighting.picture and best.quality <= before.picture_quality:
            return sighting
        key = f"{sighting.started_at:%Y-%m-%d}/{sighting.sighting_id}-{_version(sighting) + 1}.jpg"
        try:
            self._snapshots.write(key, encode_jpeg(best.image))
        except StorageError as error:
            # A sighting without its picture is worth more than none.
            logger.error("Camera %s: %s The sighting is kept without it.", self._camera.nickname, error.message)
            return sighting
        return replace(sighting, picture=key, face_box=best.box)

    def _same_visit_earlier(self, visit: Visit) -> Sighting | None:
        """The sighting that this visit goes on with, if its person was here a moment ago."""
        with self._database.read() as tx:
            since = visit.started_at - timedelta(seconds=MAX_GAP_SECONDS)
            recent = sightings.seen_since(tx, self._camera.camera_id, since)
        for sighting, template in recent:
            if _is_same(visit, sighting, template):
                return sighting
        return None


def close_left_open(database: Database, snapshots: Snapshots) -> None:
    """End the sightings that a crash left open, and remove the half-replaced pictures beside theirs."""
    with database.write() as tx:
        left = sightings.close_open_ones(tx)
    for sighting in left:
        if sighting.picture is not None:
            snapshots.remove_other_versions(sighting.picture)


def _is_same(visit: Visit, sighting: Sighting, template: Template) -> bool:
    if visit.person_id is not None or sighting.person_id is not None:
        return visit.person_id == sighting.person_id
    if _overlap(sighting, visit):
        return False
    return visit.template.model == template.model and visit.template.similarity(template) >= LIKE


def _overlap(sighting: Sighting, visit: Visit) -> bool:
    return sighting.last_seen_at > visit.started_at


def _version(sighting: Sighting) -> int:
    """Which of its pictures a sighting has: keys end in `-VERSION.jpg`."""
    return 0 if sighting.picture is None else int(sighting.picture.rpartition("-")[2].removesuffix(".jpg"))


def _updated(sighting: Sighting, visit: Visit) -> Sighting:
    alike = [value for value in (sighting.similarity, visit.decision.similarity) if value is not None]
    same_person = sighting.person_id == visit.person_id
    return replace(
        sighting,
        person_id=visit.person_id,
        similarity=max(alike, default=None) if same_person else visit.decision.similarity,
        last_seen_at=max(sighting.last_seen_at, visit.last_seen_at),
        ended_at=visit.last_seen_at if visit.ended else None,
    )


def _has_news(visit: Visit, written: _Written) -> bool:
    known = written.sighting
    return (
        visit.ended
        or visit.person_id != known.person_id
        or visit.best.quality > written.picture_quality
        or visit.last_seen_at - known.last_seen_at >= REFRESH
    )
