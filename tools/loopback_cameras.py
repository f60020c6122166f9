"""Cameras on loopback for `face-server bench cameras`: real RTSP, from the tests' own server and clips.

They need a checkout with its development packages, and a system with GStreamer's RTSP server (see README).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from tests.rig.clips import Clip, Film, still_scene, walk_past
from tests.rig.photos import jpeg, person_crop
from tests.rig.rtsp_server import Mount, RtspServer

ALICE, BOB, STRANGER = 2, 5, 3
FULL_HD = Film((1920, 1080), fps=25)
SMALL = Film((640, 480), fps=25)


@dataclass(frozen=True, slots=True)
class Appearance:
    """Somebody who is in the picture from one moment on, in seconds from the start of a clip that goes round."""

    person_id: str | None
    starts: float


@dataclass(frozen=True, slots=True)
class LoopbackCameras:
    """Links to cameras, and what happens before one of them."""

    server: RtspServer
    photos: dict[str, bytes]
    """A photo of each person who is to be enrolled, as JPEG."""
    appearances: tuple[Appearance, ...]
    """What `appearing` shows."""
    round_seconds: float
    """How long `appearing` takes to begin again."""

    @property
    def still(self) -> str:
        """1080p25, nothing moves."""
        return self.server.url("still")

    @property
    def walking(self) -> str:
        """1080p25, somebody walks past all the time."""
        return self.server.url("walking")

    @property
    def small(self) -> str:
        """640 × 480 at 25 pictures a second, somebody walks past now and then; any number may be opened."""
        return self.server.url("small")

    @property
    def ending(self) -> str:
        """The same, but it hangs up every half minute."""
        return self.server.url("ending")

    @property
    def appearing(self) -> str:
        """640 × 480, people are there from one picture to the next and gone again: see `appearances`."""
        return self.server.url("appearing")

    def began_to_appear(self) -> float:
        """When `appearing` was last begun to be played, in monotonic seconds."""
        return self.server.wait_for_plays("appearing")[-1]


@contextmanager
def loopback_cameras(folder: Path) -> Iterator[LoopbackCameras]:
    """Film the clips in `folder` (half a minute of work) and serve them; raises RuntimeError where nothing can."""
    people = [person_crop(index) for index in (ALICE, BOB, STRANGER)]
    still = still_scene(folder / "still.mp4", film=FULL_HD, seconds=4.0)
    walking = walk_past(folder / "walking.mp4", people[:1], FULL_HD, seconds=8.0, empty_seconds=0.2, face_height=120)
    small = walk_past(folder / "small.mp4", people, SMALL, seconds=4.0, empty_seconds=6.0)
    shown = _shown_one_after_the_other(folder)
    begins = [0.0, *accumulate(clip.seconds for clip in shown)]
    mounts = {
        "still": Mount((still.path,)),
        "walking": Mount((walking.path,)),
        "small": Mount((small.path,)),
        "ending": Mount((small.path,), "end"),
        "appearing": Mount(tuple(clip.path for clip in shown)),
    }
    with RtspServer(mounts) as server:
        yield LoopbackCameras(
            server=server,
            photos={"alice": jpeg(people[0]), "bob": jpeg(people[1])},
            appearances=tuple(
                Appearance(person_id, begins[2 * number + 1]) for number, person_id in enumerate(("alice", "bob", None))
            ),
            round_seconds=begins[-1],
        )


def _shown_one_after_the_other(folder: Path) -> Sequence[Clip]:
    """An empty scene and one with a person, by turns: the same person is gone for more than five seconds."""
    empty = still_scene(folder / "empty.mp4", film=SMALL, seconds=1.0)
    shown = []
    for name, index in (("alice", ALICE), ("bob", BOB), ("stranger", STRANGER)):
        shown += [empty, still_scene(folder / f"{name}.mp4", [person_crop(index)], SMALL, seconds=2.2)]
    return shown
