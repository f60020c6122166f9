"""A gallery is made anew by another model beside the one that answers, and nothing that was kept is lost."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from backend.domain.errors import Busy, ModelError
from backend.domain.face import Template
from backend.domain.geometry import RgbImage
from backend.gallery.gallery import Gallery
from backend.recognition import reembedding as use_case
from backend.recognition.reembedding import Progress, Reembedder, Successor, progress_sentence
from backend.storage import audit, negatives, reembedding, templates
from backend.storage.database import Database, sqlite_url
from backend.storage.secret_box import SecretBox
from backend.storage.templates import NewTemplate
from backend.vision.image import encode_png
from tests.rig.watching import wait_until

OLD, NEW = "old", "new"
WITHIN_S = 20.0


def face(shade: int) -> RgbImage:
    """An aligned face of one colour, which is who it is."""
    return np.full((112, 112, 3), shade, np.uint8)


def embedding(shade: int, dimensions: int) -> np.ndarray:
    """Each shade lies in a direction of its own, which another model has elsewhere."""
    vector = np.zeros(dimensions, np.float32)
    vector[shade % dimensions] = 1
    return vector


def photo(shade: int, *, kept: bool = True, crop: bytes | None = None) -> NewTemplate:
    """What a photo of that shade is enrolled as by the old model."""
    png = crop or (encode_png(face(shade)) if kept else None)
    return NewTemplate(Template(embedding(shade, 16), OLD), 0.9, f"{shade}.png", f"photo {shade}", png)


class NewModel:
    """The new model: it can be held up before each batch, and counts what it is asked."""

    model = NEW
    dimensions = 32

    def __init__(self) -> None:
        self.asked = 0
        self.goes = threading.Event()
        self.goes.set()
        self.begun = threading.Event()
        self.fails = False
        self.hold_at: int | None = None
        """After how many faces it is held up, until it goes."""

    def embed(self, aligned: Sequence[RgbImage]) -> list[Template]:
        if self.asked == self.hold_at:
            self.goes.clear()
        self.begun.set()
        assert self.goes.wait(WITHIN_S)
        if self.fails:
            raise ModelError("The model failed to compute a batch of images.")
        self.asked += len(aligned)
        return [self.template(int(image[0, 0, 0])) for image in aligned]

    def template(self, shade: int) -> Template:
        return Template(embedding(shade, 32), NEW)


class House:
    """A gallery of the old model, and a new one that is to take over."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.serving = Gallery(database, OLD)
        self.model = NewModel()
        self.switched = 0
        self.seen: dict[str, Template] = {}
        self.reembedder = self.made()

    def made(self) -> Reembedder:
        """A reembedder of another life of the server."""
        return Reembedder(
            self.database,
            Successor(self.model, self.seen.get, lambda: self.serving, self._switch, self._switched),
        )

    def until_over(self) -> Progress:
        """Start and wait until there is nothing more to do."""
        self.reembedder.start()
        wait_until(lambda: self.reembedder.progress.is_over)
        return self.reembedder.progress

    def who(self, shade: int) -> str | None:
        """Who answers to a shade, by the model that answers now."""
        made = Template(embedding(shade, 16), OLD) if self.serving.model == OLD else self.model.template(shade)
        return next((found.person_id for found in self.serving.search(made, 1) if found.similarity > 0.5), None)

    def _switch(self) -> None:
        self.serving = Gallery(self.database, NEW)

    def _switched(self) -> None:
        self.switched += 1


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(use_case, "SECONDS_BEFORE_FIRST_LOOK", 0.0)
    monkeypatch.setattr(use_case, "SECONDS_BETWEEN_LOOKS", 0.05)
    monkeypatch.setattr(use_case, "PATIENCE_SECONDS", 0.05)
    with closing(Database.open(sqlite_url(tmp_path), SecretBox("key"))) as database:
        house = House(database)
        try:
            yield house
        finally:
            house.model.goes.set()
            house.reembedder.stop(WITHIN_S)


def test_the_new_model_answers_once_all_is_made_and_templates_keep_their_ids(house: House) -> None:
    house.serving.add("alice", [photo(1), photo(2)])
    house.serving.add("bob", [photo(3)])
    ids = [entry.template_id for entry in house.serving.templates_of("alice")]
    progress = house.until_over()
    assert (progress.serving, progress.lost_people, house.switched) == (NEW, 0, 1)
    assert [house.who(shade) for shade in (1, 2, 3, 4)] == ["alice", "alice", "bob", None]
    entries = house.serving.templates_of("alice")
    assert [entry.template_id for entry in entries] == ids
    assert {(entry.model, entry.has_crop, entry.quality) for entry in entries} == {(NEW, True, 0.9)}
    with house.database.read() as tx:
        assert reembedding.noted_model(tx) == NEW
        assert [entry.deed for entry in audit.page(tx, None, 1)] == ["model.changed"]


