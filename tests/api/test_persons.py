"""`GET /persons` and the four actions of `POST /person`."""

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from tests.api.conftest import MAX_IMAGE_BYTES, MAX_IMAGES, Post
from tests.rig.photos import astronaut, group_photo, jpeg, other_photos, person_crop

ALICE = jpeg(person_crop(2))
ALICE_AGAIN = jpeg(other_photos(person_crop(2))[0])
BOB = jpeg(person_crop(5))
EVERYBODY = jpeg(group_photo())
STRANGER = jpeg(astronaut())
WALL = jpeg(astronaut()[300:, 300:])
TOO_LARGE = ALICE + bytes(MAX_IMAGE_BYTES)
TEXT = b"This is no picture."


def _persons(api: httpx.Client) -> Any:
    return api.get("/persons").raise_for_status().json()


def _error(reply: httpx.Response) -> tuple[int, str, str | None]:
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["details"].get("field")


def test_nobody_is_enrolled_at_first(api: httpx.Client) -> None:
    assert _persons(api) == {"persons": [], "total": 0}


def test_adding_answers_with_what_was_taken_and_what_was_not(api: httpx.Client, post: Post) -> None:
    reply = post(
        "add", ("a.jpg", ALICE), ("wall.jpg", WALL), ("a2.jpg", ALICE_AGAIN), ("a3.jpg", ALICE), person_id="alice"
    )
    assert reply.status_code == 200
    answer = reply.json()
    rejected = answer.pop("rejected")
    assert answer == {"action": "add", "person_id": "alice", "added": 2, "embeddings": 2}
    assert [(photo["filename"], photo["code"]) for photo in rejected] == [
        ("wall.jpg", "face_not_found"),
        ("a3.jpg", "duplicate"),
    ]
    assert all(photo["message"].endswith(".") for photo in rejected)
    assert _persons(api) == {"persons": [{"person_id": "alice", "embeddings": 2}], "total": 1}


def test_a_second_call_adds_to_the_person(post: Post) -> None:
    post("add", ALICE, person_id="alice").raise_for_status()
    assert post("add", ALICE_AGAIN, person_id="alice").json()["embeddings"] == 2


def test_without_an_id_a_new_person_is_made_and_returned(api: httpx.Client, post: Post) -> None:
    made = post("add", ALICE).raise_for_status().json()["person_id"]
    assert len(made) > 0
    assert _persons(api)["persons"] == [{"person_id": made, "embeddings": 1}]
    assert post("retrieve", ALICE).json()["person_id"] == made


def test_a_photo_is_rejected_in_the_same_words_whether_another_is_good_or_none(post: Post) -> None:
    small = ("small.jpg", jpeg(person_crop(2)[::4, ::4]))
    beside_a_good_one = post("add", small, ("a.jpg", ALICE), person_id="alice").json()["rejected"]
    alone = post("add", small, person_id="bob").json()["error"]["details"]["rejected"]
    assert beside_a_good_one == alone
    assert alone[0]["index"] == 0
    assert alone[0]["measured"] < alone[0]["required"]


def test_where_no_photo_is_good_the_answer_is_422_with_the_same_list(api: httpx.Client, post: Post) -> None:
    reply = post("add", ("w.jpg", WALL), ("t.txt", TEXT), ("l.jpg", TOO_LARGE), ("g.jpg", EVERYBODY), person_id="alice")
    assert _error(reply) == (422, "nothing_enrolled", None)
    rejected = reply.json()["error"]["details"]["rejected"]
    assert [(photo["filename"], photo["code"]) for photo in rejected] == [
        ("w.jpg", "face_not_found"),
        ("t.txt", "unsupported_format"),
        ("l.jpg", "image_too_large"),
        ("g.jpg", "multiple_faces"),
    ]
    assert _persons(api)["total"] == 0


@pytest.mark.parametrize("person_id", ["Ærøskøbing", "दादी", "妈妈", "אבא", "a b.c_d-e@f", "x" * 128])
def test_ids_of_any_script_are_kept_found_and_removed(api: httpx.Client, post: Post, person_id: str) -> None:
    post("add", ALICE, person_id=person_id).raise_for_status()
    assert _persons(api)["persons"] == [{"person_id": person_id, "embeddings": 1}]
    assert post("retrieve", ALICE).json()["person_id"] == person_id
    assert post("remove", person_id=person_id).json()["removed"] == 1


def test_an_id_typed_with_loose_accents_is_the_same_person(api: httpx.Client, post: Post) -> None:
    loose = unicodedata.normalize("NFD", "René")
    post("add", ALICE, person_id="René").raise_for_status()
    assert post("add", BOB, person_id=loose).json()["person_id"] == "René"
    assert post("remove", person_id=loose).json() == {"action": "remove", "person_id": "René", "removed": 2}
    assert _persons(api)["total"] == 0


