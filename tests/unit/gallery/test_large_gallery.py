"""A large gallery is searched by signs, which are kept on disk; SQL stays the truth, whatever happens to the file."""

import logging
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.domain.errors import StorageError
from backend.domain.face import Template
from backend.gallery import shelf as shelf_module
from backend.gallery.cohort import CohortAdjustedIndex
from backend.gallery.gallery import Gallery
from backend.gallery.index import ExactIndex
from backend.gallery.index_files import CHECKED, MANIFEST, VECTORS
from backend.gallery.keeper import IndexKeeper
from backend.gallery.layered import LayeredIndex
from backend.gallery.shelf import FEWEST, MOST, Limit, Shelf, measured_limit
from backend.gallery.signs import SignsIndex, Stopped
from backend.storage import changes, people, templates
from backend.storage.database import DATABASE_FILE, Database, sqlite_url
from backend.storage.secret_box import SecretBox
from backend.storage.templates import NewTemplate
from tests.rig.watching import wait_until

MODEL = "model"
DIMENSIONS = 16
PEOPLE = 30
EXACTLY_UP_TO = 20
"""So that so few people are a large gallery."""
Open = Callable[[], Gallery]


def face_of(person: int, look: int = 0) -> NDArray[np.float32]:
    """A look of a person: like their others, unlike anybody else's."""
    own = np.random.default_rng(person).normal(size=DIMENSIONS)
    drawn = own + 0.2 * np.random.default_rng((person, look)).normal(size=DIMENSIONS)
    return np.asarray(drawn / np.linalg.norm(drawn), np.float32)


def photo(person: int, look: int = 0) -> NewTemplate:
    return NewTemplate(Template(face_of(person, look), MODEL), 0.9, "photo.jpg", f"{person}/{look}")


def who(gallery: Gallery, person: int, look: int = 99) -> str | None:
    """Who a look of that person is found to be, if it is alike at all."""
    (found, *_) = [*gallery.search(Template(face_of(person, look), MODEL), limit=1), None]
    return found.person_id if found is not None and found.similarity > 0.7 else None


def kept_of(gallery: Gallery) -> SignsIndex | None:
    """The index from files that answers, if one does."""
    index = gallery.searched.index
    return index.base if isinstance(index, LayeredIndex) and isinstance(index.base, SignsIndex) else None


def renew(gallery: Gallery) -> bool:
    return gallery.searched.renew(lambda: True)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database.open(sqlite_url(tmp_path), SecretBox("key"))) as database:
        yield database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def reopen(database: Database, folder: Path) -> Open:
    """Open the gallery, as another start does."""
    return lambda: Gallery(database, MODEL, shelf=Shelf(folder, MODEL, Limit(EXACTLY_UP_TO)))


@pytest.fixture
def many(database: Database, reopen: Open) -> Gallery:
    """A gallery that is large and has no index in files yet, of two looks of each person."""
    names = [f"person {person}" for person in range(PEOPLE)]
    with database.write() as tx:
        for person, name in enumerate(names):
            people.add(tx, name)
            templates.add(tx, name, photo(person))
            templates.add(tx, name, photo(person, 1))
        templates.advance_generation(tx, names)
    return reopen()


@pytest.fixture
def large(many: Gallery) -> Gallery:
    """A gallery whose index is written."""
    assert renew(many)
    return many


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.gallery.searched.RECHECK_SECONDS", 0.0)


