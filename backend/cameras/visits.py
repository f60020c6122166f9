"""From a camera's frames to visits: who is there, from when to when, and the best picture of each."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from backend.cameras.finding import FaceFinder
from backend.cameras.follow import Follow, Visit
from backend.cameras.frame import Frame
from backend.cameras.naming import Claim, losses
from backend.cameras.scene import Presence, SeeingCounts
from backend.cameras.tracker import Tracker, load_assignment
from backend.domain.face import Detection, Face
from backend.domain.identity import Decision, Verdict
from backend.recognition.identify import Identifier, Search


class VisitLog(Protocol):
    """Where visits are told; it may be told of the same one many times, each time knowing more."""

    def report(self, visit: Visit) -> None:
        """Take note of a visit's newest state."""
        ...

    def catch_up(self) -> None:
        """Do what could not be done when it was reported; called often, whether anybody is there or not."""
        ...


class Visits:
    """Follows the faces of one camera and tells the log of each visit; a Watcher."""

    def __init__(
        self,
        finder: FaceFinder,
        identifier: Identifier,
        threshold: float,
        log: VisitLog,
    ) -> None:
        """Find faces with `finder`, name them with `identifier` from `threshold` on, tell `log`."""
        self._finder = finder
        self._identifier = identifier
        self._threshold = threshold
        self._log = log
        self._tracker = Tracker()
        self._follows: dict[int, Follow] = {}
        self.present: Sequence[Presence] = ()
        """The faces in the picture now; see Watcher."""
        self.counts = SeeingCounts()

    @property
    def somebody_here(self) -> bool:
        """Whether anybody is followed; see Watcher."""
        return not self._tracker.is_idle

    def prepare(self) -> None:
        """Load what the first face needs; see Watcher."""
        load_assignment()

    def look(self, frame: Frame, *, late: bool = False) -> int:
        """Look at a frame; see Watcher."""
        # While somebody is seen each frame is searched: who stands still is there all the same.
        if not self._tracker.has_just_seen(frame.moment) and not self._finder.is_worth_searching(frame):
            self._count(still=1)
            self.end_old(frame.moment)
            return 0
        with self._timed():
            detections = self._finder.find(frame)
        self._count(faces=len(detections))
        seen = self._follow(detections, frame, late=late)
        self.present = [_presence(detections[position], self._follows[seen[position]]) for position in seen]
        self.end_old(frame.moment)
        return len(detections)

    def end_old(self, moment: float) -> None:
        """End the visits of those who have been gone for long; to be called while no frame comes, too."""
        self._tell_waiting(moment)
        self._end(self._tracker.ended(moment))
        self._log.catch_up()

    def end_all(self) -> None:
        """End every visit: the camera is no longer watched."""
        self._tracker.forget(list(self._follows))
        self._end(list(self._follows))

    def _follow(self, detections: Sequence[Detection], frame: Frame, *, late: bool) -> dict[int, int]:
        """Take in the faces of a frame; the track id of each by its position."""
        kept = self._kept_by_place(detections, frame, late=late)
        others = [position for position in range(len(detections)) if position not in kept]
        with self._timed():
            faces = self._finder.describe(frame, [detections[position] for position in others])
        track_ids = self._tracker.update(faces, frame.moment)
        for track_id, face in zip(track_ids, faces, strict=True):
            self._see(track_id, face, frame)
        self._name(track_ids, frame.moment)
        seen = kept | dict(zip(others, track_ids, strict=True))
        self._tell(seen.values())
        return seen

    def _kept_by_place(self, detections: Sequence[Detection], frame: Frame, *, late: bool) -> dict[int, int]:
        """The faces of which no close look is wanted, since they are known and can be nobody else."""
        certain = self._tracker.by_place(detections, frame.moment)
        kept = {
            position: track_id
            for position, track_id in certain.items()
            if not self._follows[track_id].wants_look(detections[position], frame.moment, late=late)
        }
        for position, track_id in kept.items():
            self._tracker.keep(track_id, detections[position].box, frame.moment)
            self._follows[track_id].glimpse(frame)
        return kept

    def _see(self, track_id: int, face: Face, frame: Frame) -> None:
        follow = self._follows.get(track_id)
        if follow is None:
            follow = self._follows[track_id] = Follow.begun(track_id, frame, face)
            self._count(tracks=1)
        follow.see(face, frame)

    def _name(self, track_ids: Sequence[int], moment: float) -> None:
        """Judge the faces that were looked at closely."""
        for track_id in track_ids:
            self._judge(self._follows[track_id])
        for track_id in track_ids:
            self._join_broken(track_id)
        lost = list(losses(list(self._claims())))
        # Given up first, so that the name is free when its new holder is told.
        for track_id, follow in self._follows.items():
            follow.denied = {loss.person_id: loss for loss in lost if loss.track_id == track_id}
            if follow.person_id in follow.denied:
                self._give_up_name(follow)
        for track_id in track_ids:
            self._settle(self._follows[track_id], moment)

    def _judge(self, follow: Follow) -> None:
        template, quality = follow.consensus.template, follow.consensus.quality
        follow.judged = self._identifier.identify(template, quality, Search(self._threshold))

    def _settle(self, follow: Follow, moment: float) -> None:
        if follow.decision is None and follow.may_come_whole(moment):
            return
        decision = follow.conclusion()
        # Once named, a visit keeps its name through poor looks; only another name, or losing it, changes it.
        if decision is not None and (follow.person_id is None or decision.verdict is Verdict.MATCH):
            follow.decision = decision

    def _join_broken(self, track_id: int) -> None:
        """Let the visit of somebody who was lost from sight go on with the face that turns out to be theirs."""
        later = self._follows[track_id]
        if later.told or later.conclusion() is None:
            return
        for earlier_id, earlier in list(self._follows.items()):
            if earlier.may_go_on_as(later):
                earlier.go_on_as(later)
                self._follows[track_id] = earlier
                del self._follows[earlier_id]
                self._tracker.forget([earlier_id])
                return

    def _claims(self) -> Iterator[Claim]:
        for track_id, follow in self._follows.items():
            person_id = follow.judged.person_id if follow.judged else None
            # A name that a visit keeps through poor looks is held against others, too.
            person_id = person_id or follow.person_id
            if person_id is not None and follow.consensus.good_looks:
                yield Claim(
                    track_id=track_id,
                    person_id=person_id,
                    similarity=follow.similarity,
                    held=person_id == follow.person_id,
                    first_seen=follow.first_seen,
                    last_seen=follow.last_seen,
                    template=follow.consensus.template,
                )

    def _give_up_name(self, follow: Follow) -> None:
        if follow.decision is not None:
            follow.decision = replace(follow.decision, verdict=Verdict.UNKNOWN)
            self._report(follow, follow.decision)

    def _tell(self, track_ids: Iterable[int]) -> None:
        for track_id in track_ids:
            follow = self._follows[track_id]
            if follow.decision is not None:
                self._report(follow, follow.decision)

    def _tell_waiting(self, moment: float) -> None:
        """Tell of those who were gone before their whole face was seen, once it is waited for no longer."""
        for track_id, follow in self._follows.items():
            if follow.decision is None and not follow.best.whole:
                self._settle(follow, moment)
                self._tell([track_id])

    def _end(self, track_ids: Sequence[int]) -> None:
        for track_id in track_ids:
            follow = self._follows.pop(track_id)
            decision = follow.decision or follow.conclusion(ended=True)
            if decision is not None:
                self._report(follow, decision, ended=True)
        if not self._follows:
            # Those of the last frame end together where no further frame comes.
            self.present = ()

    def _report(self, follow: Follow, decision: Decision, *, ended: bool = False) -> None:
        if not follow.told:
            self._count(sightings=1)
        follow.told = True
        self._log.report(follow.visit(decision, ended=ended))

    def _count(self, **more: float) -> None:
        added = {name: getattr(self.counts, name) + value for name, value in more.items()}
        self.counts = replace(self.counts, **added)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._count(inference_seconds=time.perf_counter() - began)


def _presence(detection: Detection, follow: Follow) -> Presence:
    return Presence(detection.box, follow.person_id, follow.decision is not None)
