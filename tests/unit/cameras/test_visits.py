"""Who came, and who went? Each situation is drawn (see drawings), seen by a camera, and named by a real gallery."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.cameras.follow import Visit
from backend.cameras.frame import Frame
from backend.cameras.scene import Presence
from backend.cameras.visits import Visits
from backend.domain.face import Detection, Face
from backend.gallery.gallery import Gallery
from backend.recognition.decision import DecisionRule
from backend.recognition.identify import Identifier
from backend.storage.database import Database, sqlite_url
from backend.storage.secret_box import SecretBox
from backend.storage.templates import NewTemplate
from backend.vision.loading import Pipelines
from tests.unit.cameras.drawings import MODEL, MOMENT, NOON, Cast, DrawnFrame, frames

THRESHOLD = 0.5


class DrawnFinder:
    """Finds the faces that are drawn, and keeps count of those it is asked to describe."""

    def __init__(self) -> None:
        self.described: list[int] = []
        self.is_still = False

    def is_worth_searching(self, frame: Frame) -> bool:
        return not self.is_still

    def find(self, frame: Frame) -> list[Detection]:
        assert isinstance(frame, DrawnFrame)
        return [face.detection for face in frame.faces]

    def describe(self, frame: Frame, detections: Sequence[Detection]) -> list[Face]:
        assert isinstance(frame, DrawnFrame)
        self.described.append(len(detections))
        return [next(face for face in frame.faces if face.detection is wanted) for wanted in detections]


@dataclass(slots=True)
class Told:
    """A log that remembers all it was told."""

    visits: dict[int, list[Visit]] = field(default_factory=dict)
    caught_up: int = 0

    def report(self, visit: Visit) -> None:
        self.visits.setdefault(visit.visit_id, []).append(visit)

    def catch_up(self) -> None:
        self.caught_up += 1

    @property
    def names(self) -> list[list[str | None]]:
        """What each visit was called, one name, or more where it changed."""
        return [_changes([visit.person_id for visit in told]) for told in self.visits.values()]


@dataclass(slots=True)
class Camera:
    """A camera whose pictures are drawn."""

    visits: Visits
    told: Told
    finder: DrawnFinder
    late: bool

    def sees(self, drawing: str, cast: Cast | None = None) -> None:
        """Watch from the first line to the last, and then for ten seconds more."""
        self.watches(drawing, cast)
        self.visits.end_old(1000 + 10_000)

    def watches(self, drawing: str, cast: Cast | None = None) -> None:
        """Watch from the first line to the last."""
        for frame in frames(drawing, cast):
            self.visits.look(frame, late=self.late)


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    with closing(Database.open(sqlite_url(tmp_path), SecretBox("key"))) as database:
        yield Gallery(database, MODEL)


@pytest.fixture(params=[False, True], ids=["in time", "late"])
def camera(request: pytest.FixtureRequest, gallery: Gallery, pipelines: Pipelines) -> Camera:
    """A camera that has the time to look at each frame, and one that falls behind: both tell the same."""
    return _camera(gallery, pipelines, late=request.param)


@pytest.fixture
def quick(gallery: Gallery, pipelines: Pipelines) -> Camera:
    return _camera(gallery, pipelines)


@pytest.fixture
def behind(gallery: Gallery, pipelines: Pipelines) -> Camera:
    return _camera(gallery, pipelines, late=True)


def _camera(gallery: Gallery, pipelines: Pipelines, *, late: bool = False) -> Camera:
    told, finder = Told(), DrawnFinder()
    identifier = Identifier(pipelines.cameras, gallery, DecisionRule(0.48, 0.04))
    return Camera(Visits(finder, identifier, THRESHOLD, told), told, finder, late)


def _enrol(gallery: Gallery, cast: Cast, alike: Mapping[str, float]) -> None:
    """Enrol people by their letters; the average of good looks at them will be so alike to their photo."""
    for letter, similarity in alike.items():
        template = NewTemplate(cast.enrolled(letter, similarity), 1.0, "photo.jpg", f"hash of {letter}")
        gallery.add(PEOPLE[letter], [template])


PEOPLE = {"A": "alice", "B": "bob"}


def _changes(names: Sequence[str | None]) -> list[str | None]:
    return [name for number, name in enumerate(names) if number == 0 or name != names[number - 1]]


def test_each_who_passes_is_one_visit(camera: Camera, gallery: Gallery) -> None:
    cast = Cast()
    _enrol(gallery, cast, {"A": 0.8, "B": 0.7})
    camera.sees(
        """
        A.........
        ..A.......
        ....A....S
        B.....A.S.
        .B......S.
        ...B....A.
        ...B.....S
        """,
        cast,
    )
    assert camera.told.names == [["alice"], ["bob"], [None]]


def test_a_visit_tells_from_when_to_when_how_often_and_which_look_was_best(camera: Camera) -> None:
    cast = Cast(quality={"B": 0.6, "A": 0.9}, alike={"AB": 0.85})
    camera.sees(
        """
        .... x5
        B... x3
        .A.. x2
        ..B. x4
        """,
        cast,
    )
    ((*_, last),) = camera.told.visits.values()
    assert (last.started_at - NOON).total_seconds() == pytest.approx(5 * MOMENT)
    assert (last.last_seen_at - NOON).total_seconds() == pytest.approx(13 * MOMENT)
    assert (last.looks, last.ended) == (9, True)
    assert (last.best.quality, last.best.box.x) == (0.9, 50)


def test_a_look_hardly_better_than_the_best_one_does_not_replace_it(camera: Camera) -> None:
    camera.sees("B\nA", Cast(quality={"B": 0.9, "A": 0.95}, alike={"AB": 0.85}))
    ((*_, last),) = camera.told.visits.values()
    assert last.best.quality == 0.9


def test_who_comes_in_from_the_edge_is_told_with_a_whole_face(camera: Camera, gallery: Gallery) -> None:
    cast = Cast()
    _enrol(gallery, cast, {"A": 0.9})
    camera.watches("A|....", cast)
    assert camera.told.names == []
    camera.watches("A|....\n|A...", cast)
    ((first, *_),) = camera.told.visits.values()
    assert (first.person_id, first.best.box.x) == ("alice", 0)


def test_a_whole_face_replaces_a_cut_one_that_is_a_little_better_otherwise(camera: Camera) -> None:
    camera.sees("B| x5\n|A x5\nB| x5", Cast(quality={"B": 0.95, "A": 0.9}, alike={"AB": 0.85}))
    ((first, *_, last),) = camera.told.visits.values()
    assert (first.best.box.x, first.best.whole) == (-50, False)
    assert (last.best.box.x, last.best.whole) == (0, True)


@pytest.mark.parametrize("drawing", ["A| x4", "A|\n. x3"], ids=["stays", "is gone"])
def test_who_is_not_seen_whole_is_told_half_a_second_later(drawing: str, camera: Camera, gallery: Gallery) -> None:
    cast = Cast()
    _enrol(gallery, cast, {"A": 0.9})
    camera.watches(drawing, cast)
    assert camera.told.names == [["alice"]]


def test_somebody_sure_is_told_at_the_first_good_look(camera: Camera, gallery: Gallery) -> None:
    cast = Cast()
    _enrol(gallery, cast, {"A": 0.9})
    camera.watches("A", cast)
    assert camera.told.names == [["alice"]]


@pytest.mark.parametrize("drawing", ["A", "a x20", "s x3"], ids=["seen once", "blurred", "a blurred stranger"])
def test_of_a_glimpse_nothing_is_said(camera: Camera, drawing: str) -> None:
    camera.sees(drawing)
    assert camera.told.names == []


def test_a_thing_taken_for_a_face_is_no_visit(camera: Camera) -> None:
    camera.sees("L x40", Cast(score={"L": 0.7}))
    assert camera.told.names == []


def test_unknown_is_said_once_there_were_good_looks(camera: Camera) -> None:
    camera.watches("s x10")
    assert camera.told.names == []
    camera.visits.end_all()
    camera.watches("""
        s x10
        S x3
        """)
    assert camera.told.names == [[None]]


def test_somebody_unknown_who_turns_out_to_be_known_is_the_same_visit_renamed(camera: Camera, gallery: Gallery) -> None:
    cast = Cast(quality={"S": 0.8, "A": 0.95}, alike={"AS": 0.5})
    _enrol(gallery, cast, {"A": 0.75})
    camera.sees(
        """
        .S... x15
        .A... x8
        """,
        cast,
    )
    assert camera.told.names == [[None, "alice"]]


def test_a_name_is_kept_through_poorer_looks(camera: Camera, gallery: Gallery) -> None:
    cast = Cast()
    _enrol(gallery, cast, {"A": 0.7})
    camera.sees(
        """
        A. x3
        a. x20
        """,
        cast,
    )
    assert camera.told.names == [["alice"]]


def test_a_turned_head_does_not_break_a_visit(camera: Camera, gallery: Gallery) -> None:
    cast = Cast()
    _enrol(gallery, cast, {"A": 0.7})
    camera.sees(
        """
        A... x5
        .... x23
        a... x2
        A... x5
        """,
        cast,
    )
    assert camera.told.names == [["alice"]]


def test_who_comes_back_after_more_than_five_seconds_is_another_visit(camera: Camera) -> None:
    camera.sees("""
        S... x5
        .... x26
        S... x5
        """)
    assert camera.told.names == [[None], [None]]


def test_one_odd_picture_is_neither_a_visit_nor_a_change(camera: Camera, gallery: Gallery) -> None:
    cast = Cast()
    _enrol(gallery, cast, {"A": 0.7})
    camera.sees(
        """
        .A. x5
        .X.
        .A. x5
        """,
        cast,
    )
    assert camera.told.names == [["alice"]]


def test_two_who_cross_are_told_once_each(camera: Camera, gallery: Gallery) -> None:
    cast = Cast()
    _enrol(gallery, cast, {"A": 0.7, "B": 0.7})
    camera.sees(
        """
        A.........B
        ..A.....B..
        ....A.B....
        .....A..... x2
        ....B.A....
        ..B.....A..
        B.........A
        """,
        cast,
    )
    assert camera.told.names == [["alice"], ["bob"]]


def test_a_look_alike_beside_the_person_is_somebody_else(camera: Camera, gallery: Gallery) -> None:
    cast = Cast(alike={"AS": 0.5})
    _enrol(gallery, cast, {"A": 0.95})
    camera.sees("A......S x20", cast)
    assert camera.told.names == [["alice"], [None]]


def test_a_look_alike_gives_the_name_up_when_the_person_comes(camera: Camera, gallery: Gallery) -> None:
    cast = Cast(alike={"AS": 0.5})
    _enrol(gallery, cast, {"A": 0.95})
    camera.sees(
        """
        .......S x5
        A......S x5
        """,
        cast,
    )
    assert camera.told.names == [["alice", None], ["alice"]]


@pytest.mark.parametrize(
    "drawing",
    [
        """
        A...M x10
        """,
        """
        A.... x5
        A...M x5
        ....M x3
        """,
        """
        ....M x5
        A...M x5
        """,
    ],
    ids=["together", "the image stays longer", "the image is seen first"],
)
def test_somebody_before_a_mirror_is_one_visit(camera: Camera, gallery: Gallery, drawing: str) -> None:
    cast = Cast(alike={"AM": 0.82})
    _enrol(gallery, cast, {"A": 0.8})
    camera.sees(drawing, cast)
    assert camera.told.names == [["alice"]]


def test_a_known_person_lost_from_sight_goes_on_by_their_name(camera: Camera, gallery: Gallery) -> None:
    """Their looks before and after are too unlike for the tracker: it is the gallery that knows both."""
    cast = Cast(alike={"AB": 0.4})
    _enrol(gallery, cast, {"A": 0.75})
    profile = NewTemplate(cast.enrolled("B", 0.75), 1.0, "profile.jpg", "hash of the profile")
    gallery.add("alice", [profile])
    camera.sees(
        """
        A....... x5
        ........ x3
        .......B x5
        """,
        cast,
    )
    assert camera.told.names == [["alice"]]
    ((*_, last),) = camera.told.visits.values()
    assert last.looks == 10


def test_strangers_one_after_the_other_are_a_visit_each(camera: Camera) -> None:
    camera.sees("""
        .S. x5
        ..T x5
        U.. x5
        """)
    assert camera.told.names == [[None], [None], [None]]


def test_who_takes_the_very_place_of_somebody_known_is_noticed_within_a_second(camera: Camera) -> None:
    camera.watches("""
        .S. x10
        .T. x6
        """)
    assert len(camera.visits.present) == 1
    assert camera.visits.counts.tracks == 2


def test_somebody_who_stands_there_for_long_is_looked_at_closely_once_a_second(quick: Camera) -> None:
    quick.watches("S x105")
    assert quick.finder.described[:5] == [1] * 5
    assert sum(quick.finder.described[5:]) == 20
    ((*_, last),) = quick.told.visits.values()
    assert last.looks == 105


def test_a_camera_that_falls_behind_looks_once_a_second_at_whom_it_has_decided_on(
    behind: Camera, gallery: Gallery
) -> None:
    cast = Cast()
    _enrol(gallery, cast, {"A": 0.9})
    behind.watches("A x11", cast)
    assert behind.finder.described == [1, *[0] * 4, 1, *[0] * 4, 1]
    assert behind.told.names == [["alice"]]


def test_a_camera_that_falls_behind_looks_at_a_stranger_each_time_until_it_is_sure(behind: Camera) -> None:
    behind.watches("S x8")
    assert behind.finder.described == [1] * 3 + [0] * 4 + [1]
    assert behind.told.names == [[None]]


def test_what_takes_long_to_load_is_loaded_before_the_first_frame_and_not_with_the_program() -> None:
    seen = """
