"""Follows faces from frame to frame: pure, knows neither video nor people."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from backend.cameras.looks import average, is_good
from backend.domain.face import Detection, Face, Template
from backend.domain.geometry import Box, Point

MAX_GAP_SECONDS = 5.0
"""A face that comes back within this (a turned head, somebody in between) is the same visit."""
MOTION_SECONDS = 1.0
"""How long the last movement tells where a face is now; after that only its looks do."""
FLICKER_SECONDS = 1.0
"""A face that was not found for no longer than this may be there all the same: detectors miss one now and then."""
LIKE = 0.45
"""Two good looks at least this alike (cosine) are one face, wherever in the picture they are.

Of all pairs of strangers in LFW 0.0025 % are as alike, of two photos of one person taken at different times 97 %; of
two good looks at one face 0.2 s apart (23 test videos, 513 pairs) all but three.
"""
UNLIKE = 0.3
"""Two good looks less alike than this (cosine) are two faces, though they are in one place.

Of LFW's pairs of strangers 99.1 % are less alike, of two photos of one person 0.5 %; of two good looks at one face
0.2 s apart none of 513 (the least alike are 0.32).
"""
REACH = 0.5
REACH_PER_SECOND = 6.0
FURTHEST = 4.0
"""How many face widths a face may be from where it was expected: 0.5, and 6 for each second since, but never over 4.

A face is 16 cm wide, so that is a walk of 1 m/s straight across the picture; who is faster is told by looks.
"""
ALONE_SECONDS = 0.5
ALONE_OVERLAP = 0.5
ALONE_WIDTHS = 2.0
"""When a place alone says whose face it is: the face was there half a second ago at most, both boxes coincide by half
(intersection over union), and no other face, then or now, is nearer than two widths."""
NEW_LOOK_SHARE = 0.3
"""How much a new look changes what is remembered of a face."""
_APART = 2.0
"""The cost of not joining a track and a face: more than any joining costs, and so little that no joining that fits well
is given up for two that hardly do."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One face through time."""

    track_id: int
    box: Box
    velocity: Point
    """Pixels a second."""
    last_seen: float
    """Seconds, of the clock that the tracker is told."""
    template: Template
    """A running average of its good looks; of its poor ones as long as there was no good one."""
    looked_good: bool

    def expected(self, moment: float) -> Box:
        """Where the face should be by now if it kept moving."""
        gap = min(moment - self.last_seen, MOTION_SECONDS)
        return self.box.translated(self.velocity.x * gap, self.velocity.y * gap)

    def moved(self, box: Box, moment: float) -> "Track":
        """The same track a moment later, in another place."""
        return Track(
            self.track_id, box, self._velocity_to(box, moment), moment, self.template, looked_good=self.looked_good
        )

    def followed_by(self, face: Face, moment: float) -> "Track":
        """The same track after another look."""
        box, good = face.detection.box, is_good(face)
        return Track(
            self.track_id,
            box,
            self._velocity_to(box, moment),
            moment,
            self._template_with(face, good=good),
            looked_good=self.looked_good or good,
        )

    def _velocity_to(self, box: Box, moment: float) -> Point:
        gap = moment - self.last_seen
        if gap <= 0 or gap > MOTION_SECONDS:
            return Point(0, 0)
        old, new = self.box.centre, box.centre
        # Half of what it was: the places of two boxes are too uncertain for a speed.
        return Point(
            (self.velocity.x + (new.x - old.x) / gap) / 2,
            (self.velocity.y + (new.y - old.y) / gap) / 2,
        )

    def _template_with(self, face: Face, *, good: bool) -> Template:
        if self.looked_good and not good:
            return self.template
        if good and not self.looked_good:
            return face.template
        return average((self.template, face.template), (1 - NEW_LOOK_SHARE, NEW_LOOK_SHARE))