def places(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*/*") if path.is_dir())


def test_a_small_gallery_is_searched_exactly_and_nothing_is_written(reopen: Open, folder: Path) -> None:
    gallery = reopen()
    gallery.add("alice", [photo(1)])
    assert not gallery.searched.renewal.is_set()
    assert not renew(gallery)
    assert isinstance(gallery.searched.index, ExactIndex)
    assert not folder.exists()


def test_a_gallery_that_becomes_large_asks_for_an_index_in_files_and_answers_meanwhile(reopen: Open) -> None:
    gallery = reopen()
    for person in range(EXACTLY_UP_TO + 1):
        assert not gallery.searched.renewal.is_set()
        gallery.add(f"person {person}", [photo(person)])
    assert gallery.searched.renewal.is_set()
    assert [who(gallery, person) for person in range(3)] == ["person 0", "person 1", "person 2"]
    assert renew(gallery)
    assert [who(gallery, person) for person in range(3)] == ["person 0", "person 1", "person 2"]
    assert kept_of(gallery) is not None


def test_after_a_restart_the_index_is_opened_and_not_made(large: Gallery, reopen: Open) -> None:
    again = reopen()
    assert kept_of(again) is not None
    assert not again.searched.renewal.is_set()
    assert [who(again, person) for person in range(PEOPLE)] == [f"person {person}" for person in range(PEOPLE)]


def test_every_kind_of_change_is_seen_at_once_and_after_a_restart(large: Gallery, reopen: Open) -> None:
    large.add("newcomer", [photo(100)])
    large.add("person 1", [photo(101)])
    large.remove("person 2")
    large.rename("person 3", "renamed")
    large.merge("person 4", "person 5")
    large.remove("person 6")
    large.add("person 6", [photo(102)])
    large.remove_template("person 7", large.templates_of("person 7")[0].template_id)
    large.deny("person 8", Template(face_of(8, 99), MODEL))
    expected = {100: "newcomer", 1: "person 1", 101: "person 1", 2: None, 3: "renamed", 4: "person 5", 5: "person 5"}
    expected |= {6: None, 102: "person 6", 7: "person 7", 8: None, 9: "person 9"}
    for gallery in (large, reopen()):
        assert kept_of(gallery) is not None
        assert {person: who(gallery, person) for person in expected} == expected
        assert len(gallery.searched.index.templates_of("person 7")) == 1
        assert not {"person 2", "person 3", "person 4"} & set(gallery.searched.index.people)


@pytest.mark.usefixtures("_at_once")
def test_a_change_by_another_process_is_seen(large: Gallery, reopen: Open) -> None:
    elsewhere = reopen()
    elsewhere.add("newcomer", [photo(100)])
    elsewhere.remove("person 2")
    assert (who(large, 100), who(large, 2)) == ("newcomer", None)
    assert kept_of(large) is not None


def test_what_lies_over_the_index_is_worked_in(
    large: Gallery, reopen: Open, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "ADDED", 3)
    large.remove("person 2")
    for person in range(100, 105):
        large.add(f"person {person}", [photo(person)])
    assert large.searched.renewal.is_set()
    assert renew(large)
    for gallery in (large, reopen()):
        kept = kept_of(gallery)
        assert kept is not None
        assert (len(kept), len(kept.parts.looks)) == (2 * (PEOPLE - 1) + 5, PEOPLE - 1 + 5)
        assert [who(gallery, person) for person in (1, 2, 3, 100, 104)] == [
            "person 1", None, "person 3", "person 100", "person 104"
        ]  # fmt: skip
    assert len(places(folder)) == 1


def test_an_index_of_which_much_is_gone_is_written_anew_without_it(large: Gallery) -> None:
    for person in range(4):
        large.remove(f"person {person}")
    assert renew(large)
    kept = kept_of(large)
    assert kept is not None
    assert (len(kept), len(kept.parts.looks)) == (2 * (PEOPLE - 4), PEOPLE - 4)
    assert [who(large, person) for person in (0, 3, 4)] == [None, None, "person 4"]


def test_what_changes_while_an_index_is_made_is_in_it_too(many: Gallery) -> None:

    def meanwhile() -> bool:
        if who(many, 100) is None:
            many.add("newcomer", [photo(100)])
            many.remove("person 2")
        return True

    assert many.searched.renew(meanwhile)
    assert kept_of(many) is not None
    assert (who(many, 100), who(many, 2), who(many, 3)) == ("newcomer", None, "person 3")


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *((name, "another byte") for name in (*CHECKED, MANIFEST)),
        *((VECTORS, damage) for damage in ("missing", "empty", "shorter")),
    ],
)
def test_a_damaged_file_is_made_anew_while_exact_search_answers(
    large: Gallery, reopen: Open, folder: Path, name: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    (place,) = places(folder)
    whole = (place / name).read_bytes()
    middle = len(whole) // 2
    (place / name).unlink()
    if damage != "missing":
        flipped = whole[:middle] + bytes([whole[middle] ^ 0x55]) + whole[middle + 1 :]
        (place / name).write_bytes({"empty": b"", "shorter": whole[:middle], "another byte": flipped}[damage])
    with caplog.at_level(logging.WARNING):
        again = reopen()
    assert "damaged" in caplog.text
    assert kept_of(again) is None
    assert [who(again, person) for person in range(3)] == ["person 0", "person 1", "person 2"]
    assert again.searched.renewal.is_set()
    assert renew(again)
    assert kept_of(reopen()) is not None


def test_an_index_of_another_history_is_not_used(tmp_path: Path, folder: Path) -> None:
    """A backup is restored, and as many other changes are made as the index has seen: the numbers are the same."""

    def gallery_of(database: Database, shelf: Shelf | None) -> Gallery:
        return Gallery(database, MODEL, shelf=shelf)

    shelf = Shelf(folder, MODEL, Limit(1))
    with closing(Database.open(sqlite_url(tmp_path), SecretBox("key"))) as database:
        gallery_of(database, None).add("alice", [photo(1)])
    backup = tmp_path / "backup"
    shutil.copy(tmp_path / DATABASE_FILE, backup)
    with closing(Database.open(sqlite_url(tmp_path), SecretBox("key"))) as database:
        gallery = gallery_of(database, shelf)
        gallery.add("bob", [photo(2)])
        assert renew(gallery)
    for leftover in tmp_path.glob(f"{DATABASE_FILE}*"):
        leftover.unlink()
    backup.rename(tmp_path / DATABASE_FILE)
    with closing(Database.open(sqlite_url(tmp_path), SecretBox("key"))) as database:
        gallery_of(database, None).add("carol", [photo(3)])
        gallery = gallery_of(database, shelf)
        assert kept_of(gallery) is None
        assert [who(gallery, person) for person in (1, 2, 3)] == ["alice", None, "carol"]


@pytest.mark.usefixtures("_at_once")
def test_after_a_change_whose_people_are_not_known_all_rows_are_read(large: Gallery, database: Database) -> None:
    with database.write() as tx:
        templates.add(tx, "person 1", photo(100))
        templates.advance_generation(tx)
    assert who(large, 100) == "person 1"


def test_changes_are_forgotten_in_time_and_then_all_rows_are_read(
    large: Gallery, reopen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "KEPT", 2)
    for person in range(100, 104):
        large.add(f"person {person}", [photo(person)])
    again = reopen()
    assert kept_of(again) is None
    assert who(again, 100) == "person 100"


def test_a_model_does_not_open_the_index_of_another(large: Gallery, database: Database, folder: Path) -> None:
    for model in ("another", "mo/del", "mo_del"):
        shelf = Shelf(folder, model, Limit(1))
        assert Gallery(database, model, shelf=shelf).searched.index.people == ()
        assert shelf.newest() is None


def test_a_gallery_that_shrank_is_searched_exactly_again(large: Gallery, database: Database, folder: Path) -> None:
    again = Gallery(database, MODEL, shelf=Shelf(folder, MODEL, Limit(1000)))
    assert kept_of(again) is None
    assert who(again, 3) == "person 3"
    assert not again.searched.renewal.is_set()


def test_similarities_are_adjusted_by_the_same_cohort(large: Gallery, database: Database, folder: Path) -> None:
    exact = Gallery(database, MODEL, CohortAdjustedIndex)
    kept = Gallery(database, MODEL, CohortAdjustedIndex, Shelf(folder, MODEL, Limit(1)))
    for person in range(PEOPLE):
        probe = Template(face_of(person, 99), MODEL)
        expected, found = exact.search(probe), kept.search(probe)
        assert [candidate.person_id for candidate in found] == [candidate.person_id for candidate in expected]
        assert [candidate.similarity for candidate in found] == pytest.approx(
            [candidate.similarity for candidate in expected], abs=1e-3
        )


def test_a_disk_that_takes_nothing_leaves_search_as_it_is(many: Gallery, folder: Path) -> None:
    folder.write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="cannot be written"):
        renew(many)
    assert who(many, 3) == "person 3"


def test_making_an_index_can_be_stopped(many: Gallery, folder: Path) -> None:
    with pytest.raises(Stopped):
        many.searched.renew(lambda: False)
    assert places(folder) == []


def test_the_keeper_makes_the_index_in_the_background(many: Gallery, folder: Path) -> None:
    keeper, written, before = IndexKeeper(many.searched), threading.Event(), set(threading.enumerate())
    make = many.searched.renew

    def told(keep_on: Callable[[], bool]) -> bool:
        done = make(keep_on)
        written.set()
        return done

    many.searched.renew = told  # type: ignore[method-assign]  # so that the test hears of the end
    keeper.start()
    assert written.wait(30.0)
    keeper.stop(10.0)
    assert "index-keeper" not in {thread.name for thread in set(threading.enumerate()) - before}
    assert len(places(folder)) == 1
    assert kept_of(many) is not None


def test_the_index_of_a_model_is_kept_while_it_answers_and_removed_when_another_does(
    large: Gallery, database: Database, folder: Path
) -> None:
    (home,) = folder.iterdir()
    (folder / "notes").mkdir()
    keeper = IndexKeeper(large.searched)
    keeper.start()
    large.remove("person 1")
    # What wakes it is done before it looks again.
    large.searched.renewal.set()
    wait_until(lambda: not large.searched.renewal.is_set())
    assert home.is_dir()

    with large.searched.changing:
        large.searched.retire()
        successor = Gallery(database, "another", shelf=Shelf(folder, "another", Limit(EXACTLY_UP_TO)))
    keeper.keep(successor.searched)
    wait_until(lambda: not home.exists())
    keeper.stop(10.0)
    # Who still asks the former one is answered from what was there.
    assert [who(large, person) for person in (1, 2)] == [None, "person 2"]
    # And nothing else is touched.
    assert [path.name for path in folder.iterdir()] == ["notes"]


def test_a_start_removes_what_a_change_of_model_left(large: Gallery, database: Database, folder: Path) -> None:
    keeper = IndexKeeper(Gallery(database, "another", shelf=Shelf(folder, "another", Limit(EXACTLY_UP_TO))).searched)
    keeper.start()
    wait_until(lambda: not places(folder))
    keeper.stop(10.0)
    assert list(folder.iterdir()) == []


def test_what_this_machine_compares_in_time_is_measured_within_bounds() -> None:
    assert FEWEST <= measured_limit(128) <= MOST
    assert not Limit()(FEWEST, 128)
    assert Limit()(MOST + 1, 128)
    assert [Limit(10)(count, 128) for count in (10, 11)] == [False, True]


ENROLLING = """
import sys
from pathlib import Path
from tests.unit.gallery import test_large_gallery as situation
from backend.gallery.gallery import Gallery
from backend.gallery.shelf import Limit, Shelf
from backend.gallery import shelf
from backend.storage.database import Database, sqlite_url
from backend.storage.secret_box import SecretBox

shelf.ADDED = 5
folder, first = Path(sys.argv[1]), int(sys.argv[2])
database = Database.open(sqlite_url(folder), SecretBox("key"))
gallery = Gallery(database, situation.MODEL, shelf=Shelf(folder / "index", situation.MODEL, Limit(20)))
for person in range(first, first + 100_000):
    gallery.add(f"person {person}", [situation.photo(person)])
    if person % 7 == 3:
        gallery.remove(f"person {person - 1}")
    sys.stdout.write(f"{person}\\n")
    sys.stdout.flush()
    gallery.searched.renew(lambda: True)
"""


@pytest.mark.timeout(400)
def test_a_process_killed_at_any_moment_leaves_what_the_next_one_heals(tmp_path: Path) -> None:
    chance, first = random.Random(6), 0  # noqa: S311 — moments, not secrets
    for _ in range(2):
        command = [sys.executable, "-c", ENROLLING, str(tmp_path), str(first)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        last = first
        for _line in range(chance.randint(25, 32)):
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        # What it still said before it was killed was acknowledged too.
        last = max([last, *(int(line) for line in process.stdout.read().split())])
        process.wait()
        process.stdout.close()
        with closing(Database.open(sqlite_url(tmp_path), SecretBox("key"))) as database:
            gallery = Gallery(database, MODEL, shelf=Shelf(tmp_path / "index", MODEL, Limit(20)))
            assert kept_of(gallery) is not None
            removed = {person - 1 for person in range(first, last + 1) if person % 7 == 3 and person > first}
            seen = {person: who(gallery, person) for person in range(first, last + 1)}
            assert {person for person, found in seen.items() if found != f"person {person}"} == removed
            # One more may have come through without being acknowledged, or its neighbour have been removed.
            assert len(gallery.people()) == len(set(gallery.searched.index.people))
        first = last + 100


def test_the_keeper_looks_after_another_gallery_when_it_is_told(many: Gallery, folder: Path) -> None:
    small = Gallery(many._database, "another model")  # noqa: SLF001 - the same rows
    keeper, written = IndexKeeper(small.searched), threading.Event()
    make = many.searched.renew

    def told(keep_on: Callable[[], bool]) -> bool:
        done = make(keep_on)
        written.set()
        return done

    many.searched.renew = told  # type: ignore[method-assign]  # so that the test hears of the end
    keeper.start()
    keeper.keep(many.searched)
    assert written.wait(30.0)
    keeper.stop(10.0)
    assert len(places(folder)) == 1


def test_a_former_index_that_cannot_be_removed_is_told_of_and_keeps_nobody_from_working(
    many: Gallery, folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    (folder / "another-0123abcd").mkdir(parents=True)
    monkeypatch.setattr("backend.gallery.index_files.shutil.rmtree", refused)
    keeper = IndexKeeper(many.searched)
    keeper.start()
    keeper.stop(10.0)
    assert "cannot be removed: Permission denied" in caplog.text


def test_a_retired_gallery_answers_as_before_and_writes_no_index(many: Gallery, folder: Path) -> None:
    with many.searched.changing:
        many.searched.retire()
    many.remove("person 3")
    many.refresh()
    assert who(many, 3) == "person 3"
    assert not many.searched.renew(lambda: True)
    assert places(folder) == []