def test_the_former_model_answers_until_then_and_takes_changes(house: House) -> None:
    house.serving.add("alice", [photo(1)])
    house.serving.add("bob", [photo(2)])
    house.model.goes.clear()
    house.reembedder.start()
    assert house.model.begun.wait(WITHIN_S)
    assert (house.serving.model, house.who(1), house.who(2)) == (OLD, "alice", "bob")
    sentence = progress_sentence(house.reembedder.progress)
    assert sentence == "0 of 2 faces of the gallery are made anew by new; old answers until then."
    house.serving.add("carol", [photo(3)])
    house.serving.remove("bob")
    house.serving.rename("alice", "alice the first")
    assert (house.who(1), house.who(2), house.who(3)) == ("alice the first", None, "carol")
    house.model.goes.set()
    wait_until(lambda: house.reembedder.progress.is_over)
    assert (house.serving.model, house.who(1), house.who(2), house.who(3)) == (NEW, "alice the first", None, "carol")


def test_what_was_made_before_a_kill_is_not_made_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_case, "KEPT_AT_ONCE", 2)
    monkeypatch.setattr(use_case, "EMBEDDED_AT_ONCE", 1)
    for shade in range(6):
        house.serving.add(f"person {shade}", [photo(shade)])
    house.model.hold_at = 4
    house.reembedder.start()
    wait_until(lambda: house.model.asked == 4 and not house.model.goes.is_set())
    house.reembedder.ask_to_stop()
    house.model.goes.set()
    house.reembedder.stop(WITHIN_S)
    assert house.serving.model == OLD
    # Begun anew, as after a kill: only what was committed is there, two pairs of three.
    house.reembedder = house.made()
    assert (house.reembedder.progress.done, house.reembedder.progress.total) == (4, 6)
    house.model.hold_at, house.model.asked = None, 0
    house.until_over()
    assert house.model.asked == 2
    assert [house.who(shade) for shade in range(6)] == [f"person {shade}" for shade in range(6)]


def test_a_kill_between_the_word_and_the_deed_costs_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_case, "PLACED_AT_ONCE", 2)
    for shade in range(5):
        house.serving.add(f"person {shade}", [photo(shade)])

    def killed(*_: object) -> bool:
        with house.database.write() as tx:
            if reembedding.tally(tx, NEW).made == 5:
                reembedding.put_in_place(tx, NEW, 2)
        raise ModelError("The power is gone.")

    with monkeypatch.context() as power:
        power.setattr(use_case, "put_in_place", killed)
        house.reembedder.start()
        wait_until(lambda: house.reembedder.progress.total == 3)
        assert [house.who(shade) for shade in range(5)] == [f"person {shade}" for shade in range(5)]
        house.reembedder.stop(WITHIN_S)
    with house.database.read() as tx:
        assert reembedding.serving_model(tx) == NEW
    # What the next start does before anybody asks.
    assert use_case.put_in_place(house.database, NEW)
    house.serving = Gallery(house.database, NEW)
    assert [house.who(shade) for shade in range(5)] == [f"person {shade}" for shade in range(5)]
    house.reembedder = house.made()
    assert house.until_over().total == 0


