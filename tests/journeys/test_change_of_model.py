"""Another model in the place of SFace: the gallery is made anew beside it, through a kill, and nobody is lost."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.domain.face import Template
from backend.gallery.index_files import IndexFiles
from backend.storage import people, templates
from backend.storage.database import Database, sqlite_url
from backend.storage.secret_box import SecretBox, load_key
from backend.storage.templates import NewTemplate
from backend.vision.image import encode_png
from backend.vision.models import SFACE_INT8
from tests.rig.own_models import arcface_of_sface, scrfd_of_yunet
from tests.rig.photos import jpeg, other_photos, person_crop
from tests.rig.server import ServerProcess
from tests.rig.watching import wait_until

ALICE, BOB, CAROL = 2, 3, 5
CROWD = 480
"""So many more templates that a kill comes in the middle."""
WITHIN_S, POLL_S = 120.0, 0.2
SFACE = SFACE_INT8.name


@dataclass(frozen=True, slots=True)
class House:
    """A data folder, and the files of other models."""

    data_dir: Path
    arcface: Path
    scrfd: Path

    def server(self, **settings: str) -> ServerProcess:
        # A crowd of noise is no sample of people: it resembles itself.
        return ServerProcess(self.data_dir, {"COHORT_ADJUSTMENT": "false", **settings})

    def own(self) -> ServerProcess:
        """A server of the user's own embedder and detector."""
        return self.server(MODEL_FILE=str(self.arcface), DETECTOR_FILE=str(self.scrfd))

    def fill(self) -> None:
        """Enrol a crowd by its faces, and Carol without one, as a server does that keeps none."""
        numbers = np.random.default_rng(8)
        box = SecretBox(load_key(self.data_dir))
        with closing(Database.open(sqlite_url(self.data_dir), box)) as database, database.write() as tx:
            people.add_many(tx, [f"person {place}" for place in range(CROWD)])
            for place in range(CROWD):
                vector = numbers.normal(size=128).astype(np.float32)
                drawn = encode_png(numbers.integers(0, 256, (112, 112, 3), np.uint8))
                look = Template(vector / np.float32(np.linalg.norm(vector)), SFACE)
                templates.add(tx, f"person {place}", NewTemplate(look, 0.9, "a.jpg", f"photo {place}", drawn))
            templates.advance_generation(tx)

    def empty(self) -> None:
        """Remove the crowd."""
        box = SecretBox(load_key(self.data_dir))
        with closing(Database.open(sqlite_url(self.data_dir), box)) as database, database.write() as tx:
            for place in range(CROWD):
                people.remove(tx, f"person {place}")
            templates.advance_generation(tx)


@pytest.fixture
def house(tmp_path: Path) -> House:
    folder = tmp_path / "own"
    cache = tmp_path / "data" / "models"
    return House(
        tmp_path / "data", arcface_of_sface(folder / "r50.onnx", cache), scrfd_of_yunet(folder / "d.onnx", cache)
    )


def enrol(server: ServerProcess, person_id: str, who: int) -> None:
    with server.client() as client:
        files = {"image": ("a.jpg", jpeg(person_crop(who)), "image/jpeg")}
        client.post("/person", data={"action": "add", "person_id": person_id}, files=files).raise_for_status()


def seen(server: ServerProcess, who: int) -> tuple[str, str | None]:
    """By which model another photo of somebody is answered, and as whom."""
    with server.client() as client:
        files = {"images": ("b.jpg", jpeg(other_photos(person_crop(who))[3]), "image/jpeg")}
        reply = client.post("/v1/identify", files=files).raise_for_status().json()
    (face,) = reply["results"][0]["faces"]
    return reply["model"], face["person_id"]


def gallery(server: ServerProcess) -> dict[str, Any]:
    told: dict[str, Any] = server.get("/v1/models")["gallery"]
    return told


@pytest.mark.timeout(480)  # four starts of a server and a gallery that is made anew, also on a busy machine
def test_the_gallery_is_made_anew_beside_the_model_that_answers(house: House) -> None:
    with house.server() as first:
        enrol(first, "alice", ALICE)
        enrol(first, "bob", BOB)
        assert seen(first, ALICE) == (SFACE, "alice")
    with house.server(KEEP_CROPS="false") as second:
        enrol(second, "carol", CAROL)
    house.fill()
    # As a large gallery's server leaves one.
    index = IndexFiles(house.data_dir / "index", SFACE).home
    index.mkdir(parents=True)
    with house.own() as third:
        wait_until(lambda: gallery(third)["done"] > 0, WITHIN_S, POLL_S)
        told = gallery(third)
        assert (told["serving"], told["total"], told["need_new_photos"]) == (SFACE, CROWD + 2, ["carol"])
        assert seen(third, ALICE) == (SFACE, "alice")
        assert seen(third, CAROL) == (SFACE, "carol")
        assert f"{SFACE} answers until then." in " ".join(third.get("/readyz")["degraded"])
        # Who is enrolled meanwhile is made anew as well.
        enrol(third, "dora", 0)
        done = gallery(third)["done"]
        assert done < CROWD
        third.kill()
        third.start()
        after = gallery(third)
        assert after["done"] >= done
        assert after["total"] == CROWD + 3
        assert seen(third, BOB) == (SFACE, "bob")
        assert index.is_dir()
        wait_until(lambda: gallery(third)["serving"] != SFACE, WITHIN_S, POLL_S)
        wait_until(lambda: not index.exists(), WITHIN_S, POLL_S)
        own = gallery(third)["model"]
        assert own.startswith("own-arcface-")
        assert seen(third, ALICE) == (own, "alice")
        assert seen(third, BOB) == (own, "bob")
        assert seen(third, CAROL) == (own, None)
        assert "1 people are not recognised" in " ".join(third.get("/readyz")["degraded"])
        assert third.get("/persons")["total"] == CROWD + 4
        # A new photo is all that it takes.
        enrol(third, "carol", CAROL)
        assert seen(third, CAROL) == (own, "carol")
    house.empty()
    # Without its file the gallery goes back from what the folded model and the faces are kept for.
    house.arcface.unlink()
    with house.server() as fourth:
        assert seen(fourth, ALICE)[1] == "alice"
        wait_until(lambda: gallery(fourth)["serving"] == SFACE, WITHIN_S, POLL_S)
        assert [seen(fourth, who) for who in (ALICE, BOB, CAROL)] == [(SFACE, who) for who in ("alice", "bob", "carol")]
        assert gallery(fourth)["need_new_photos"] == []


@pytest.mark.timeout(240)
def test_a_former_model_that_is_gone_is_told_and_what_is_there_answers(house: House) -> None:
    with house.own() as first:
        enrol(first, "alice", ALICE)
        own = gallery(first)["model"]
        assert seen(first, ALICE) == (own, "alice")
    for kept in (house.data_dir / "models").glob(f"{own}-*.onnx"):
        kept.unlink()
    house.arcface.unlink()
    with house.server() as second:
        assert f"The gallery is of the model {own}, which is gone" in second.log
        wait_until(lambda: seen(second, ALICE) == (SFACE, "alice"), WITHIN_S, POLL_S)
        assert second.get("/readyz")["degraded"] == []
