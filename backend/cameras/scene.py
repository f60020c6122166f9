"""What a camera's picture shows at this moment: the seam between who reads, who sees and who shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from backend.cameras.frame import Frame
from backend.domain.geometry import Box


@dataclass(frozen=True, slots=True)
class Presence:
    """One face that is in the picture now."""

    box: Box
    """In pixels of the frame that was looked at last."""
    person_id: str | None = None
    """Who it is; None for somebody unknown, and as long as nothing is decided."""
    decided: bool = False
    """Whether it is known by now who it is, or that it is nobody of the gallery."""


@dataclass(frozen=True, slots=True)
class SeeingCounts:
    """What came of looking at a camera's frames since its watch began; a new value each time."""

    faces: int = 0
    """Faces found in all frames together."""
    tracks: int = 0
    sightings: int = 0
    still: int = 0
    """Frames in which nothing moved, so that no detection was spent on them."""
    inference_seconds: float = 0.0
    """Time spent in the face models, by the clock."""


class Watcher(Protocol):
    """Whoever looks at a camera's frames; called by one thread, but for the properties, which any may read."""

    @property
    def present(self) -> Sequence[Presence]:
        """The faces that are in the picture now: those of the last frame, and none once their tracks have ended."""
        ...

    @property
    def counts(self) -> SeeingCounts:
        """What came of it so far."""
        ...

    @property
    def somebody_here(self) -> bool:
        """Whether a visit is going on, its face in the picture or gone for a moment."""
        ...

    def prepare(self) -> None:
        """Load what the first face needs: done before the first frame, for it would take that frame's time."""
        ...

    def look(self, frame: Frame, *, late: bool = False) -> int:
        """Look at a frame; answers how many faces are in it.

        In one that is `late` only those faces are looked at closely of which it is not known who they are.
        """
        ...

    def end_old(self, moment: float) -> None:
        """End what is over at that moment; called while no frame comes, too."""
        ...

    def end_all(self) -> None:
        """End everything: the camera is no longer watched."""
        ...
