"""The web UI run without a browser, against prepared answers over real HTTP."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from tests.rig.canned_http import Asked, Canned, CannedHttp

SCRIPT = Path(__file__).parents[3] / "backend" / "ui" / "web_ui.py"
READY = {"/readyz": '{"model":"sface","device":"CPU"}'}
EMPTY = {
    **READY,
    "/persons": '{"persons":[],"total":0}',
    "/v1/persons": '{"persons":[],"total":0,"next_cursor":null}',
    "/cameras": '{"cameras":[],"total":0}',
    "/sightings": '{"sightings":[],"next_cursor":null}',
    "/rules": '{"rules":[],"total":0}',
    "/mutes": '{"mutes":[],"total":0}',
    "/arming": '{"armed":true}',
    "/channels": '{"channels":[],"total":0}',
    "/deliveries": '{"deliveries":[],"next_cursor":null}',
    "/v1/keys": '{"keys":[],"total":0,"next_cursor":null}',
    "/v1/audit": '{"entries":[],"next_cursor":null}',
}
Answers = Mapping[str, "str | Canned | dict[str, Any]"]


def answering(bodies: Answers) -> CannedHttp:
    """A server that answers each path with what was prepared for it; `POST /rules` goes before `/rules`."""

    def answer(asked: Asked) -> Canned:
        path = urlsplit(asked.path).path
        missing = Canned(404, '{"detail":"nothing prepared"}')
        body = bodies.get(f"{asked.method} {path}", bodies.get(path, missing))
        if isinstance(body, Canned):
            return body
        return Canned(200, body if isinstance(body, str) else json.dumps(body))

    return CannedHttp(answer)


def refusing(status: int) -> CannedHttp:
    """A server that is ready and refuses everything."""
    return answering({**dict.fromkeys(EMPTY, refusal(status)), **READY})


def refusal(status: int, code: str = "refused", message: str = "No.") -> Canned:
    """An error as the server tells it."""
    error = {"code": code, "message": message, "details": {}}
    return Canned(status, json.dumps({"error": error, "request_id": "01J"}))


def opened(page: str, address: str, monkeypatch: pytest.MonkeyPatch, token: str = "") -> AppTest:
    """The page as it is after it was opened from the menu."""
    monkeypatch.setenv("UTILITIES_URL", f"{address}/person")
    monkeypatch.setenv("CAMERA_SCHEDULER_URL", f"{address}/cameras/schedule")
    app = AppTest.from_file(SCRIPT, default_timeout=30)
    app.session_state["token_override"] = token
    app.run()
    app.switch_page(f"views/{page}.py").run()
    assert not app.exception
    return app


def text(app: AppTest) -> str:
    """All that the page says."""
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.error, app.warning, app.info, app.success)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def sent(server: CannedHttp, method: str, path: str, read: Callable[[bytes], Any] = json.loads) -> Any:
    """What the one request of that method to that path carried."""
    (asked,) = [request for request in server.requests if request.method == method and request.path == path]
    return read(asked.body) if asked.body else None


def person(person_id: str, **known: Any) -> dict[str, Any]:
    """A person as the server tells of them."""
    return {"person_id": person_id, "embeddings": 1, "display_name": None, "note": None, "groups": [], **known}
