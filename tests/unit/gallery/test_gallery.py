"""The gallery in memory says what the database says, whoever changes it and when."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from backend.domain.errors import ModelMismatch, PersonNotFound, StorageError
from backend.domain.face import Template
from backend.gallery import searched as module
from backend.gallery.gallery import Gallery
from backend.storage.database import Database, sqlite_url
from backend.storage.secret_box import SecretBox
from backend.storage.templates import NewTemplate
from tests.unit.notifications.situations import a_look

MODEL = "model"
OpenGallery = Callable[[], Gallery]


def photo(degrees: float, name: str | None = None, model: str = MODEL) -> NewTemplate:
    """A photo whose template points there; its hash is its name, or else its direction."""
    return NewTemplate(a_look(degrees, model), 0.9, "photo.jpg", name or f"{degrees}°")


def names(gallery: Gallery, degrees: float = 0) -> list[str]:
    """The people most like a face that points there, best first."""
    return [candidate.person_id for candidate in gallery.search(a_look(degrees))]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database.open(sqlite_url(tmp_path), SecretBox("key"))) as database:
        yield database


@pytest.fixture
def gallery(database: Database) -> Gallery:
    return Gallery(database, MODEL)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Gallery]:
    """The gallery of another process: the same file, opened on its own."""
    with closing(Database.open(sqlite_url(tmp_path), SecretBox("key"))) as database:
        yield Gallery(database, MODEL)


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECHECK_SECONDS", 0.0)


def test_the_most_alike_person_comes_first_with_their_best_photo(gallery: Gallery) -> None:
    gallery.add("alice", [photo(80), photo(20)])
    gallery.add("bob", [photo(40)])
    first, second = gallery.search(a_look(0))
    assert (first.person_id, second.person_id) == ("alice", "bob")
    assert first.similarity == pytest.approx(np.cos(np.radians(20)), abs=1e-6)


def test_at_most_five_people_are_named_each_once(gallery: Gallery) -> None:
    for number in range(7):
        gallery.add(f"person {number}", [photo(number), photo(number + 45)])
    assert names(gallery) == [f"person {number}" for number in range(5)]


def test_adding_says_what_was_added_and_what_was_there(gallery: Gallery) -> None:
    first = gallery.add("alice", [photo(0), photo(10)])
    again = gallery.add("alice", [photo(10), photo(20)])
    assert (first.embeddings, set(first.duplicates)) == (2, set())
    assert (again.embeddings, set(again.duplicates)) == (3, {"10°"})


def test_a_photo_sent_twice_in_one_call_is_kept_once(gallery: Gallery) -> None:
    assert gallery.add("alice", [photo(0), photo(0)]).embeddings == 1


def test_nothing_added_enrols_nobody(gallery: Gallery) -> None:
    assert gallery.add("alice", []).embeddings == 0
    assert gallery.people() == []


def test_two_people_may_share_a_photo(gallery: Gallery) -> None:
    assert gallery.add("alice", [photo(0)]).embeddings == 1
    assert gallery.add("bob", [photo(0)]).embeddings == 1


def test_people_are_listed_by_id_with_their_counts(gallery: Gallery) -> None:
    gallery.add("zoe", [photo(0)])
    gallery.add("Ädam", [photo(0)])
    gallery.add("alice", [photo(0), photo(1)])
    assert [(person.person_id, person.embeddings) for person in gallery.people()] == [
        ("alice", 2),
        ("zoe", 1),
        ("Ädam", 1),
    ]


def test_a_removed_person_is_gone_at_once_and_after_a_restart(gallery: Gallery, database: Database) -> None:
    gallery.add("alice", [photo(0), photo(1)])
    gallery.add("bob", [photo(90)])
    assert gallery.remove("alice") == 2
    assert names(gallery) == names(Gallery(database, MODEL)) == ["bob"]
    with pytest.raises(PersonNotFound):
        gallery.remove("alice")


def test_a_removed_person_may_be_enrolled_again_with_the_same_photo(gallery: Gallery) -> None:
    gallery.add("alice", [photo(0)])
    gallery.remove("alice")
    assert gallery.add("alice", [photo(0)]).embeddings == 1
    assert names(gallery) == ["alice"]


def test_a_template_of_another_model_is_neither_searched_nor_kept(gallery: Gallery) -> None:
    with pytest.raises(ModelMismatch):
        gallery.search(a_look(0, "another"))
    with pytest.raises(ModelMismatch):
        gallery.add("alice", [photo(0), photo(1, model="another")])
    assert gallery.people() == []


def test_each_model_has_a_gallery_of_its_own(gallery: Gallery, database: Database) -> None:
    other = Gallery(database, "another")
    gallery.add("alice", [photo(0)])
    other.add("bob", [photo(0, model="another")])
    assert names(gallery) == names(Gallery(database, MODEL)) == ["alice"]


def test_a_rebuilt_gallery_answers_as_the_one_that_was_changed_step_by_step(
    gallery: Gallery, database: Database
) -> None:
    chance = np.random.default_rng(7)
    for turn in range(40):
        person_id = f"person {chance.integers(6)}"
        if turn % 5 == 4 and person_id in [person.person_id for person in gallery.people()]:
            gallery.remove(person_id)
        else:
            gallery.add(person_id, [photo(float(chance.uniform(0, 360)))])
    rebuilt = Gallery(database, MODEL)
    for degrees in range(0, 360, 30):
        changed, anew = (seen.search(a_look(degrees)) for seen in (gallery, rebuilt))
        assert [found.similarity for found in changed] == pytest.approx([found.similarity for found in anew])
        assert {found.person_id for found in changed} == {found.person_id for found in anew}


@pytest.mark.usefixtures("_at_once")
def test_a_change_by_another_process_is_seen(gallery: Gallery, elsewhere: Gallery) -> None:
    elsewhere.add("alice", [photo(0)])
    assert names(gallery) == ["alice"]
    elsewhere.remove("alice")
    assert names(gallery) == []


def test_a_change_by_another_process_is_not_looked_for_at_every_search(
    gallery: Gallery, elsewhere: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECHECK_SECONDS", 3600.0)
    elsewhere.add("alice", [photo(0)])
    assert names(gallery) == []


def test_a_change_here_brings_in_what_another_process_changed_before(
    gallery: Gallery, elsewhere: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECHECK_SECONDS", 3600.0)
    elsewhere.add("alice", [photo(0)])
    gallery.add("bob", [photo(30)])
    assert names(gallery) == ["alice", "bob"]
    elsewhere.remove("alice")
    gallery.remove("bob")
    assert names(gallery) == []


@pytest.mark.usefixtures("_at_once")
def test_a_change_that_the_database_refuses_changes_nothing(gallery: Gallery, database: Database) -> None:
    gallery.add("alice", [photo(0)])
    with database.write() as tx:
        tx.connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON templates BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    with pytest.raises(StorageError, match="disk full"):
        gallery.add("bob", [photo(90)])
    assert names(gallery) == ["alice"]
    assert [person.person_id for person in gallery.people()] == ["alice"]


@pytest.mark.usefixtures("_at_once")
def test_while_people_come_and_go_those_who_stay_are_always_found(gallery: Gallery) -> None:
    gallery.add("stays", [photo(0)])
    done = threading.Event()

    def come_and_go(number: int) -> None:
        for turn in range(6):
            gallery.add(f"guest {number}", [photo(90 + number + turn)])
            gallery.remove(f"guest {number}")

    def look() -> Sequence[str]:
        seen = []
        while not done.is_set():
            seen.append(names(gallery)[0])
        return seen

    with ThreadPoolExecutor(5) as pool:
        watching = [pool.submit(look) for _ in range(2)]
        try:
            list(pool.map(come_and_go, range(3)))
        finally:
            done.set()
        seen = [name for watch in watching for name in watch.result()]
    assert len(seen) > 0
    assert set(seen) == {"stays"}
    assert names(gallery) == ["stays"]


def test_the_same_photo_added_by_many_threads_is_kept_once(gallery: Gallery) -> None:
    together = threading.Barrier(6)

    def add(_: int) -> bool:
        together.wait()
        return "0°" in gallery.add("alice", [photo(0)]).duplicates

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(add, range(6))) == [False] + [True] * 5
    assert [person.embeddings for person in gallery.people()] == [1]


def test_of_many_who_remove_a_person_at_once_one_succeeds(gallery: Gallery) -> None:
    gallery.add("alice", [photo(0)])
    together = threading.Barrier(6)

    def remove(_: int) -> bool:
        together.wait()
        try:
            return gallery.remove("alice") == 1
        except PersonNotFound:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(remove, range(6))) == [False] * 5 + [True]


def test_a_template_is_kept_as_it_came(gallery: Gallery, database: Database) -> None:
    kept = photo(12.5)
    gallery.add("alice", [kept])
    probe = Template(kept.template.embedding, MODEL)
    assert Gallery(database, MODEL).search(probe) == gallery.search(probe)