@pytest.mark.parametrize("person_id", ["", " ", "x" * 129, "../etc/passwd", "a\nb", "a\x00b", "<b>", "🙂", "' OR 1=1"])
def test_an_impossible_id_is_refused(api: httpx.Client, post: Post, person_id: str) -> None:
    assert _error(post("add", ALICE, person_id=person_id)) == (422, "invalid_field", "person_id")
    assert _persons(api)["total"] == 0


def test_the_list_is_sorted_by_id(api: httpx.Client, post: Post) -> None:
    for person_id in ("zoe", "alice", "Ädam", "Bob"):
        post("add", ALICE, person_id=person_id).raise_for_status()
    listed = [person["person_id"] for person in _persons(api)["persons"]]
    assert listed == sorted(listed)
    assert len(listed) == 4


def test_retrieving_answers_for_the_picture_and_for_each_face(post: Post) -> None:
    post("add", ALICE, person_id="alice").raise_for_status()
    answer = post("retrieve", EVERYBODY).raise_for_status().json()
    assert answer["action"] == "retrieve"
    assert (answer["person_id"], answer["decision"]) == ("alice", "match")
    assert answer["threshold"] <= answer["similarity"] <= 1
    assert answer["model"] == "sface_2021dec_int8bq"
    assert len(answer["faces"]) == 6
    names = [face["person_id"] for face in answer["faces"]]
    assert sorted(names, key=str) == [None] * 5 + ["alice"]
    assert [face["decision"] for face in answer["faces"]].count("unknown") == 5


def test_every_face_says_where_it_is_and_how_useful(post: Post) -> None:
    height, width = group_photo().shape[:2]
    faces = post("retrieve", EVERYBODY).json()["faces"]
    assert len(faces) == 6
    for face in faces:
        box = face["box"]
        assert box.keys() == {"x", "y", "width", "height"}
        assert 0 <= box["x"] < box["x"] + box["width"] <= width
        assert 0 <= box["y"] < box["y"] + box["height"] <= height
        assert face["landmarks"].keys() == {"right_eye", "left_eye", "nose", "right_mouth", "left_mouth"}
        # The person's own right eye is on the left of the picture.
        assert box["x"] < face["landmarks"]["right_eye"]["x"] < face["landmarks"]["left_eye"]["x"]
        assert 0 < face["detection_score"] <= 1
        assert face["quality"].keys() == {"score", "face_size", "sharpness", "brightness", "pose"}
        assert 0 <= face["quality"]["score"] <= 1


def test_candidates_are_at_most_five_people_best_first_each_once(post: Post) -> None:
    for person in range(6):
        photos = (jpeg(person_crop(person)), jpeg(other_photos(person_crop(person))[0]))
        post("add", *photos, person_id=f"person {person}").raise_for_status()
    (face,) = post("retrieve", BOB).json()["faces"]
    people = [candidate["person_id"] for candidate in face["candidates"]]
    similarities = [candidate["similarity"] for candidate in face["candidates"]]
    assert people[0] == face["person_id"] == "person 5"
    assert len(people) == len(set(people)) == 5
    assert similarities == sorted(similarities, reverse=True)
    assert face["similarity"] == similarities[0]
    assert face["margin"] == pytest.approx(similarities[0] - similarities[1])


def test_a_stranger_is_unknown_and_never_the_nearest_name(post: Post) -> None:
    post("add", ALICE, person_id="alice").raise_for_status()
    answer = post("retrieve", STRANGER).json()
    assert (answer["decision"], answer["person_id"]) == ("unknown", None)
    assert answer["similarity"] < answer["threshold"]
    assert answer["faces"][0]["candidates"][0]["person_id"] == "alice"


def test_two_people_too_alike_are_ambiguous(post: Post) -> None:
    for person_id in ("alice", "twin"):
        post("add", ALICE, person_id=person_id).raise_for_status()
    answer = post("retrieve", ALICE).json()
    assert (answer["decision"], answer["person_id"]) == ("ambiguous", None)
    assert answer["faces"][0]["margin"] == 0


def test_a_face_too_poor_to_say_anything_of_is_low_quality(post: Post) -> None:
    post("add", ALICE, person_id="alice").raise_for_status()
    blurred = jpeg(np.asarray(cv2.GaussianBlur(person_crop(2), (0, 0), 8), np.uint8))
    answer = post("retrieve", blurred).json()
    assert (answer["decision"], answer["person_id"]) == ("low_quality", None)
    assert answer["faces"][0]["candidates"][0]["person_id"] == "alice"


