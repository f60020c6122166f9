"""The log: an object or a line for each event, with the request's id in every thread, and no secrets."""

import json
import logging
import sys

import anyio
import pytest
from anyio import to_thread

from backend.api.logs import JsonLine, Masked, PrettyLine, configure_logging, without_secrets
from backend.api.request_id import current_request_id

KEY = "fs_" + "Ab-_9" * 8 + "xyz"
BOT = "123456789:AAF-abcdefghijklmnopqrstuvwxyz_12345"


def _record(message: str, *values: object) -> logging.LogRecord:
    record = logging.LogRecord("backend.test", logging.WARNING, __file__, 1, message, values, None)
    record.request_id = "01REQUEST"
    return record


def test_an_event_is_one_object_on_one_line() -> None:
    record = _record("Two\nlines of %s", "somebody")
    line = JsonLine().format(record)
    assert "\n" not in line
    event = json.loads(line)
    assert (event["level"], event["logger"], event["request_id"]) == ("warning", "backend.test", "01REQUEST")
    assert event["message"] == "Two\nlines of somebody"


def test_the_trace_of_an_error_is_part_of_the_object() -> None:
    record = _record("It failed")
    try:
        raise RuntimeError("the reason")
    except RuntimeError:
        record.exc_info = sys.exc_info()
    assert "RuntimeError: the reason" in json.loads(JsonLine().format(record))["error"]


@pytest.mark.parametrize("secret", [KEY, BOT, "user:pass%2Fword", "the-token", "letters ü"])
@pytest.mark.parametrize("line", [JsonLine, PrettyLine])
def test_a_secret_that_slips_into_a_line_is_masked(line: type[logging.Formatter], secret: str) -> None:
    words = {"user:pass%2Fword": f"rtsp://{secret}@192.0.2.1/", "the-token": f"Authorization: Bearer {secret}"}
    formatter = JsonLine("letters ü") if line is JsonLine else PrettyLine("letters ü")
    assert secret not in formatter.format(_record("Sent %s", words.get(secret, secret)))


@pytest.mark.parametrize(
    "escaped",
    [
        "GET /bot123456789%3AAAF-abcdefghijklmnopqrstuvwxyz_hunter2",
        "GET /?link=rtsp%3A%2F%2Fviewer%3Ahunter2%40192.0.2.1%2F",
    ],
)
def test_a_secret_is_known_in_an_address_that_is_escaped_too(escaped: str) -> None:
    assert "hunter2" not in without_secrets(escaped)


def test_another_servers_lines_are_masked_and_otherwise_left_as_they_are() -> None:
    inner = logging.Formatter("%(levelname)s says %(message)s")
    assert Masked(inner, "the-token").format(_record("GET /persons?token=%s", "the-token")) == (
        "WARNING says GET /persons?token=***"
    )


@pytest.mark.parametrize(
    "plain", ["http://127.0.0.1:8000/persons", "at 12:30:59", "alice@home", "/?at=rtsp%3A%2F%2Fhome%3A554%2Fa@b"]
)
def test_what_is_no_secret_stays(plain: str) -> None:
    assert without_secrets(plain) == plain


@pytest.fixture
def logging_as_before() -> "object":
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("logging_as_before")
def test_a_thread_that_works_for_a_request_logs_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")

    async def request() -> None:
        current_request_id.set("01OURS")
        await to_thread.run_sync(logging.getLogger("backend.test").info, "from a thread")

    anyio.run(request)
    (event,) = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "from a thread" in line]
    assert event["request_id"] == "01OURS"
