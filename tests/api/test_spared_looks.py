"""No face is embedded that nobody asks for, and none is looked at in full where a glance says enough."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.conftest import TOKEN, LiveServer, Post
from tests.rig.photos import PEOPLE_IN_GROUP_PHOTO, astronaut, group_photo, jpeg, person_crop

ALICE = 2
GLANCE, FULL_LOOK = 1, 2
"""How many embeddings a face costs: in full it is seen in the mirror too."""

Ask = Callable[..., Any]


@pytest.fixture
def ask(api: httpx.Client) -> Ask:
    """The answer of a route to one picture."""

    def asked(route: str, field: str, picture: bytes, **query: str) -> Any:
        answer = api.post(route, files={field: picture}, params=query, headers={"x-api-key": TOKEN})
        return answer.raise_for_status().json()

    return asked


@pytest.fixture
def embedded(server: LiveServer) -> Callable[[], int]:
    """How many faces were embedded since the last call."""

    def so_far() -> int:
        batches = server.services.recognition.engine.figures().models["embedder"].batches
        return sum(size * count for size, count in batches.items())

    before = so_far()

    def newly() -> int:
        nonlocal before
        last, before = before, so_far()
        return before - last

    return newly


def test_who_asks_where_faces_are_has_none_embedded(ask: Ask, embedded: Callable[[], int]) -> None:
    group = jpeg(group_photo())
    ours = ask("/v1/detect", "image", group)["faces"]
    compreface = ask("/api/v1/detection/detect", "file", group, face_plugins="landmarks", status="true")["result"]
    deepstack = ask("/v1/vision/face", "image", group)["predictions"]
    assert [len(faces) for faces in (ours, compreface, deepstack)] == [PEOPLE_IN_GROUP_PHOTO] * 3
    assert embedded() == 0


def test_the_answer_is_the_same_as_with_embeddings(ask: Ask) -> None:
    group = jpeg(group_photo())
    ours, others = ask("/v1/detect", "image", group)["faces"], ask("/v1/embed", "image", group)["faces"]
    assert len(ours) == PEOPLE_IN_GROUP_PHOTO
    assert ours == [{name: value for name, value in face.items() if name != "embedding"} for face in others]
    points = [[[round(point["x"]), round(point["y"])] for point in face["landmarks"].values()] for face in ours]
    found = ask("/api/v1/detection/detect", "file", group, face_plugins="landmarks")["result"]
    assert [face["landmarks"] for face in found] == points


def test_compreface_s_calculator_embeds_in_full(ask: Ask, embedded: Callable[[], int]) -> None:
    picture = jpeg(astronaut())
    for route in ("/api/v1/detection/detect", "/api/v1/recognition/recognize"):
        (face,) = ask(route, "file", picture, face_plugins="calculator")["result"]
        assert embedded() == FULL_LOOK
        assert face["embedding"] == ask("/v1/embed", "image", picture)["faces"][0]["embedding"]
        embedded()


def test_other_servers_clients_have_a_full_look_only_where_it_is_close(
    ask: Ask, post: Post, embedded: Callable[[], int]
) -> None:
    """A stranger is far from the threshold."""
    assert post("add", jpeg(person_crop(ALICE)), person_id="alice").status_code == 200
    embedded()
    for route, field in (("/api/v1/recognition/recognize", "file"), ("/v1/vision/face/recognize", "image")):
        ask(route, field, jpeg(astronaut()))
        assert embedded() == GLANCE


def test_close_is_measured_from_the_confidence_that_a_client_asks_for(
    api: httpx.Client, post: Post, embedded: Callable[[], int]
) -> None:
    assert post("add", jpeg(person_crop(ALICE)), person_id="alice").status_code == 200
    embedded()
    files, wanted = {"image": jpeg(astronaut())}, {"min_confidence": "0.05"}
    api.post("/v1/vision/face/recognize", files=files, data=wanted).raise_for_status()
    assert embedded() == GLANCE + FULL_LOOK
