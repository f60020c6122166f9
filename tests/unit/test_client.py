"""The client against whatever may stand at the server's address; the journeys run it against the server itself."""

import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.client import (
    ClientError,
    FaceServerClient,
    Forbidden,
    Missing,
    Photo,
    Refused,
    ServerFailed,
    Unauthorised,
    UnexpectedAnswer,
    Unreachable,
)
from backend.schemas.cameras import CameraJob
from tests.rig.canned_http import Asked, Canned, CannedHttp

TOKEN = "token-of-the-tests"
ENROLLED = {"action": "add", "person_id": "alice", "added": 1, "embeddings": 1, "rejected": []}
NOBODY = '{"persons":[],"total":0}'


def _client(address: str) -> FaceServerClient:
    return FaceServerClient(address, TOKEN, timeout=5)


def _persons(answer: Canned) -> ClientError:
    """The error that one answer to `GET /persons` becomes."""
    with CannedHttp(lambda _: answer) as server, _client(server.url) as client, pytest.raises(ClientError) as caught:
        client.persons()
    return caught.value


def _envelope(status: int, code: str, **details: object) -> Canned:
    error = {"code": code, "message": "A sentence.", "details": details}
    return Canned(status, json.dumps({"error": error, "request_id": "01J"}))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, Unauthorised),
        (403, Forbidden),
        (404, Missing),
        (409, Refused),
        (413, Refused),
        (415, Refused),
        (422, Refused),
        (500, ServerFailed),
        (503, ServerFailed),
    ],
)
def test_an_error_of_the_server_keeps_all_it_says(status: int, kind: type[ClientError]) -> None:
    error = _persons(_envelope(status, "some_code", field="image"))
    assert type(error) is kind
    assert (error.status, error.code, error.message, error.details, error.request_id) == (
        status,
        "some_code",
        "A sentence.",
        {"field": "image"},
        "01J",
    )
    assert str(error) == "A sentence."


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Canned(200, "<html>A router's page</html>", "text/html"), UnexpectedAnswer),
        (Canned(200, '{"hello":"world"}'), UnexpectedAnswer),
        (Canned(404, "<html>Not found</html>", "text/html"), UnexpectedAnswer),
        (Canned(401, "<html>Log in</html>", "text/html"), Unauthorised),
        (Canned(502, "<html>Bad gateway</html>", "text/html"), ServerFailed),
    ],
)
def test_an_answer_that_is_not_the_servers_is_told_from_one_that_is(answer: Canned, kind: type[ClientError]) -> None:
    assert type(_persons(answer)) is kind


def test_the_token_is_not_carried_to_where_a_redirect_points() -> None:
    with CannedHttp(lambda _: Canned(200, NOBODY)) as elsewhere:
        error = _persons(Canned(307, headers={"Location": f"{elsewhere.url}/persons"}))
        assert isinstance(error, UnexpectedAnswer)
        assert elsewhere.requests == []


def test_the_token_is_not_sent_through_a_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with CannedHttp(lambda _: Canned(200, NOBODY)) as proxy, CannedHttp(lambda _: Canned(200, NOBODY)) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        with _client(server.url) as client:
            assert client.persons().total == 0
        assert proxy.requests == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "no-address", "http://127.0.0.1:port"])
def test_where_nobody_answers_the_error_names_the_address_and_no_password(address: str) -> None:
    with _client(address.replace("//", "//user:secret@")) as client, pytest.raises(Unreachable) as caught:
        client.persons()
    assert "secret" not in caught.value.message


def test_a_server_that_is_silent_is_not_waited_for_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with FaceServerClient(address, TOKEN, timeout=0.2) as client, pytest.raises(Unreachable) as caught:
            client.persons()
    assert caught.value.code == "timeout"


@pytest.mark.parametrize("token", ["", "  "])
def test_without_a_token_no_header_is_sent(token: str) -> None:
    with CannedHttp(lambda _: Canned(200, NOBODY)) as server, FaceServerClient(server.url, token) as client:
        client.persons()
        assert "authorization" not in server.requests[0].headers


