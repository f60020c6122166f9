"""`GET /v1/events` on a real server: as things happen, and what was missed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from backend.domain.sighting import Sighting
from backend.storage import events, sightings
from tests.api.conftest import LiveServer
from tests.unit.notifications.situations import NOON, a_look, a_sighting


@dataclass
class Stream:
    """What comes over the wire."""

    lines: Iterator[str]
    began_after: str = ""
    """The place it begins at, which a listener comes back with who was told nothing yet."""

    def begin(self) -> dict[str, str]:
        """What comes before any event, once what happens from now on is seen."""
        block: dict[str, str] = {}
        for line in self.lines:
            name, _, value = line.partition(": ")
            if not line:
                return block
            block[name] = value
        raise AssertionError("The stream ended.")

    def next(self) -> dict[str, Any]:
        """The next event, with its data; waits for it."""
        found: dict[str, Any] = {}
        for line in self.lines:
            name, _, value = line.partition(": ")
            if line and name:
                found[name] = json.loads(value) if name == "data" else value
            if not line and "data" in found:
                return found
        raise AssertionError("The stream ended.")


@contextmanager
def _listening(api: httpx.Client, last: int | None = None) -> Iterator[Stream]:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with api.stream("GET", "/v1/events", headers=headers) as reply:
        assert reply.status_code == 200
        assert reply.headers["Content-Type"].startswith("text/event-stream")
        stream = Stream(reply.iter_lines())
        stream.began_after = stream.begin()["id"]
        yield stream


def _begin(server: LiveServer, **fields: Any) -> Sighting:
    sighting = a_sighting(None, **fields)
    with server.services.recognition.database.write() as tx:
        sightings.add(tx, sighting, a_look())
    return sighting


def _change(server: LiveServer, sighting: Sighting) -> None:
    with server.services.recognition.database.write() as tx:
        sightings.change(tx, sighting, a_look())


def _newest(server: LiveServer) -> int:
    with server.services.recognition.database.read() as tx:
        return events.bounds(tx)[1]


def test_what_happens_is_told_as_it_happens(api: httpx.Client, server: LiveServer) -> None:
    with _listening(api) as stream:
        sighting = _begin(server)
        began = stream.next()
        assert began["event"] == began["data"]["event"] == "sighting_began"
        assert began["data"]["sighting"]["sighting_id"] == sighting.sighting_id
        named = replace(sighting, person_id="alice")
        _change(server, named)
        assert stream.next()["data"]["sighting"]["person_id"] == "alice"
        # That somebody is still there is no news.
        _change(server, replace(named, last_seen_at=NOON + timedelta(seconds=30)))
        _change(server, replace(named, ended_at=NOON + timedelta(minutes=1)))
        ended = stream.next()
        assert ended["event"] == "sighting_ended"
        assert int(ended["id"]) > int(began["id"])


def test_who_comes_back_is_told_what_was_missed(api: httpx.Client, server: LiveServer) -> None:
    before = _newest(server)
    ids = [_begin(server).sighting_id for _ in range(3)]
    with _listening(api, before) as stream:
        missed = [stream.next() for _ in ids]
        assert [event["data"]["sighting"]["sighting_id"] for event in missed] == ids
        latest = _begin(server)
        assert stream.next()["data"]["sighting"]["sighting_id"] == latest.sighting_id
    with _listening(api, int(missed[1]["id"])) as stream:
        assert stream.next()["data"]["sighting"]["sighting_id"] == ids[2]


def test_who_was_told_nothing_before_the_line_broke_misses_nothing(api: httpx.Client, server: LiveServer) -> None:
    _begin(server)
    with _listening(api) as stream:
        place = int(stream.began_after)
    missed = _begin(server)
    with _listening(api, place) as stream:
        assert stream.next()["data"]["sighting"]["sighting_id"] == missed.sighting_id


def test_who_was_away_too_long_is_told_so(
    api: httpx.Client, server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _begin(server)
    monkeypatch.setattr(events, "KEPT", 2)
    kept = [_begin(server).sighting_id for _ in range(3)][1:]
    with _listening(api, 0) as stream:
        assert stream.next()["event"] == "missed"
        assert [stream.next()["data"]["sighting"]["sighting_id"] for _ in kept] == kept
    with _listening(api, 10**9) as stream:
        assert stream.next()["event"] == "missed"


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 30])
def test_a_number_that_is_none_is_refused(api: httpx.Client, last: str) -> None:
    reply = api.get("/v1/events", headers={"Last-Event-ID": last})
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "invalid_field")
