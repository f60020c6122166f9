"""Follows faces from frame to frame: pure, knows neither video nor people."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from backend.domain.face import Face, Template
from backend.domain.geometry import Box, Point

MAX_GAP_SECONDS = 5.0
"""A face that comes back within this (a turned head, somebody in between) is the same visit."""
MOTION_SECONDS = 1.0
"""How long the last movement tells where a face is now; after that only its looks do."""
REACH = 1.0
REACH_PER_SECOND = 3.0
"""How many face widths a face may be from where it was expected: a walker passes one in a third of a second."""
LIKE = 0.45
"""Two looks at least this alike (cosine) are one person, wherever in the picture they are."""
UNLIKE = 0.1
"""Two sharp looks less alike than this (cosine) are two people, though they stand in one place."""
SHARP_ENOUGH = 0.4
"""The quality from which a look's unlikeness counts: a turned or blurred face resembles nobody, itself included."""
NEW_LOOK_SHARE = 0.3
"""How much a new look changes what is remembered of a face."""
_FORBIDDEN = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One face through time."""

    track_id: int
    box: Box
    velocity: Point
    """Pixels a second."""
    last_seen: float
    """Seconds, of the clock that `Tracker.update` is told."""
    template: Template
    """A running average of the face's looks."""

    def expected(self, moment: float) -> Box:
        """Where the face should be by now if it kept moving."""
        gap = min(moment - self.last_seen, MOTION_SECONDS)
        return self.box.translated(self.velocity.x * gap, self.velocity.y * gap)

    def followed_by(self, face: Face, moment: float) -> "Track":
        """The same track after another look."""
        gap = max(moment - self.last_seen, 1e-3)
        old, new = self.box.centre, face.detection.box.centre
        velocity = Point((new.x - old.x) / gap, (new.y - old.y) / gap)
        blended = (1 - NEW_LOOK_SHARE) * self.template.embedding + NEW_LOOK_SHARE * face.template.embedding
        template = Template(blended / np.linalg.norm(blended), self.template.model)
        return Track(self.track_id, face.detection.box, velocity, moment, template)


class Tracker:
    """Gives each face of a frame the id of its track; used by one thread."""

    def __init__(self) -> None:
        """Begin with an empty scene."""
        self._tracks: dict[int, Track] = {}
        self._next_id = 1

    def update(self, faces: Sequence[Face], moment: float) -> list[int]:
        """The track ids of a frame's faces, in their order; `moment` in seconds never goes back."""
        tracks = list(self._tracks.values())
        joined = _assigned(tracks, faces, moment)
        return [self._continue(tracks, joined.get(position), face, moment) for position, face in enumerate(faces)]

    def ended(self, moment: float) -> list[int]:
        """The tracks whose face has not been seen for so long that it will not come back; they are forgotten."""
        over = [track.track_id for track in self._tracks.values() if moment - track.last_seen > MAX_GAP_SECONDS]
        for track_id in over:
            del self._tracks[track_id]
        return over

    def _continue(self, tracks: list[Track], joined: int | None, face: Face, moment: float) -> int:
        if joined is None:
            track = Track(self._next_id, face.detection.box, Point(0, 0), moment, face.template)
            self._next_id += 1
        else:
            track = tracks[joined].followed_by(face, moment)
        self._tracks[track.track_id] = track
        return track.track_id


def _assigned(tracks: Sequence[Track], faces: Sequence[Face], moment: float) -> dict[int, int]:
    """Which track (its position) each face (its position) continues, so that all together fit best."""
    costs = np.array([[_cost(track, face, moment) for face in faces] for track in tracks], np.float64)
    if not costs.size:
        return {}
    rows, columns = linear_sum_assignment(costs)
    return _allowed(costs, rows, columns)


def _allowed(costs: NDArray[np.float64], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> dict[int, int]:
    return {int(face): int(track) for track, face in zip(rows, columns, strict=True) if costs[track, face] < _FORBIDDEN}


def _cost(track: Track, face: Face, moment: float) -> float:
    """How little a face looks like the track's next one: lower is better, _FORBIDDEN where it cannot be."""
    similarity = track.template.similarity(face.template)
    distance = _distance(track.expected(moment), face.detection.box)
    gap = moment - track.last_seen
    reach = REACH + REACH_PER_SECOND * gap
    near = gap <= MOTION_SECONDS and distance <= reach
    unlike = similarity < UNLIKE and face.quality.score >= SHARP_ENOUGH
    if similarity < LIKE and (not near or unlike):
        return _FORBIDDEN
    return min(distance / reach, 1.0) - 2 * similarity


def _distance(expected: Box, seen: Box) -> float:
    """How far apart two boxes' centres are, in widths of the larger box."""
    dx, dy = expected.centre.x - seen.centre.x, expected.centre.y - seen.centre.y
    return float(np.hypot(dx, dy)) / max(expected.size, seen.size, 1.0)