def test_an_image_without_faces_is_no_error(post: Post) -> None:
    answer = post("retrieve", WALL)
    assert answer.status_code == 200
    assert {key: answer.json()[key] for key in ("person_id", "similarity", "decision", "faces")} == {
        "person_id": None,
        "similarity": None,
        "decision": "no_face",
        "faces": [],
    }


def test_with_an_empty_gallery_everybody_is_unknown(post: Post) -> None:
    answer = post("retrieve", ALICE).json()
    assert (answer["decision"], answer["similarity"], answer["faces"][0]["candidates"]) == ("unknown", None, [])


@pytest.mark.parametrize(
    ("image", "status", "code"),
    [
        (TEXT, 415, "unsupported_format"),
        (b"GIF89a" + bytes(50), 415, "unsupported_format"),
        (b"", 422, "invalid_image"),
        (ALICE[:3000], 422, "invalid_image"),
        (TOO_LARGE, 413, "image_too_large"),
    ],
)
def test_a_picture_that_cannot_be_read_has_its_own_status(post: Post, image: bytes, status: int, code: str) -> None:
    assert _error(post("retrieve", image)) == (status, code, None)


@pytest.mark.parametrize("images", [(), (ALICE, BOB)])
def test_retrieve_takes_exactly_one_image(post: Post, images: tuple[bytes, ...]) -> None:
    assert _error(post("retrieve", *images)) == (422, "invalid_field", "image")


@pytest.mark.parametrize("count", [0, MAX_IMAGES + 1])
def test_add_takes_one_image_or_more_but_not_too_many(api: httpx.Client, post: Post, count: int) -> None:
    assert _error(post("add", *[ALICE] * count, person_id="alice")) == (422, "invalid_field", "image")
    assert _persons(api)["total"] == 0


def test_an_image_that_is_no_file_is_refused_in_plain_words(api: httpx.Client) -> None:
    reply = api.post("/person", data={"action": "retrieve", "image": "photo.jpg"})
    assert _error(reply) == (422, "invalid_field", "image")
    assert reply.json()["error"]["message"] == "image: Expected a file."


def test_a_removed_person_is_forgotten_at_once(api: httpx.Client, post: Post) -> None:
    post("add", ALICE, ALICE_AGAIN, person_id="alice").raise_for_status()
    post("add", BOB, person_id="bob").raise_for_status()
    assert post("remove", person_id="alice").json() == {"action": "remove", "person_id": "alice", "removed": 2}
    assert post("retrieve", ALICE).json()["decision"] == "unknown"
    assert _persons(api)["persons"] == [{"person_id": "bob", "embeddings": 1}]


@pytest.mark.parametrize("person_id", ["nobody", "../etc/passwd", "x" * 129])
def test_removing_somebody_unknown_is_404(post: Post, person_id: str) -> None:
    assert _error(post("remove", person_id=person_id))[:2] == (404, "person_not_found")


def test_a_plain_form_removes_as_well(api: httpx.Client, post: Post) -> None:
    post("add", ALICE, person_id="alice").raise_for_status()
    plain = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = api.post("/person", content="action=remove&person_id=alice", headers=plain)
    assert (reply.status_code, reply.json()["removed"]) == (200, 1)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"action": "remove"}, "person_id"),
        ({"action": "remove", "person_id": ""}, "person_id"),
        ({"action": "camera_status"}, "camera_id"),
        ({"action": "camera_status", "camera_id": ""}, "camera_id"),
        ({"action": "fly"}, "action"),
        ({"action": ""}, "action"),
        ({"action": "ADD"}, "action"),
        ({}, "action"),
        ({"person_id": "alice"}, "action"),
    ],
)
def test_an_error_names_the_field(api: httpx.Client, fields: dict[str, str], field: str) -> None:
    reply = api.post("/person", data=fields)
    assert _error(reply) == (422, "invalid_field", field)


def test_the_status_of_an_unknown_camera_is_404(post: Post) -> None:
    assert _error(post("camera_status", camera_id="01M826HTGMKS5F8WHQWVSW66M1"))[:2] == (404, "camera_not_found")


def test_many_callers_at_once_are_all_answered_rightly(api: httpx.Client, post: Post) -> None:
    def enrol_and_find(person: int) -> tuple[int, str]:
        photo = jpeg(person_crop(person))
        post("add", photo, person_id=f"person {person}").raise_for_status()
        answer = post("retrieve", photo).raise_for_status().json()
        return person, answer["person_id"]

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(enrol_and_find, range(6)))
    assert found == [(person, f"person {person}") for person in range(6)]
    assert _persons(api)["total"] == 6
