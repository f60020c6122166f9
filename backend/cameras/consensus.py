"""One identity from a track's several looks: pure."""

import heapq
from collections.abc import Sequence

import numpy as np

from backend.domain.face import Face, Quality, Template
from backend.domain.identity import Decision, Verdict

BEST_LOOKS = 5
"""How many looks the average is made of: more add little, and poorer ones take away."""
GOOD_LOOK = 0.35
"""The quality from which a look may speak for a track."""
SURE_BY = 0.1
"""So far above the threshold one good look is enough."""
LOOKS_FOR_MATCH = 2
LOOKS_FOR_UNKNOWN = 3
LOOKS_FOR_UNKNOWN_NEAR = 8
"""Good looks before somebody is called unknown who is nearly like a person of the gallery."""


class Consensus:
    """Gathers the looks of one track and says when they are enough; used by one thread."""

    def __init__(self) -> None:
        """Begin without a look."""
        self._best: list[tuple[float, int, Face]] = []
        self.looks = 0
        self.good_looks = 0

    def add(self, face: Face) -> None:
        """Take another look into account."""
        self.looks += 1
        self.good_looks += face.quality.score >= GOOD_LOOK
        # The count breaks ties: faces themselves have no order.
        heapq.heappush(self._best, (face.quality.score, self.looks, face))
        if len(self._best) > BEST_LOOKS:
            heapq.heappop(self._best)

    @property
    def template(self) -> Template:
        """The average of the best looks, weighted by quality, of length 1; there must be a look."""
        return average([face for _, _, face in self._best])

    @property
    def quality(self) -> Quality:
        """The quality of the best look; there must be one."""
        return max(self._best)[2].quality

    def suffices(self, decision: Decision, *, ended: bool) -> bool:
        """Whether the looks so far are enough to say so; `ended` where there will be no more."""
        if not self.good_looks:
            return False
        if ended:
            return True
        if decision.verdict is Verdict.MATCH:
            sure = (decision.similarity or 0.0) >= decision.threshold + SURE_BY
            return sure or self.good_looks >= LOOKS_FOR_MATCH
        if decision.verdict is Verdict.UNKNOWN:
            near = (decision.similarity or 0.0) >= decision.threshold - SURE_BY
            return self.good_looks >= (LOOKS_FOR_UNKNOWN_NEAR if near else LOOKS_FOR_UNKNOWN)
        return False


def average(faces: Sequence[Face]) -> Template:
    """The average template of several looks at one face, weighted by quality, of length 1."""
    weights = np.array([max(face.quality.score, 1e-3) for face in faces], np.float32)
    summed = weights @ np.stack([face.template.embedding for face in faces])
    return Template(summed / np.linalg.norm(summed), faces[0].template.model)
