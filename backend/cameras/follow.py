"""One visit while it lasts: a face that is followed, what was seen of it, and what is said of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from backend.cameras.consensus import Consensus
from backend.cameras.frame import Frame
from backend.cameras.naming import Loss
from backend.cameras.tracker import LIKE
from backend.domain.face import Detection, Face, Template
from backend.domain.geometry import Box, RgbImage
from backend.domain.identity import Decision, Verdict
from backend.vision.quality import visible

BETTER_BY = 1.15
"""A look replaces the best one only when it is clearly better: each replacement is a picture written to disk."""
DETAIL_WORTH = 1.3
"""A picture with more pixels is preferred to a look that is a little better otherwise."""
WHOLE = 0.95
"""The visible share from which a face is whole: landmarks waver by about three of an aligned face's 80 pixels."""
WHOLE_WORTH = 1.3
"""A picture of a whole face is preferred to a look that is a little better otherwise."""
WHOLE_WITHIN_SECONDS = 0.5
"""How long a face that is cut by the picture's edge may come further in before anything is said of it.

At 1 m/s straight across the picture that is three widths of a face.
"""
SETTLED_SECONDS = 1.0
"""How often a face is looked at closely once it is known: what is between is told by its place alone."""
NEARER_BY = 1.25
"""So many times as large as at the last close look, a face is worth another one: it may make a better picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One look at a face: the whole picture, and where the face is in it."""

    image: RgbImage
    box: Box
    """In pixels of the image."""
    quality: float
    detailed: bool = False
    """Whether the image has more pixels than the one in which the face was found."""
    whole: bool = True
    """Whether the image shows all of the face."""

    @classmethod
    def at(cls, face: Face, frame: Frame) -> "Look":
        """The look at a face of a frame, in the most detailed picture there is of that moment."""
        image = frame.detailed()
        width, height = frame.size
        factor = image.shape[1] / width
        whole = visible(face.detection, (height, width)) >= WHOLE
        return cls(image, face.detection.box.scaled(factor), face.quality.score, factor > 1, whole)

    @property
    def worth(self) -> float:
        """What the picture is worth beside others of the same visit."""
        return self.quality * (DETAIL_WORTH if self.detailed else 1.0) * (WHOLE_WORTH if self.whole else 1.0)


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
    best_looks: tuple[Face, ...] = ()
    """Those that the template is made of, the best first."""

    @property
    def person_id(self) -> str | None:
        """Who it is; None for somebody unknown."""
        return self.decision.person_id

    @property
    def qualities(self) -> tuple[float, ...]:
        """Of the looks that the template is made of, 0–1, the best first."""
        return tuple(face.quality.score for face in self.best_looks)


@dataclass(slots=True, eq=False)
class Follow:
    """A face that is followed: the working state of one visit."""

    visit_id: int
    started_at: datetime
    first_seen: float
    last_seen_at: datetime
    last_seen: float
    best: Look
    looks: int = 0
    consensus: Consensus = field(default_factory=Consensus)
    judged: Decision | None = None
    """What it looks like by its looks so far, whether they are enough or not."""
    decision: Decision | None = None
    """What is said of it; None until there is enough to say."""
    denied: Mapping[str, Loss] = field(default_factory=dict)
    """The names that it claims beside a face with a better claim."""
    told: bool = False
    _described: tuple[float, float] = (0.0, 0.0)
    """The moment of the last close look, and the size of the face in it."""

    @classmethod
    def begun(cls, visit_id: int, frame: Frame, face: Face) -> "Follow":
        """A face that is seen for the first time; `see` is to be told of this look too."""
        return cls(visit_id, frame.taken_at, frame.moment, frame.taken_at, frame.moment, Look.at(face, frame))

    @property
    def person_id(self) -> str | None:
        """Who it is held to be."""
        return self.decision.person_id if self.decision else None

    @property
    def similarity(self) -> float:
        """How alike it is to the nearest person."""
        return (self.judged.similarity if self.judged else None) or 0.0

    def wants_look(self, detection: Detection, moment: float, *, late: bool = False) -> bool:
        """Whether this face, of which the place alone tells that it is still this one, is worth a close look.

        Where it is `late`, further looks at a face that is decided on, which only refine what is known, are put off.
        """
        described_at, size = self._described
        settled = self.decision is not None and (late or self.consensus.is_settled(self.decision))
        return not settled or moment - described_at >= SETTLED_SECONDS or detection.box.size >= NEARER_BY * size

    def glimpse(self, frame: Frame) -> None:
        """The face is still there."""
        self.looks += 1
        self.last_seen_at, self.last_seen = frame.taken_at, frame.moment

    def see(self, face: Face, frame: Frame) -> None:
        """Take in a close look."""
        self.glimpse(frame)
        self.consensus.add(face)
        self._described = (frame.moment, face.detection.box.size)
        look = Look.at(face, frame)
        if look.worth >= self.best.worth * BETTER_BY:
            self.best = look

    def conclusion(self, *, ended: bool = False) -> Decision | None:
        """What there is enough to say; None for a glimpse, a mirror image, a thing taken for a face."""
        decision = self.judged
        loss = self.denied.get(decision.person_id or "") if decision else None
        if decision is None or (loss is not None and loss.is_reflection):
            return None
        if loss is not None:
            decision = replace(decision, verdict=Verdict.UNKNOWN)
        return decision if self.consensus.suffices(decision, ended=ended) else None

    def may_come_whole(self, moment: float) -> bool:
        """Whether it was seen cut only, and came so shortly before that it may be whole in a moment."""
        return not self.best.whole and moment - self.first_seen < WHOLE_WITHIN_SECONDS

    def may_go_on_as(self, later: "Follow") -> bool:
        """Whether a face that is seen now may be this one, which was lost from sight before."""
        names = {name for name in (self.person_id, later.judged and later.judged.person_id) if name is not None}
        if later.first_seen <= self.last_seen or len(names) > 1:
            return False
        same_name = self.person_id is not None and later.judged is not None and later.judged.person_id in names
        return same_name or self.consensus.template.similarity(later.consensus.template) >= LIKE

    def go_on_as(self, later: "Follow") -> None:
        """Take in all that was seen of the same face when it came back."""
        self.looks += later.looks
        self.last_seen_at, self.last_seen = later.last_seen_at, later.last_seen
        self.judged = later.judged
        self.consensus.take_over(later.consensus)
        if later.best.worth >= self.best.worth * BETTER_BY:
            self.best = later.best

    def visit(self, decision: Decision, *, ended: bool) -> Visit:
        """What is known of the visit so far."""
        return Visit(
            visit_id=self.visit_id,
            decision=decision,
            template=self.consensus.template,
            started_at=self.started_at,
            last_seen_at=self.last_seen_at,
            looks=self.looks,
            best=self.best,
            ended=ended,
            best_looks=self.consensus.best,
        )
