"""Every error comes in one envelope, with the right status and the request's id."""

import logging
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from backend.api.errors import STATUSES, status_of
from backend.domain import errors
from tests.api.conftest import MAX_IMAGE_BYTES, MAX_IMAGES, TOKEN, LiveServer
from tests.api.raw_http import sent_as_it_is

JSON = {"Content-Type": "application/json"}
MIB = 2**20


def _envelope(reply: httpx.Response) -> dict[str, Any]:
    """The error of a reply whose envelope is as it should be."""
    body = reply.json()
    assert body.keys() == {"error", "request_id"}
    assert body["error"].keys() == {"code", "message", "details"}
    assert re.fullmatch("[a-z_]+", body["error"]["code"])
    assert body["error"]["message"].strip()
    assert body["request_id"] == reply.headers["X-Request-ID"]
    assert "Traceback" not in reply.text
    error: dict[str, Any] = body["error"]
    return error


def _form(content: str) -> dict[str, Any]:
    return {"content": content, "headers": {"Content-Type": "multipart/form-data; boundary=b"}}


@pytest.mark.parametrize(
    ("method", "path", "request_", "status", "code"),
    [
        ("GET", "/nope", {}, 404, "not_found"),
        ("GET", "/persons/", {}, 307, None),
        ("PUT", "/persons", {}, 405, "method_not_allowed"),
        ("DELETE", "/person", {}, 405, "method_not_allowed"),
        ("POST", "/cameras/schedule", {"content": "{", "headers": JSON}, 400, "invalid_json"),
        ("POST", "/cameras/schedule", {"content": b"\xff\xfe", "headers": JSON}, 400, "invalid_json"),
        ("POST", "/cameras/schedule", {"content": "[" * 100_000, "headers": JSON}, 400, "bad_request"),
        ("POST", "/cameras/schedule", {"content": "9" * 5000, "headers": JSON}, 400, "bad_request"),
        ("POST", "/cameras/schedule", {"content": "{}"}, 415, "unsupported_media_type"),
        ("POST", "/cameras/schedule", {"data": {"rtsp_link": "x"}}, 415, "unsupported_media_type"),
        ("POST", "/cameras/schedule", {"json": None}, 422, "invalid_field"),
        ("POST", "/cameras/schedule", {"json": "text"}, 422, "invalid_field"),
        ("POST", "/cameras/schedule", {}, 422, "invalid_field"),
        ("POST", "/person", {"json": {"action": "add"}}, 415, "unsupported_media_type"),
        ("POST", "/person", _form("this is no form"), 400, "bad_request"),
        ("POST", "/person", _form("--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"), 400, "bad_request"),
        ("POST", "/person", {"headers": {"Content-Type": "multipart/form-data"}, "content": "x"}, 400, "bad_request"),
        ("POST", "/person", {}, 422, "invalid_field"),
        ("DELETE", "/cameras/nope", {}, 404, "camera_not_found"),
        ("GET", "/sightings/nope/picture", {}, 404, "sighting_not_found"),
        ("POST", "/telegram/chats", {"json": {}}, 422, "invalid_field"),
    ],
)
def test_a_request_that_makes_no_sense_is_answered_in_the_envelope(
    api: httpx.Client, method: str, path: str, request_: dict[str, Any], status: int, code: str | None
) -> None:
    reply = api.request(method, path, **request_)
    assert reply.status_code == status
    if code is not None:
        assert _envelope(reply)["code"] == code


def test_a_method_that_is_not_allowed_says_which_are(api: httpx.Client) -> None:
    assert api.put("/persons").headers["Allow"] == "GET"


@pytest.mark.parametrize(
    ("path", "methods"), [("/arming", "GET, PUT"), ("/cameras/check", "POST"), ("/v1/persons/x", "DELETE, GET, PATCH")]
)
def test_every_method_that_a_path_takes_is_named(api: httpx.Client, path: str, methods: str) -> None:
    assert api.request("OPTIONS", path).headers["Allow"] == methods


def test_the_callers_own_request_id_is_used(api: httpx.Client) -> None:
    reply = api.get("/nope", headers={"X-Request-ID": "my-request_1"})
    assert reply.headers["X-Request-ID"] == reply.json()["request_id"] == "my-request_1"


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "a;b", "<script>"])
def test_a_request_id_that_could_forge_the_log_is_replaced(api: httpx.Client, given: str) -> None:
    reply = api.get("/nope", headers={"X-Request-ID": given})
    assert re.fullmatch("[0-9A-Z]{26}", reply.headers["X-Request-ID"])
    assert reply.json()["request_id"] == reply.headers["X-Request-ID"]