def test_a_token_of_other_than_ascii_letters_reaches_the_server() -> None:
    with CannedHttp(lambda _: Canned(200, NOBODY)) as server, FaceServerClient(server.url, " tökén ") as client:
        client.persons()
        assert server.requests[0].headers["authorization"].encode("latin-1").decode() == "Bearer tökén"


def test_the_two_routes_are_called_at_exactly_the_addresses_given() -> None:
    def answer(asked: Asked) -> Canned:
        persons = {
            "/api/persons": NOBODY,
            "/api/person": json.dumps({"action": "remove", "person_id": "a", "removed": 1}),
        }
        return Canned(200, persons.get(asked.path, '{"cameras":[],"total":0}'))

    with CannedHttp(answer) as people, CannedHttp(answer) as cameras:
        schedule = f"{cameras.url}/gate/cameras/schedule"
        with FaceServerClient.at_routes(f"{people.url}/api/person", schedule, TOKEN) as client:
            client.persons()
            client.remove_person("a")
            client.schedule([CameraJob(rtsp_link="rtsp://192.0.2.1/", camera_nickname="FrontDoor")])
            client.cameras()
        assert [asked.path for asked in people.requests] == ["/api/persons", "/api/person"]
        assert [asked.path for asked in cameras.requests] == ["/gate/cameras/schedule", "/gate/cameras"]


def _sent(call: Callable[[FaceServerClient], object], body: str = NOBODY) -> Asked:
    """The request that a call sends."""
    with CannedHttp(lambda _: Canned(200, body)) as server, _client(server.url) as client:
        call(client)
        (asked,) = server.requests
        return asked


def test_photos_are_sent_with_their_names_in_any_script() -> None:
    photos = [Photo("Zoë.jpg", b"one"), Photo("снимок.png", b"two")]
    asked = _sent(lambda client: client.enrol(photos, person_id="Zoë"), json.dumps(ENROLLED))
    assert asked.headers["content-type"].startswith("multipart/form-data")
    assert asked.body.count(b'name="image"') == 2
    assert all(part.encode() in asked.body for part in ("Zoë.jpg", "снимок.png", "one", "two"))


def test_an_id_cannot_lead_to_another_route() -> None:
    asked = _sent(lambda client: client.remove_camera("../persons?x=1#y"), '{"camera_id":"x"}')
    assert asked.path == "/cameras/..%2Fpersons%3Fx%3D1%23y"


def test_only_the_filters_that_are_given_are_sent() -> None:
    since = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)
    asked = _sent(
        lambda client: client.sightings(person_id="a b", since=since, limit=5), '{"sightings":[],"next_cursor":null}'
    )
    assert asked.path == "/sightings?person_id=a+b&since=2026-05-03T12%3A00%3A00%2B00%3A00&limit=5"


def test_a_picture_that_is_none_is_an_error() -> None:
    with CannedHttp(lambda _: Canned(200, "{}")) as server, _client(server.url) as client, pytest.raises(ClientError):
        client.picture("01J")


def test_the_rejected_photos_of_an_error_are_values() -> None:
    rejected = {
        "index": 0,
        "filename": "a.jpg",
        "code": "face_too_small",
        "message": "Too small.",
        "measured": 31.0,
        "required": 40.0,
    }
    error = _persons(_envelope(422, "no_usable_photo", rejected=[rejected]))
    assert isinstance(error, Refused)
    assert [photo.model_dump() for photo in error.rejected] == [rejected]


def test_details_of_another_shape_are_no_rejected_photos() -> None:
    error = _persons(_envelope(422, "invalid_field", rejected="all"))
    assert isinstance(error, Refused)
    assert error.rejected == []


def test_a_photo_is_read_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "alice.jpg").write_bytes(b"jpeg")
    assert Photo.read(tmp_path / "alice.jpg") == Photo("alice.jpg", b"jpeg")