class Tracker:
    """Gives each face of a frame the id of its track; used by one thread.

    `moment` is in seconds and never goes back. Of each frame's faces, those that `by_place` tells may be passed to
    `keep`, which needs no look at them; then `update` is told of the others.
    """

    def __init__(self) -> None:
        """Begin with an empty scene."""
        self._tracks: dict[int, Track] = {}
        self._ids = count(1)

    @property
    def is_idle(self) -> bool:
        """Whether nobody is followed."""
        return not self._tracks

    def has_just_seen(self, moment: float) -> bool:
        """Whether somebody was seen so shortly before that they may still be there, found or not."""
        return any(moment - track.last_seen <= FLICKER_SECONDS for track in self._tracks.values())

    def by_place(self, detections: Sequence[Detection], moment: float) -> Mapping[int, int]:
        """The faces (their positions) that can only be those of certain tracks (their ids), by their place alone."""
        recent = [track for track in self._tracks.values() if moment - track.last_seen <= MOTION_SECONDS]
        boxes = [detection.box for detection in detections]
        found = {}
        for position, box in enumerate(boxes):
            near = [track for track in recent if _widths_apart(track.expected(moment), box) < ALONE_WIDTHS]
            crowded = any(_widths_apart(box, other) < ALONE_WIDTHS for other in boxes if other is not box)
            if len(near) == 1 and not crowded and _is_there_still(near[0], box, moment):
                found[position] = near[0].track_id
        return found

    def keep(self, track_id: int, box: Box, moment: float) -> None:
        """Go on with a track without a look at its face."""
        self._tracks[track_id] = self._tracks[track_id].moved(box, moment)

    def update(self, faces: Sequence[Face], moment: float) -> list[int]:
        """The track ids of these faces, in their order."""
        # A track that was kept at this very moment is not in a second place.
        tracks = [track for track in self._tracks.values() if 0 < moment - track.last_seen <= MAX_GAP_SECONDS]
        joined = _assigned(tracks, faces, moment)
        return [self._continue(joined.get(position), face, moment) for position, face in enumerate(faces)]

    def ended(self, moment: float) -> list[int]:
        """The tracks whose face has not been seen for so long that it will not come back; they are forgotten."""
        over = [track.track_id for track in self._tracks.values() if moment - track.last_seen > MAX_GAP_SECONDS]
        self.forget(over)
        return over

    def forget(self, track_ids: Iterable[int]) -> None:
        """Follow these no more."""
        for track_id in track_ids:
            del self._tracks[track_id]

    def _continue(self, joined: Track | None, face: Face, moment: float) -> int:
        if joined is None:
            box = face.detection.box
            track = Track(next(self._ids), box, Point(0, 0), moment, face.template, looked_good=is_good(face))
        else:
            track = joined.followed_by(face, moment)
        self._tracks[track.track_id] = track
        return track.track_id


def _assigned(tracks: Sequence[Track], faces: Sequence[Face], moment: float) -> dict[int, Track]:
    """Which track each face (its position) continues, so that all together fit best."""
    costs = np.array([[_cost(track, face, moment) for face in faces] for track in tracks], np.float64)
    if not costs.size:
        return {}
    rows, columns = load_assignment()(costs)
    return {int(face): tracks[int(row)] for row, face in _allowed(costs, rows, columns)}


def load_assignment() -> Callable[[NDArray[np.float64]], tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """The solver of the assignment problem.

    Imported when it is first asked for: that takes half a second, in which every start of the service and every
    command would wait, or where a visit had begun, every camera.
    """
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment


def _allowed(
    costs: NDArray[np.float64], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> Iterable[tuple[np.intp, np.intp]]:
    return ((row, column) for row, column in zip(rows, columns, strict=True) if costs[row, column] < _APART)


def _cost(track: Track, face: Face, moment: float) -> float:
    """How little a face looks like the track's next one: lower is better, _APART where it cannot be."""
    similarity = track.template.similarity(face.template)
    gap = moment - track.last_seen
    reach = min(REACH + REACH_PER_SECOND * gap, FURTHEST)
    away = _widths_apart(track.expected(moment), face.detection.box) / reach
    # A blurred or turned face resembles nobody, itself included, and then other blurred ones more than itself.
    telling = track.looked_good and is_good(face)
    same_place = gap <= MOTION_SECONDS and away <= 1 and not (telling and similarity < UNLIKE)
    if not same_place and not (telling and similarity >= LIKE):
        return _APART
    return min(away, 1.0) - 2 * max(similarity, 0.0)


def _is_there_still(track: Track, box: Box, moment: float) -> bool:
    overlap = track.expected(moment).intersection_over_union(box)
    return moment - track.last_seen <= ALONE_SECONDS and overlap >= ALONE_OVERLAP


def _widths_apart(one: Box, other: Box) -> float:
    """How far apart two boxes' centres are, in widths of the larger face."""
    dx, dy = one.centre.x - other.centre.x, one.centre.y - other.centre.y
    return float(np.hypot(dx, dy)) / max(one.size, other.size, 1.0)
