"""The face routes of DeepStack and CodeProject.AI over real HTTP, as video recorders call them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest

from backend.api.factory import create_app
from backend.api.security import DEEPSTACK_PREFIX
from backend.settings import Settings
from tests.api.conftest import MAX_IMAGE_BYTES, TOKEN
from tests.rig.photos import astronaut, group_photo, jpeg, other_photos, person_crop

ALICE, BOB = 2, 5
ROUTES = [
    path
    for path in create_app(Settings(_env_file=None, auth_token=TOKEN)).openapi()["paths"]
    if path.startswith(DEEPSTACK_PREFIX)
]
Vision = Callable[..., httpx.Response]


def _face(index: int) -> bytes:
    return jpeg(person_crop(index))


def _again(index: int) -> bytes:
    return jpeg(other_photos(person_crop(index))[0])


def _sent(client: httpx.Client, action: str, key: str = TOKEN, **parts: Any) -> httpx.Response:
    """A form as those clients send it: no header, the key as a field."""
    files = {name: (f"{name}.jpg", part) for name, part in parts.items() if isinstance(part, bytes)}
    data = {name: part for name, part in parts.items() if not isinstance(part, bytes)} | {"api_key": key}
    path = f"/v1/vision/face/{action}" if action else "/v1/vision/face"
    # A form of fields alone is sent as one of the other kind.
    return client.post(path, data=data, files=files or None)


@pytest.fixture
def vision(anybody: httpx.Client, api: httpx.Client) -> Vision:
    return partial(_sent, anybody)


def _done(reply: httpx.Response) -> Any:
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    assert answer["success"] is True
    return answer


def _not_done(reply: httpx.Response) -> tuple[int, Any]:
    answer = reply.json()
    assert answer["success"] is False
    assert answer["error"]
    return reply.status_code, answer["code"]


def test_faces_are_found_with_their_corners(vision: Vision) -> None:
    answer = _done(vision("", image=jpeg(group_photo())))
    assert answer["count"] == len(answer["predictions"]) == 6
    for box in answer["predictions"]:
        assert 0 <= box["x_min"] < box["x_max"] <= 1280
        assert 0 <= box["y_min"] < box["y_max"] <= 886
        assert 0.4 <= box["confidence"] <= 1
    assert _done(vision("", image=jpeg(group_photo()), min_confidence="1"))["predictions"] == []


def test_a_registered_face_is_recognised_and_anybody_else_is_unknown(vision: Vision) -> None:
    assert _done(vision("register", image=_face(ALICE), userid="alice"))["message"] == "face added"
    (known,) = _done(vision("recognize", image=_again(ALICE)))["predictions"]
    assert (known["userid"], known["confidence"] > 0.67) == ("alice", True)
    (stranger,) = _done(vision("recognize", image=jpeg(astronaut())))["predictions"]
    assert (stranger["userid"], stranger["confidence"]) == ("unknown", 0)
    assert _done(vision("recognize", image=jpeg(person_crop(ALICE)[:40, :40])))["predictions"] == []


def test_who_asks_for_more_confidence_gets_fewer_names(vision: Vision) -> None:
    vision("register", image=_face(ALICE), userid="alice")
    darker = jpeg(other_photos(person_crop(ALICE))[2])
    assert _done(vision("recognize", image=darker, min_confidence="0.5"))["predictions"][0]["userid"] == "alice"
    assert _done(vision("recognize", image=darker, min_confidence="1"))["predictions"][0]["userid"] == "unknown"


def test_several_photos_are_registered_at_once_and_more_later(vision: Vision, api: httpx.Client) -> None:
    _done(vision("register", image1=_face(ALICE), image2=_again(ALICE), userid="alice"))
    third = jpeg(other_photos(person_crop(ALICE))[2])
    assert _done(vision("register", image=third, userid="alice"))["message"] == "face updated"
    assert api.get("/v1/persons/alice").json()["embeddings"] == 3
    # The same again changes nothing and is no mistake.
    assert _done(vision("register", image=third, userid="alice"))["message"] == "face updated"
    assert api.get("/v1/persons/alice").json()["embeddings"] == 3


def test_people_are_listed_and_deleted(vision: Vision) -> None:
    vision("register", image=_face(ALICE), userid="alice")
    assert _done(vision("list"))["faces"] == ["alice"]
    _done(vision("delete", userid="alice"))
    assert _done(vision("list"))["faces"] == []
    # As with DeepStack, nobody of that name is no mistake.
    _done(vision("delete", userid="alice"))


def test_two_images_are_matched(vision: Vision) -> None:
    alike = _done(vision("match", image1=_face(ALICE), image2=_again(ALICE)))
    other = _done(vision("match", image1=_face(ALICE), image2=_face(BOB)))
    assert alike["similarity"] > 0.67 > other["similarity"]


@pytest.mark.parametrize(
    ("action", "parts"),
    [
        ("", {}),
        ("", {"image": "text"}),
        ("", {"image": b"no picture"}),
        ("", {"image": bytes(MAX_IMAGE_BYTES + 1)}),
        ("recognize", {"image": b"x", "min_confidence": "much"}),
        ("recognize", {"image": b"x", "min_confidence": "nan"}),
        ("recognize", {"image": b"x", "min_confidence": "2"}),
        ("register", {"image": b"x"}),
        ("register", {"userid": "alice"}),
        ("register", {"userid": "a/b", "image": b"x"}),
        ("register", {"userid": "alice", "image": b"no picture"}),
        ("delete", {}),
        ("match", {"image1": b"x"}),
    ],
)
def test_what_cannot_be_done_is_400_and_says_why(vision: Vision, action: str, parts: dict[str, Any]) -> None:
    assert _not_done(vision(action, **parts)) == (400, 400)


def test_there_are_routes_to_try() -> None:
    assert len(ROUTES) == 6


@pytest.mark.parametrize("route", ROUTES)
def test_a_form_without_the_key_or_with_another_is_refused(anybody: httpx.Client, route: str) -> None:
    for key, status in (("", 401), (f"{TOKEN}x", 403), ("другой", 403)):
        files = {"image": ("a.jpg", _face(ALICE))}
        assert _not_done(anybody.post(route, data={"api_key": key, "userid": "alice"}, files=files))[0] == status
        assert _not_done(anybody.post(route, data={"api_key": key}))[0] == status


@pytest.mark.parametrize("route", ROUTES)
def test_a_header_that_is_wrong_is_not_made_good_by_the_form(anybody: httpx.Client, route: str) -> None:
    headers = {"Authorization": "Bearer another"}
    reply = anybody.post(route, data={"api_key": TOKEN}, headers=headers)
    assert reply.status_code == 403


def test_the_field_counts_nowhere_else(anybody: httpx.Client) -> None:
    files = {"images": _face(ALICE)}
    assert anybody.post("/v1/identify", data={"api_key": TOKEN}, files=files).status_code == 401


def test_of_a_stranger_no_more_is_taken_than_an_image_needs(anybody: httpx.Client) -> None:
    images = {f"image{number}": ("a.jpg", bytes(MAX_IMAGE_BYTES)) for number in range(8)}
    reply = anybody.post("/v1/vision/face/register", data={"api_key": TOKEN}, files=images)
    assert reply.status_code == 413


def test_the_header_serves_as_well(api: httpx.Client) -> None:
    assert _done(api.post("/v1/vision/face/list"))["faces"] == []
    assert _done(api.post("/v1/vision/face", files={"image": _face(ALICE)}))["count"] == 1


def test_a_slash_at_the_end_leads_to_the_same(anybody: httpx.Client) -> None:
    answer = anybody.post("/v1/vision/face/", data={"api_key": TOKEN}, files={"image": _face(ALICE)})
    assert _done(answer)["count"] == 1