def test_whose_face_was_not_kept_is_told_and_their_template_stays(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.serving.add("alice", [photo(1), photo(2, kept=False)])
    house.serving.add("bob", [photo(3, kept=False)])
    progress = house.until_over()
    assert (progress.without_face, progress.lost_people) == (2, 1)
    assert "1 people are not recognised by new" in (progress_sentence(progress) or "")
    with house.database.read() as tx:
        assert reembedding.lost_people(tx, NEW) == ["bob"]
    assert (house.who(1), house.who(3)) == ("alice", None)
    # Going back to the old model, bob is known again.
    assert [entry.model for entry in house.serving.templates_of("bob")] == [OLD]
    assert Gallery(house.database, OLD).search(Template(embedding(3, 16), OLD), 1)[0].person_id == "bob"


def test_a_gallery_of_which_no_face_was_kept_changes_hands_at_once_and_says_so(house: House) -> None:
    house.serving.add("alice", [photo(1, kept=False)])
    progress = house.until_over()
    assert (house.model.asked, progress.lost_people) == (0, 1)


@pytest.mark.parametrize("crop", [b"no picture", encode_png(np.zeros((64, 64, 3), np.uint8))])
def test_a_kept_face_that_cannot_be_used_is_told_and_does_not_hold_up_the_others(house: House, crop: bytes) -> None:
    house.serving.add("alice", [photo(1)])
    house.serving.add("bob", [photo(2, crop=crop)])
    progress = house.until_over()
    assert (progress.without_face, progress.lost_people, house.who(1), house.who(2)) == (1, 1, "alice", None)


def test_a_third_model_that_is_wanted_meanwhile_begins_from_the_faces(house: House) -> None:
    house.serving.add("alice", [photo(1)])
    with house.database.write() as tx:
        (waiting,) = reembedding.waiting(tx, "another", "", 10)
        reembedding.keep(tx, "another", {waiting.template_id: embedding(9, 8)})
    house.until_over()
    assert (house.who(1), house.model.asked) == ("alice", 1)


def test_a_failing_model_is_tried_again_while_the_former_one_answers(house: House) -> None:
    house.serving.add("alice", [photo(1)])
    house.model.fails = True
    house.reembedder.start()
    assert house.model.begun.wait(WITHIN_S)
    assert house.who(1) == "alice"
    house.model.fails = False
    wait_until(lambda: house.reembedder.progress.is_over)
    assert (house.serving.model, house.who(1)) == (NEW, "alice")


def test_without_the_former_model_what_is_made_takes_its_place_at_once(house: House) -> None:
    house.serving.add("alice", [photo(1)])
    house.serving.add("bob", [photo(2)])
    house.serving = Gallery(house.database, NEW)
    house.model.goes.clear()
    house.reembedder.start()
    assert house.model.begun.wait(WITHIN_S)
    assert house.who(1) is None
    assert "not everybody is recognised" in (progress_sentence(house.reembedder.progress) or "")
    house.model.goes.set()
    wait_until(lambda: house.who(1) == "alice" and house.who(2) == "bob")
    assert house.switched == 0


def test_what_comes_by_the_former_model_after_the_change_is_made_anew_too(house: House) -> None:
    house.serving.add("alice", [photo(1)])
    former = house.serving
    house.until_over()
    # A request that had begun before: it searches what it saw, and what it adds is not lost.
    assert former.search(Template(embedding(1, 16), OLD), 1)[0].person_id == "alice"
    former.add("bob", [photo(2)])
    wait_until(lambda: house.who(2) == "bob")
    with pytest.raises(Busy, match="send it once more"):
        former.add("carol", [photo(3, kept=False)])


def test_a_photo_that_is_removed_while_it_is_made_anew_stays_removed(house: House) -> None:
    house.serving.add("alice", [photo(1), photo(2)])
    first, _ = house.serving.templates_of("alice")
    house.model.goes.clear()
    house.reembedder.start()
    assert house.model.begun.wait(WITHIN_S)
    house.serving.remove_template("alice", first.template_id)
    house.model.goes.set()
    wait_until(lambda: house.reembedder.progress.is_over)
    assert (house.who(1), house.who(2)) == (None, "alice")


def test_looks_that_somebody_is_said_not_to_be_are_seen_again(house: House) -> None:
    house.serving.add("alice", [photo(1)])
    house.serving.deny("alice", Template(embedding(5, 16), OLD), sighting_id="01M8SIGHTINGOFASTRANGER0001")
    house.serving.deny("alice", Template(embedding(6, 16), OLD), sighting_id="01M8SIGHTINGWHOSEPICTUREGONE")
    house.seen["01M8SIGHTINGOFASTRANGER0001"] = house.model.template(5)
    house.until_over()
    with house.database.read() as tx:
        denied = list(negatives.all_of_model(tx, NEW))
        assert [(person, template.model) for person, template in denied] == [("alice", NEW)]
        assert len(list(negatives.all_of_model(tx, OLD))) == 2
    house.reembedder.stop(WITHIN_S)
    house.reembedder = house.made()
    house.until_over()
    with house.database.read() as tx:
        assert negatives.count(tx, NEW) == 1


def test_templates_of_two_models_never_meet_on_the_way(house: House) -> None:
    house.serving.add("alice", [photo(shade) for shade in range(5)])
    house.until_over()
    with house.database.read() as tx:
        lengths = {len(template.embedding) for _, template in templates.all_of_model(tx, NEW)}
    assert lengths == {32}
