"""What becomes of visits in a real database and a real picture folder."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from sqlalchemy import func, select

from backend.cameras.follow import Look, Visit
from backend.cameras.sighting_log import SightingLog, close_left_open
from backend.domain.camera import Camera
from backend.domain.face import Face, KeptLook, Template
from backend.domain.geometry import Box
from backend.domain.identity import Candidate, Decision, Verdict
from backend.domain.notification import ChannelKind
from backend.domain.sighting import Evidence, Sighting, SightingFilter
from backend.notifications.routing import Router
from backend.storage import cameras, channels, outbox, sighting_looks, sightings
from backend.storage.database import Database, Transaction, sqlite_url
from backend.storage.secret_box import SecretBox
from backend.storage.snapshots import Snapshots
from backend.storage.tables import deliveries
from backend.vision.image import decode, encode_png
from tests.unit.cameras.drawings import NOON, Cast

CAST = Cast(alike={"ST": 0.84})
STRANGER, SAME_STRANGER, OTHER = (CAST.face(letter, 0).template for letter in "STU")
BOX = Box(10, 20, 30, 40)


@dataclass(slots=True)
class Told:
    """Whom the rules were asked about, in what transaction."""

    people: list[str | None] = field(default_factory=list)
    woken: int = 0

    risen: list[float | None] = field(default_factory=list)

    def tell(
        self, tx: Transaction, sighting: Sighting, evidence: Evidence, camera: Camera, *, risen: bool = False
    ) -> bool:
        assert sightings.find(tx, sighting.sighting_id) == sighting
        if risen:
            self.risen.append(sighting.similarity)
            return False
        self.people.append(sighting.person_id)
        return sighting.person_id is not None

    def wake(self) -> None:
        self.woken += 1


@dataclass(slots=True)
class House:
    """A camera at the front door, whose log may be closed and opened again."""

    database: Database
    snapshots: Snapshots
    pictures: Path
    camera: Camera
    told: Told = field(default_factory=Told)

    def log(self) -> SightingLog:
        """The log of a run of the server."""
        return SightingLog(self.camera, self.database, self.snapshots, self.told.tell, self.told.wake)

    def kept(self) -> list[Sighting]:
        """All sightings, the oldest first."""
        with self.database.read() as tx:
            return list(sightings.page(tx, SightingFilter(), None, 100))[::-1]

    def files(self) -> list[str]:
        """The pictures there are."""
        return sorted(str(path.relative_to(self.pictures)) for path in self.pictures.glob("*/*"))

    @contextmanager
    def refusing_to_write(self) -> Iterator[None]:
        """A database that fails, as one does on a full disk."""
        self._sql("ALTER TABLE sightings RENAME TO elsewhere")
        yield
        self._sql("ALTER TABLE elsewhere RENAME TO sightings")

    @contextmanager
    def without_room_for_pictures(self) -> Iterator[None]:
        """A picture folder in which nothing can be written."""
        self.pictures.write_bytes(b"in the way")
        yield
        self.pictures.unlink()

    def _sql(self, statement: str) -> None:
        with self.database.write() as tx:
            tx.connection.exec_driver_sql(statement)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    pictures = tmp_path / "snapshots"
    camera = Camera("front", "Front door", "rtsp://127.0.0.1/front", 0.5, 3600, None, False, NOON)
    with closing(Database.open(sqlite_url(tmp_path), SecretBox("key"))) as database:
        yield House(database, Snapshots(pictures), pictures, camera)


def _decision(person_id: str | None, similarity: float) -> Decision:
    verdict = Verdict.UNKNOWN if person_id is None else Verdict.MATCH
    return Decision(verdict, 0.5, (Candidate(person_id or "alice", similarity),))


def _visit(
    person_id: str | None = "alice",
    *,
    visit_id: int = 1,
    begins: float = 0.0,
    lasts: float = 0.2,
    looks: int = 2,
    similarity: float = 0.7,
    quality: float = 0.6,
    template: Template = STRANGER,
    ended: bool = False,
    shade: int = 100,
    best_looks: tuple[Face, ...] = (),
) -> Visit:
    """A visit, in seconds after noon; its picture has one shade."""
    started_at = NOON + timedelta(seconds=begins)
    return Visit(
        visit_id=visit_id,
        decision=_decision(person_id, similarity),
        template=template,
        started_at=started_at,
        last_seen_at=started_at + timedelta(seconds=lasts),
        looks=looks,
        best=Look(np.full((48, 64, 3), shade, np.uint8), BOX, quality),
        ended=ended,
        best_looks=best_looks,
    )


def _look(shade: int) -> Face:
    """A look at the stranger, whose aligned face has one shade."""
    return replace(CAST.face("S", 0), aligned=np.full((112, 112, 3), shade, np.uint8))


def _kept_looks(house: House) -> list[KeptLook]:
    with house.database.read() as tx:
        return sighting_looks.of_sighting(tx, house.kept()[0].sighting_id)


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else (moment - NOON).total_seconds()


def test_a_visit_is_one_sighting_from_its_first_report_to_its_last(house: House) -> None:
    log = house.log()
    for number in range(1, 11):
        log.report(_visit(lasts=number * 0.2, looks=number, similarity=0.6 + number % 3 / 10))
    log.report(_visit(lasts=2.0, looks=10, ended=True))
    (sighting,) = house.kept()
    assert (sighting.person_id, sighting.camera_nickname, sighting.looks) == ("alice", "Front door", 10)
    assert (_seconds(sighting.started_at), _seconds(sighting.ended_at)) == (0.0, 2.0)
    assert sighting.similarity == pytest.approx(0.8)
    assert house.told.people == ["alice"]


def test_while_it_lasts_a_sighting_is_open_and_its_end_is_known_to_a_second(house: House) -> None:
    log = house.log()
    for number in range(1, 11):
        log.report(_visit(lasts=number * 0.2))
    (sighting,) = house.kept()
    assert sighting.ended_at is None
    assert _seconds(sighting.last_seen_at) == pytest.approx(1.2)


def test_two_at_once_are_two_sightings(house: House) -> None:
    log = house.log()
    for person_id, visit_id in (("alice", 1), ("bob", 2), (None, 3), (None, 4)):
        log.report(_visit(person_id, visit_id=visit_id))
    assert [sighting.person_id for sighting in house.kept()] == ["alice", "bob", None, None]


def test_the_picture_is_the_whole_frame_with_the_face_box(house: House) -> None:
    house.log().report(_visit(shade=77))
    (sighting,) = house.kept()
    assert sighting.face_box == BOX
    picture = decode(house.snapshots.read(str(sighting.picture)) or b"")
    assert picture.shape == (48, 64, 3)
    assert abs(int(picture.mean()) - 77) <= 1


def test_a_better_picture_replaces_the_file(house: House) -> None:
    log = house.log()
    log.report(_visit(quality=0.6, shade=50))
    log.report(_visit(quality=0.9, shade=200))
    (sighting,) = house.kept()
    assert house.files() == [sighting.picture]
    assert decode(house.snapshots.read(str(sighting.picture)) or b"").mean() > 190


def test_somebody_unknown_who_is_recognised_is_renamed_and_told_of_again(house: House) -> None:
    log = house.log()
    log.report(_visit(None, similarity=0.42))
    log.report(_visit("alice", similarity=0.6))
    log.report(_visit("alice", similarity=0.65))
    log.report(_visit("alice", similarity=0.55, ended=True))
    (sighting,) = house.kept()
    assert (sighting.person_id, sighting.similarity) == ("alice", 0.65)
    assert house.told.people == [None, "alice"]
    assert house.told.woken == 1


def test_the_best_looks_are_kept_each_alone_with_its_face(house: House) -> None:
    log = house.log()
    first, second, better = _look(10), _look(20), _look(30)
    log.report(_visit(None, best_looks=(first, second)))
    log.report(_visit(None, lasts=1.5, best_looks=(better, first)))
    kept = _kept_looks(house)
    assert [look.template.similarity(face.template) for look, face in zip(kept, (better, first), strict=True)] == [
        pytest.approx(1.0)
    ] * 2
    assert [int(decode(look.crop or b"").mean()) for look in kept] == [30, 10]
    assert [look.quality for look in kept] == [0.9, 0.9]


def test_a_look_that_stays_is_made_a_picture_of_once(house: House) -> None:
    log = house.log()
    shades = [_look(shade) for shade in (10, 20, 30, 40, 50, 60)]
    with patch("backend.cameras.sighting_log.encode_png", wraps=encode_png) as encoded:
        log.report(_visit(None, best_looks=tuple(shades[:5])))
        # Its place is between others, and the last one falls out.
        log.report(_visit(None, lasts=1.5, best_looks=(*shades[:2], shades[5], *shades[2:4])))
        # One that overtook another is worth no more care than to be written anew.
        log.report(_visit(None, lasts=3.0, best_looks=(*shades[:2], shades[2], shades[5], shades[3])))
    assert [int(decode(look.crop or b"").mean()) for look in _kept_looks(house)] == [10, 20, 30, 60, 40]
    assert encoded.call_count == 5 + 1 + 1


def test_looks_that_could_not_be_written_are_written_with_the_next(house: House) -> None:
    log = house.log()
    first, second, third = _look(10), _look(20), _look(30)
    log.report(_visit(None, best_looks=(first,)))
    with house.refusing_to_write():
        log.report(_visit(None, lasts=1.5, best_looks=(second, first)))
    log.report(_visit(None, lasts=3.0, best_looks=(second, third, first)))
    assert [int(decode(look.crop or b"").mean()) for look in _kept_looks(house)] == [20, 30, 10]


def test_looks_stay_as_they_were_once_somebody_said_who_it_is(house: House) -> None:
    log = house.log()
    log.report(_visit(None, best_looks=(_look(10),)))
    with house.database.write() as tx:
        sightings.relabel(tx, house.kept()[0].sighting_id, "alice")
    log.report(_visit(None, lasts=1.5, best_looks=(_look(20),)))
    assert [int(decode(look.crop or b"").mean()) for look in _kept_looks(house)] == [10]


def test_where_no_faces_are_to_be_kept_looks_are_kept_without(house: House) -> None:
    log = SightingLog(house.camera, house.database, house.snapshots, house.told.tell, house.told.wake, keep_crops=False)
    log.report(_visit(None, best_looks=(_look(10),)))
    assert [look.crop for look in _kept_looks(house)] == [None]


def test_a_similarity_that_rises_is_told_of_once_and_one_that_falls_is_not(house: House) -> None:
    log = house.log()
    for seconds, similarity in enumerate((0.6, 0.55, 0.7, 0.65), start=1):
        log.report(_visit(lasts=1.5 * seconds, similarity=similarity))
    assert (house.told.people, house.told.risen) == (["alice"], [0.7])


def test_a_name_given_up_takes_its_similarity_along(house: House) -> None:
    log = house.log()
    log.report(_visit("alice", similarity=0.7))
    log.report(_visit(None, similarity=0.55))
    (sighting,) = house.kept()
    assert (sighting.person_id, sighting.similarity) == (None, 0.55)


def test_a_restart_within_five_seconds_goes_on_with_the_sighting_and_tells_nobody_again(house: House) -> None:
    house.log().report(_visit(lasts=3.0, looks=15))
    close_left_open(house.database, house.snapshots)
    log = house.log()
    log.report(_visit(begins=7.0, lasts=1.0, looks=5))
    log.report(_visit(begins=7.0, lasts=2.0, looks=10, ended=True))
    (sighting,) = house.kept()
    assert (_seconds(sighting.started_at), _seconds(sighting.ended_at), sighting.looks) == (0.0, 9.0, 25)
    assert house.told.people == ["alice"]
    assert house.files() == [sighting.picture]


def test_a_restart_after_more_than_five_seconds_is_another_sighting(house: House) -> None:
    house.log().report(_visit(lasts=3.0))
    house.log().report(_visit(begins=8.5))
    assert len(house.kept()) == 2


@pytest.mark.parametrize(
    ("before", "after", "sightings_kept"),
    [
        (("alice", STRANGER), ("bob", STRANGER), ["alice", "bob"]),
        (("alice", STRANGER), (None, STRANGER), ["alice", None]),
        ((None, STRANGER), (None, SAME_STRANGER), [None]),
        ((None, STRANGER), (None, OTHER), [None, None]),
        ((None, STRANGER), ("alice", SAME_STRANGER), ["alice"]),
        ((None, STRANGER), ("alice", OTHER), [None, "alice"]),
    ],
)
def test_after_a_restart_a_sighting_goes_on_only_with_the_same_person(
    house: House,
    before: tuple[str | None, Template],
    after: tuple[str | None, Template],
    sightings_kept: list[str | None],
) -> None:
    house.log().report(_visit(before[0], template=before[1]))
    house.log().report(_visit(after[0], template=after[1], begins=2.0))
    assert [sighting.person_id for sighting in house.kept()] == sightings_kept


def test_a_camera_goes_on_with_its_own_sightings_only(house: House) -> None:
    house.log().report(_visit())
    house.camera = replace(house.camera, camera_id="back")
    house.log().report(_visit(begins=2.0))
    assert [sighting.camera_id for sighting in house.kept()] == ["front", "back"]


def test_a_kill_leaves_a_sighting_that_the_next_start_ends_when_its_person_was_last_seen(house: House) -> None:
    house.log().report(_visit(lasts=4.0))
    (left,) = house.kept()
    house.snapshots.write(str(left.picture).replace("-1.jpg", "-2.jpg"), b"half replaced")
    close_left_open(house.database, house.snapshots)
    (sighting,) = house.kept()
    assert _seconds(sighting.ended_at) == 4.0
    assert house.files() == [sighting.picture]


def test_without_room_for_the_picture_the_sighting_is_kept_without_it(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with house.without_room_for_pictures():
        log = house.log()
        for number in range(1, 11):
            log.report(_visit(lasts=number * 0.5))
        log.report(_visit(lasts=5.0, ended=True))
    (sighting,) = house.kept()
    assert sighting.picture is None
    assert sighting.ended_at is not None
    assert house.told.people == ["alice"]
    assert "Front door: The picture cannot be written" in caplog.text


def test_the_picture_is_written_as_soon_as_there_is_room(house: House) -> None:
    log = house.log()
    with house.without_room_for_pictures():
        log.report(_visit())
    log.report(_visit(lasts=2.0))
    (sighting,) = house.kept()
    assert house.files() == [sighting.picture]


def test_a_sighting_that_the_database_refuses_is_written_when_it_does_not(house: House) -> None:
    log = house.log()
    with house.refusing_to_write():
        log.report(_visit(quality=0.6))
        log.report(_visit(quality=0.9, lasts=0.4))
        assert house.told.people == []
    log.report(_visit(quality=0.9, lasts=0.6, looks=4))
    (sighting,) = house.kept()
    assert sighting.looks == 4
    assert house.files() == [sighting.picture]
    assert (house.told.people, house.told.woken) == (["alice"], 1)


def test_a_visit_that_ended_while_the_database_refused_is_written_when_it_does_not(house: House) -> None:
    log = house.log()
    with house.refusing_to_write():
        log.report(_visit())
        log.report(_visit(lasts=3.0, ended=True))
        log.report(_visit("bob", visit_id=2, lasts=3.0, ended=True))
        log.catch_up()
    log.catch_up()
    assert [(sighting.person_id, _seconds(sighting.ended_at)) for sighting in house.kept()] == [
        ("alice", 3.0),
        ("bob", 3.0),
    ]
    assert house.told.people == ["alice", "bob"]
    log.catch_up()
    assert len(house.kept()) == 2


def test_a_trouble_is_logged_once_until_it_is_over(house: House, caplog: pytest.LogCaptureFixture) -> None:
    log = house.log()
    with house.refusing_to_write():
        for number in range(10):
            log.report(_visit(lasts=number * 0.2))
    log.report(_visit(lasts=3.0))
    with house.refusing_to_write():
        log.report(_visit(lasts=6.0))
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 2


def test_a_clock_set_back_leaves_no_sighting_that_ends_before_it_begins(house: House) -> None:
    log = house.log()
    log.report(_visit(lasts=5.0))
    log.report(_visit(lasts=-3600.0, ended=True))
    (sighting,) = house.kept()
    assert _seconds(sighting.ended_at) == 5.0


def test_a_clock_set_back_does_not_make_one_visit_of_two(house: House) -> None:
    log = house.log()
    log.report(_visit(begins=3600.0, ended=True))
    log.report(_visit(visit_id=2, begins=0.0, ended=True))
    assert len(house.kept()) == 2


def test_the_message_is_in_the_outbox_with_the_sighting_or_neither_is(house: House) -> None:
    with house.database.write() as tx:
        channel_id = channels.add(tx, ChannelKind.TELEGRAM, {"api_token": "1:a", "chat_id": "2"})
        house.camera = replace(house.camera, channel_id=channel_id)
        cameras.add(tx, house.camera)
    log = SightingLog(house.camera, house.database, house.snapshots, Router(zone=None).tell, house.told.wake)
    log.report(_visit(ended=True))
    with house.database.write() as tx:
        outbox.delivered(tx, outbox.heads(tx)[0].delivery_id, None, None, datetime.now(UTC))
    log.report(_visit(visit_id=2, begins=60.0, ended=True))
    assert len(house.kept()) == 2
    # The second one is within the camera's cooldown.
    assert (_messages(house), house.told.woken) == (1, 1)

    def fails(tx: Transaction, sighting: Sighting, evidence: Evidence, camera: Camera, *, risen: bool = False) -> bool:
        Router(zone=None).tell(tx, sighting, evidence, camera)
        tx.connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")
        return True

    SightingLog(house.camera, house.database, house.snapshots, fails, house.told.wake).report(
        _visit("bob", begins=90.0)
    )
    assert len(house.kept()) == 2
    assert (_messages(house), house.told.woken) == (1, 1)


def _messages(house: House) -> int:
    with house.database.read() as tx:
        return int(tx.execute(select(func.count()).select_from(deliveries)).scalar_one())
