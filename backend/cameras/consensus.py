"""One identity from a track's several looks: pure."""

import heapq

from backend.cameras.looks import average, is_clear, is_good
from backend.domain.face import Face, Quality, Template
from backend.domain.identity import Decision, Verdict

BEST_LOOKS = 5
"""How many looks the average is made of: more add little, and poorer ones take away."""
SURE_BY = 0.1
"""So far above the threshold one good look is enough, and so far below it somebody is hardly a known person.

Of LFW's pairs of strangers 0.0003 % are 0.5 alike or more (the default threshold) and 0.00007 % 0.6; of its pairs of
photos of one person 2 % are less than 0.4 alike.
"""
LOOKS_FOR_MATCH = 2
CLEAR_LOOKS_FOR_UNKNOWN = 3
"""Clear looks, none of them near anybody, before a face is called unknown."""
LOOKS_FOR_UNKNOWN = 8
"""Good looks before that where they are not clear: who comes nearer is seen better."""
LOOKS_FOR_UNKNOWN_NEAR = 15
"""Good looks before that where the face is nearly like a person of the gallery.

Few strangers are (one in 4,400 is 0.4 alike to a certain person, in LFW), but many who are known and turn away.
"""
LEAST_FOR_UNKNOWN = 2
"""Good looks before that of a face that is gone: a thing that is taken for a face is rarely so twice."""


class Consensus:
    """Gathers the looks of one track and says when they are enough; used by one thread."""

    def __init__(self) -> None:
        """Begin without a look."""
        self._best: list[tuple[bool, float, int, Face]] = []
        self._looks = 0
        self.good_looks = 0
        self._clear = 0

    def add(self, face: Face) -> None:
        """Take another look into account."""
        good = is_good(face)
        self._looks += 1
        self.good_looks += good
        self._clear += is_clear(face)
        # The count breaks ties, for faces have no order: of equal looks the newer one stays.
        heapq.heappush(self._best, (good, face.quality.score, self._looks, face))
        if len(self._best) > BEST_LOOKS:
            heapq.heappop(self._best)

    def take_over(self, later: "Consensus") -> None:
        """Take into account all that another one was told of the same face."""
        for *_, face in later._best:  # noqa: SLF001 - another of this class
            self.add(face)

    @property
    def template(self) -> Template:
        """The average of the best looks, weighted by quality, of length 1; there must be a look."""
        faces = [face for *_, face in self._telling()]
        return average([face.template for face in faces], [max(face.quality.score, 1e-3) for face in faces])

    @property
    def quality(self) -> Quality:
        """The quality of the best look; there must be one."""
        return max(self._best)[-1].quality

    @property
    def best(self) -> tuple[Face, ...]:
        """The looks that the average is made of, the best first."""
        return tuple(face for *_, face in sorted(self._telling(), reverse=True))

    def suffices(self, decision: Decision, *, ended: bool = False) -> bool:
        """Whether the looks so far are enough to say so; `ended` where there will be no more."""
        if decision.verdict is Verdict.MATCH:
            sure = ended or (decision.similarity or 0.0) >= decision.threshold + SURE_BY
            return self.good_looks >= (1 if sure else LOOKS_FOR_MATCH)
        if ended:
            return self.good_looks >= LEAST_FOR_UNKNOWN
        if is_near(decision):
            return self.good_looks >= LOOKS_FOR_UNKNOWN_NEAR
        return self._clear >= CLEAR_LOOKS_FOR_UNKNOWN or self.good_looks >= LOOKS_FOR_UNKNOWN

    def is_settled(self, decision: Decision) -> bool:
        """Whether further looks hardly change what is said."""
        return self.good_looks >= BEST_LOOKS and (decision.verdict is Verdict.MATCH or not is_near(decision))

    def _telling(self) -> list[tuple[bool, float, int, Face]]:
        # Poor looks count only as long as there is nothing better.
        return [entry for entry in self._best if entry[0]] or self._best


def is_near(decision: Decision) -> bool:
    """Whether a face that matches nobody may yet turn out to be the person it resembles most."""
    return (decision.similarity or 0.0) >= decision.threshold - SURE_BY