import sys
from backend.cameras.visits import Visits
before = "scipy.optimize" in sys.modules
Visits(None, None, 0.5, None).prepare()
print(before, "scipy.optimize" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_two_who_stand_close_together_are_looked_at_each_time(camera: Camera) -> None:
    camera.watches("S.T x30")
    assert camera.finder.described == [2] * 30


def test_a_still_scene_is_not_searched_unless_somebody_is_in_it(camera: Camera) -> None:
    camera.finder.is_still = True
    camera.watches(". x5")
    assert (camera.visits.counts.still, camera.finder.described) == (5, [])
    camera.finder.is_still = False
    camera.watches("S x3")
    camera.finder.is_still = True
    camera.watches("S x3")
    assert camera.visits.counts.still == 5
    assert camera.visits.counts.faces == 6


def test_who_is_gone_from_a_still_scene_is_not_searched_for_but_may_flicker_for_a_second(camera: Camera) -> None:
    for frame in frames("S x3\n. x10"):
        camera.visits.look(frame, late=camera.late)
        camera.finder.is_still = True
    # Seen last at 0.4 s; from 1.6 s on it is certain that nobody was missed.
    assert camera.visits.counts.still == 5
    assert camera.visits.somebody_here


def test_those_in_the_picture_are_present_with_their_names(camera: Camera, gallery: Gallery) -> None:
    cast = Cast()
    _enrol(gallery, cast, {"A": 0.7})
    camera.watches("A....s x5", cast)
    alice, stranger = camera.visits.present
    assert (alice.person_id, alice.decided, alice.box.x) == ("alice", True, 0)
    assert stranger == Presence(stranger.box, None, decided=False)
    camera.watches("......", cast)
    assert list(camera.visits.present) == []
    assert camera.visits.somebody_here
    camera.visits.end_old(1000 + 60)
    assert not camera.visits.somebody_here


def test_the_end_of_the_watch_ends_every_visit(camera: Camera) -> None:
    camera.watches("S.....T x5")
    camera.visits.end_all()
    assert [told[-1].ended for told in camera.told.visits.values()] == [True, True]
    assert not camera.visits.somebody_here


def test_it_is_counted_what_came_of_looking(camera: Camera) -> None:
    camera.sees("S.....T x5")
    counts = camera.visits.counts
    assert (counts.faces, counts.tracks, counts.sightings, counts.still) == (10, 2, 2, 0)
    assert counts.inference_seconds > 0


def test_the_log_may_catch_up_at_every_look_and_while_no_picture_comes(camera: Camera) -> None:
    camera.watches(". x3")
    camera.visits.end_old(2000)
    assert camera.told.caught_up == 4


def test_whatever_happens_nobody_is_there_twice_and_every_visit_ends(gallery: Gallery, pipelines: Pipelines) -> None:
    alike = {"AM": 0.5}
    _enrol(gallery, Cast(alike), {"A": 0.9, "B": 0.6})

    @given(
        st.lists(st.lists(st.sampled_from(".....ABMabs"), max_size=12), min_size=1, max_size=25),
        st.sampled_from([1, 3, 9]),
    )
    def holds(drawn: list[list[str]], times: int) -> None:
        camera = _camera(gallery, pipelines)
        lines = [f"{''.join(dict.fromkeys(line)) or '.'} x{times}" for line in drawn]
        for frame in frames("\n".join(lines), Cast(alike)):
            camera.visits.look(frame)
            names = [presence.person_id for presence in camera.visits.present if presence.person_id is not None]
            assert len(names) == len(set(names))
            assert len(camera.visits.present) == len(frame.faces)
        camera.visits.end_old(1e6)
        for told in camera.told.visits.values():
            assert [visit.ended for visit in told] == [False] * (len(told) - 1) + [True]
        assert not camera.visits.somebody_here
        assert camera.visits.counts.sightings == len(camera.told.visits)

    holds()
