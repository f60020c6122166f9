"""From a camera's frames to visits: who is there, from when to when, and the best picture of each."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from backend.cameras.consensus import Consensus
from backend.cameras.scene import Presence, SeeingCounts
from backend.cameras.source import Frame
from backend.cameras.tracker import Tracker
from backend.domain.face import Face, Template
from backend.domain.geometry import Box, RgbImage
from backend.domain.identity import Decision, Verdict
from backend.recognition.identify import Identifier, Search
from backend.vision.pipeline import FacePipeline

BETTER_BY = 1.15
"""A look replaces the best one only when it is clearly better: each replacement is a picture written to disk."""
HOLDER_BONUS = 0.1
"""How much more alike a second face must be to take a name from the face that has it."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One look at a face: the whole picture, and where the face is in it."""

    image: RgbImage
    box: Box
    quality: float


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """What is known of one visit so far."""

    visit_id: int
    decision: Decision
    template: Template
    started_at: datetime
    last_seen_at: datetime
    looks: int
    best: Look
    ended: bool

    @property
    def person_id(self) -> str | None:
        """Who it is; None for somebody unknown."""
        return self.decision.person_id


class VisitLog(Protocol):
    """Where visits are told; it may be told of the same one many times, each time knowing more."""

    def report(self, visit: Visit) -> None:
        """Take note of a visit's newest state."""
        ...


@dataclass(slots=True, eq=False)
class _Follow:
    """A track with its looks: the working state of one visit."""

    started_at: datetime
    last_seen_at: datetime
    last_seen: float
    best: Look
    consensus: Consensus = field(default_factory=Consensus)
    decision: Decision | None = None
    """None until there is enough to say."""
    told: bool = False

    def see(self, face: Face, image: RgbImage, frame: Frame) -> None:
        """Take in another look."""
        self.consensus.add(face)
        self.last_seen_at, self.last_seen = frame.taken_at, frame.moment
        if face.quality.score >= self.best.quality * BETTER_BY:
            self.best = Look(image, face.detection.box, face.quality.score)


class Visits:
    """Follows the faces of one camera and tells the log of each visit; used by one thread."""

    def __init__(self, pipeline: FacePipeline, identifier: Identifier, threshold: float, log: VisitLog) -> None:
        """Find faces with `pipeline`, name them with `identifier` from `threshold` on, tell `log`."""
        self._pipeline = pipeline
        self._identifier = identifier
        self._threshold = threshold
        self._log = log
        self._tracker = Tracker()
        self._follows: dict[int, _Follow] = {}
        self.present: Sequence[Presence] = ()
        """The faces in the picture now; see Watcher."""
        self.counts = SeeingCounts()

    def look(self, frame: Frame) -> int:
        """Look at a frame; answers how many faces are in it."""
        image = frame.rgb()
        began = time.perf_counter()
        faces = self._pipeline.analyse(image)
        self._count(faces=len(faces), inference_seconds=time.perf_counter() - began)
        seen = self._tracker.update(faces, frame.moment)
        for track_id, face in zip(seen, faces, strict=True):
            self._follow(track_id, face, image, frame)
        self._name(seen)
        self.end_old(frame.moment)
        self.present = [_presence(face, self._follows[track_id]) for track_id, face in zip(seen, faces, strict=True)]
        return len(faces)

    def end_old(self, moment: float) -> None:
        """End the visits of those who have been gone for long; to be called while no frame comes, too."""
        self._end(self._tracker.ended(moment))

    def end_all(self) -> None:
        """End every visit: the camera is no longer watched."""
        self._end(list(self._follows))

    def _count(self, **more: float) -> None:
        added = {name: getattr(self.counts, name) + value for name, value in more.items()}
        self.counts = replace(self.counts, **added)

    def _follow(self, track_id: int, face: Face, image: RgbImage, frame: Frame) -> None:
        follow = self._follows.get(track_id)
        if follow is None:
            first = Look(image, face.detection.box, face.quality.score)
            follow = self._follows[track_id] = _Follow(frame.taken_at, frame.taken_at, frame.moment, first)
            self._count(tracks=1)
        follow.see(face, image, frame)

    def _name(self, seen: Sequence[int]) -> None:
        judged = {track_id: self._judge(self._follows[track_id]) for track_id in seen}
        holders = _holders((track_id, judged[track_id], self._follows[track_id].decision) for track_id in seen)
        losers = [track_id for track_id in seen if holders.get(judged[track_id].person_id, track_id) != track_id]
        # Told first, so that the name is free when its holder is told.
        for track_id in losers:
            self._give_up_name(track_id, judged[track_id])
        for track_id in seen:
            if track_id not in losers:
                self._settle(track_id, judged[track_id])

    def _judge(self, follow: _Follow) -> Decision:
        template, quality = follow.consensus.template, follow.consensus.quality
        return self._identifier.identify(template, quality, Search(self._threshold))

    def _settle(self, track_id: int, decision: Decision) -> None:
        follow = self._follows[track_id]
        if _improves(decision, follow.decision) and follow.consensus.suffices(decision, ended=False):
            follow.decision = decision
        if follow.decision is not None:
            self._report(track_id, follow, follow.decision)

    def _give_up_name(self, track_id: int, claim: Decision) -> None:
        follow = self._follows[track_id]
        if follow.decision is not None and follow.decision.person_id == claim.person_id:
            follow.decision = Decision(Verdict.UNKNOWN, claim.threshold, claim.candidates)
        if follow.decision is not None:
            self._report(track_id, follow, follow.decision)

    def _end(self, track_ids: Iterable[int]) -> None:
        track_ids = list(track_ids)
        if track_ids:
            self.present = ()
        for track_id in track_ids:
            follow = self._follows.pop(track_id)
            if follow.decision is None:
                last = self._judge(follow)
                follow.decision = last if follow.consensus.suffices(last, ended=True) else None
            if follow.decision is not None:
                self._report(track_id, follow, follow.decision, ended=True)

    def _report(self, track_id: int, follow: _Follow, decision: Decision, *, ended: bool = False) -> None:
        if not follow.told:
            self._count(sightings=1)
        follow.told = True
        self._log.report(_visit(track_id, follow, decision, ended=ended))


def _holders(claims: Iterable[tuple[int, Decision, Decision | None]]) -> dict[str | None, int]:
    """Which of the tracks in one picture has each name: nobody is there twice."""
    best: dict[str | None, tuple[float, int]] = {}
    for track_id, decision, settled in claims:
        if decision.person_id is None:
            continue
        held = settled is not None and settled.person_id == decision.person_id
        strength = (decision.similarity or 0.0) + HOLDER_BONUS * held
        best[decision.person_id] = max(best.get(decision.person_id, (-1.0, -1)), (strength, track_id))
    return {person_id: track_id for person_id, (_, track_id) in best.items()}


def _improves(new: Decision, old: Decision | None) -> bool:
    # Once named, a visit keeps its name through poor looks; only another name, or losing it, changes it.
    return old is None or old.verdict is not Verdict.MATCH or new.verdict is Verdict.MATCH


def _presence(face: Face, follow: _Follow) -> Presence:
    decision = follow.decision
    return Presence(face.detection.box, decision.person_id if decision else None, decision is not None)


def _visit(track_id: int, follow: _Follow, decision: Decision, *, ended: bool) -> Visit:
    return Visit(
        visit_id=track_id,
        decision=decision,
        template=follow.consensus.template,
        started_at=follow.started_at,
        last_seen_at=follow.last_seen_at,
        looks=follow.consensus.looks,
        best=follow.best,
        ended=ended,
    )