def test_every_request_has_an_id_of_its_own(api: httpx.Client) -> None:
    assert len({api.get("/persons").headers["X-Request-ID"] for _ in range(5)}) == 5


def test_an_unforeseen_failure_is_500_in_the_envelope_and_only_the_log_says_why(
    api: httpx.Client, server: LiveServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("for the log alone")

    monkeypatch.setattr(server.services.recognition.gallery, "people", fail)
    reply = api.get("/persons")
    assert (reply.status_code, _envelope(reply)["code"]) == (500, "internal_error")
    assert "for the log alone" not in reply.text
    assert "for the log alone" in caplog.text


def test_a_database_that_fails_is_503_in_words(
    api: httpx.Client, server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise errors.StorageError("The database cannot be used: disk I/O error.")

    monkeypatch.setattr(server.services.recognition.gallery, "people", fail)
    monkeypatch.setattr(server.services.recognition.gallery, "check_readable", fail)
    for path in ("/persons", "/readyz"):
        reply = api.get(path)
        assert reply.status_code == 503
        assert _envelope(reply)["message"] == "The database cannot be used: disk I/O error."
        assert int(reply.headers["Retry-After"]) > 0
    assert api.get("/healthz").json() == {"status": "ok"}


def _tree(kind: type[errors.FaceServerError]) -> Iterator[type[errors.FaceServerError]]:
    """The kind and all that are made of it, without those of other tests."""
    if kind.__module__.startswith("backend."):
        yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


LEAVES = [kind for kind in _tree(errors.FaceServerError) if kind is not errors.FaceServerError]


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_every_error_of_the_tree_has_a_status(kind: type[errors.FaceServerError]) -> None:
    error = kind.__new__(kind)
    assert 400 <= status_of(error) < 600


def test_the_codes_of_the_tree_are_stable_words_each_used_once() -> None:
    codes = [kind.code for kind in LEAVES]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch("[a-z_]+", code) for code in codes)
    assert set(STATUSES) <= set(LEAVES)


@pytest.mark.parametrize(
    ("path", "content_type", "limit"),
    [
        ("/person", "multipart/form-data; boundary=b", MAX_IMAGES * MAX_IMAGE_BYTES + MIB),
        ("/cameras/schedule", "application/json", MAX_IMAGE_BYTES * 4 // 3 + MIB),
        ("/person", "application/x-www-form-urlencoded", MAX_IMAGE_BYTES * 4 // 3 + MIB),
        ("/telegram/chats", "", MAX_IMAGE_BYTES * 4 // 3 + MIB),
    ],
)
def test_a_body_that_says_it_is_too_large_is_refused_unread(
    server: LiveServer, path: str, content_type: str, limit: int
) -> None:
    lines = (
        f"POST {path} HTTP/1.1",
        f"Authorization: Bearer {TOKEN}",
        f"Content-Type: {content_type}",
        f"Content-Length: {limit + 1}",
    )
    status, answer = sent_as_it_is(server.url, *lines)
    assert status == 413
    assert '"code":"request_too_large"' in answer


@pytest.mark.parametrize(
    ("path", "content_type", "limit"),
    [
        ("/person", "multipart/form-data; boundary=b", MAX_IMAGES * MAX_IMAGE_BYTES + MIB),
        ("/cameras/schedule", "application/json", MAX_IMAGE_BYTES * 4 // 3 + MIB),
    ],
)
def test_a_body_that_turns_out_to_be_too_large_is_refused(
    api: httpx.Client, path: str, content_type: str, limit: int
) -> None:
    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
        for _ in range(limit // 65536 + 2):
            yield bytes(65536)

    reply = api.post(path, content=body(), headers={"Content-Type": content_type})
    assert reply.status_code == 413
    assert _envelope(reply)["code"] == "request_too_large"


def test_after_a_refused_body_the_server_answers_as_before(api: httpx.Client) -> None:
    too_large = bytes(MAX_IMAGE_BYTES * 4 // 3 + MIB + 1)
    assert api.post("/cameras/schedule", content=too_large, headers=JSON).status_code == 413
    assert api.get("/persons").status_code == 200


def test_an_upload_that_breaks_off_is_no_failure_of_the_server(
    api: httpx.Client, server: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    address = urlsplit(server.url)
    lines = (
        "POST /person HTTP/1.1",
        "Host: here",
        f"Authorization: Bearer {TOKEN}",
        "Content-Type: multipart/form-data; boundary=b",
        "Content-Length: 100000",
    )
    with socket.create_connection((address.hostname, address.port), 10) as connection:
        connection.sendall("\r\n".join((*lines, "", "--b\r\n")).encode())
    assert api.get("/persons").status_code == 200
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
