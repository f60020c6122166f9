"""Situations before a camera, drawn as text.

A line is a moment, a column half a face wide, a letter somebody's face. A capital letter is a good look at it, the
small letter a poor one, blurred or turned away, which resembles its own face little and other faces less. `A..B x5` is
a line five times. What stands before a `|` lies outside, left of the picture: `A|` is half a face. Everybody is a
stranger to everybody, unless `alike` says otherwise.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from textwrap import dedent

import numpy as np
from numpy.typing import NDArray

from backend.cameras.tracker import Tracker
from backend.domain.face import Detection, Face, Quality, Template
from backend.domain.geometry import Box, Landmarks, Point
from tests.unit.cameras.scripted import ScriptedFrame

MOMENT = 0.2
"""Seconds from one line to the next."""
FACE_WIDTH = 100
MODEL = "drawn"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

_LETTERS = 26
_DIMENSIONS = 2048
_GOOD, _POOR = (
    0.85,
    0.06,
)  # how much of a look is the face, and not the moment: two good looks are 0.85 alike, a poor one 0.23
_LANDMARKS = ((30, 40), (70, 40), (50, 65), (35, 90), (65, 90))  # from the top left of the face's box


@dataclass(frozen=True, slots=True)
class Cast:
    """The people of a drawing, and what they look like."""

    alike: Mapping[str, float] = field(default_factory=dict)
    """How alike two good looks at two people are: {"AB": 0.6}; the second may be in one pair only."""
    quality: Mapping[str, float] = field(default_factory=dict)
    """Of the looks at a letter, small or capital; 0.9 and 0.3 are usual."""
    score: Mapping[str, float] = field(default_factory=dict)
    """How sure the detector is of a letter; 0.92 is usual."""
    _looks: Iterator[int] = field(default_factory=lambda: count(_LETTERS))

    def face(self, letter: str, column: float) -> Face:
        """A look at somebody, whose face begins in that column."""
        box = Box(column * FACE_WIDTH / 2, 100, FACE_WIDTH, 1.2 * FACE_WIDTH)
        score = self.quality.get(letter, 0.9 if letter.isupper() else 0.3)
        quality = Quality(score, box.size, sharpness=1.0, brightness=1.0, pose=1.0)
        landmarks = Landmarks(*(Point(box.x + x, box.y + y) for x, y in _LANDMARKS))
        return Face(Detection(box, landmarks, self.score.get(letter, 0.92)), quality, self._look(letter))

    def enrolled(self, letter: str, similarity: float) -> Template:
        """A template that the average of many good looks at somebody resembles so much, and one look 8 % less."""
        return self._mixed(letter, similarity**2)

    def _look(self, letter: str) -> Template:
        return self._mixed(letter, _GOOD if letter.isupper() else _POOR)

    def _mixed(self, letter: str, share: float) -> Template:
        moment = _axis(next(self._looks))
        return Template(np.sqrt(share) * self._person(letter.upper()) + np.sqrt(1 - share) * moment, MODEL)

    def _person(self, letter: str) -> NDArray[np.float32]:
        own = _axis(ord(letter) - ord("A"))
        for (first, second), similarity in ((tuple(pair), similarity) for pair, similarity in self.alike.items()):
            if letter == second:
                shared = np.float32(similarity / _GOOD)
                return np.asarray(shared * self._person(first) + np.sqrt(1 - shared**2) * own, np.float32)
        return own


def moments(drawing: str, cast: Cast | None = None) -> list[dict[str, Face]]:
    """The faces of each line by their letters, from the left."""
    cast = cast or Cast()
    return [_faces(line, cast) for line in _lines(drawing)]


def followed(drawing: str, cast: Cast | None = None) -> dict[str, list[int]]:
    """The tracks that each face, capital and small, was given to: one number, or more where it changed."""
    tracker = Tracker()
    found: dict[str, list[int]] = {}
    for number, faces in enumerate(moments(drawing, cast)):
        track_ids = tracker.update(list(faces.values()), number * MOMENT)
        for letter, track_id in zip(faces, track_ids, strict=True):
            known = found.setdefault(letter.upper(), [])
            if track_id not in known[-1:]:
                known.append(track_id)
        tracker.ended(number * MOMENT)
    return found


class DrawnFrame(ScriptedFrame):
    """A picture in which faces are where a drawing says."""

    size = (1920, 1080)

    def __init__(self, faces: Sequence[Face], number: int, began: datetime = NOON) -> None:
        moment = number * MOMENT
        super().__init__(began + timedelta(seconds=moment), 1000.0 + moment, number)
        self.faces = faces


def frames(drawing: str, cast: Cast | None = None) -> list[DrawnFrame]:
    """The pictures of a drawing."""
    return [DrawnFrame(list(faces.values()), number) for number, faces in enumerate(moments(drawing, cast))]


def _axis(number: int) -> NDArray[np.float32]:
    axis = np.zeros(_DIMENSIONS, np.float32)
    axis[number] = 1
    return axis


def _faces(line: str, cast: Cast) -> dict[str, Face]:
    outside, _, inside = line.rpartition("|")
    columns = enumerate(outside + inside, start=-len(outside))
    return {letter: cast.face(letter, column) for column, letter in columns if letter.isalpha()}


def _lines(drawing: str) -> Iterator[str]:
    for line in dedent(drawing).strip("\n").splitlines():
        drawn = re.fullmatch(r"([.|A-Za-z]*?)(?:\s+x(\d+))?\s*", line)
        assert drawn, f"This is no line of a drawing: {line!r}"
        for _ in range(int(drawn[2] or 1)):
            yield drawn[1]
