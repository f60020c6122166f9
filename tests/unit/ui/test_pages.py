"""The pages, run without a browser, against prepared answers over real HTTP."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from backend.schemas.cameras import CameraCountsReply, CameraJob
from backend.schemas.persons import LandmarksReply
from tests.rig.canned_http import Asked, Canned, CannedHttp
from tests.unit.ui.prepared import EMPTY, SCRIPT, Answers, answering, opened, person, refusal, refusing, sent, text

PAGES = ("people", "recognise", "cameras", "sightings", "rules", "channels", "deliveries", "telegram", "access")
ASKING = tuple(page for page in PAGES if page != "telegram")
CAMERA = {
    "camera_id": "01CAMERA",
    "camera_nickname": "Front**Door**",
    "rtsp_link": "rtsp://viewer:***@192.0.2.1/stream",
    "threshold": 0.5,
    "cooldown_seconds": 3600,
    "notify_unknown": False,
    "telegram": True,
    "state": "reconnecting",
    "fps_read": 24.9,
    "fps_analysed": 4.96,
    "last_frame_at": None,
    "last_error": "Nothing answers at 192.0.2.1.",
    "degraded": ["The picture cannot be written: the disk is full."],
    "detail_link": None,
    "analysis_fps": None,
    "region": [[0, 0.3], [1, 0.3], [1, 1]],
    "min_face_size": 60,
    "counts": dict.fromkeys(CameraCountsReply.model_fields, 2),
}


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_while_there_is_nothing_to_show(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(EMPTY) as server:
        app = opened(page, server.url, monkeypatch)
    assert [title.value for title in app.title] == [page.capitalize()]
    assert "Connected" in text(app)
    assert not app.error


@pytest.mark.parametrize("page", ASKING)
def test_a_server_that_is_down_is_told_with_how_to_start_it(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(page, "http://127.0.0.1:1", monkeypatch)
    assert "make serve" in app.error[0].value
    assert "Server does not answer" in text(app)


def test_who_is_recognised_is_called_by_their_display_name(monkeypatch: pytest.MonkeyPatch) -> None:
    known, namesake = ({"person_id": person_id, "similarity": 0.7} for person_id in ("alice", "gone"))
    face = {
        "box": {"x": 1, "y": 2, "width": 30, "height": 40},
        "landmarks": {name: {"x": 9, "y": 9} for name in LandmarksReply.model_fields},
        "detection_score": 0.9,
        "quality": {"score": 0.8, "face_size": 90, "sharpness": 0.7, "brightness": 0.9, "pose": 1},
        "similarity": 0.7,
        "margin": 0.01,
        "candidates": [known, namesake],
    }
    faces = [{**face, "decision": "match", "person_id": "alice"}, {**face, "decision": "ambiguous", "person_id": None}]
    answer = {**faces[0], "action": "retrieve", "threshold": 0.5, "model": "sface", "faces": faces}
    profile = person("alice", display_name="Aunt Alice")
    people: Answers = {"/persons/alice": profile, "/persons/gone": refusal(404)}
    with answering({**EMPTY, "POST /person": answer, **people}) as server:
        app = opened("recognise", server.url, monkeypatch)
        app.file_uploader[0].set_value(("party.jpg", b"no picture", "image/jpeg")).run()
    assert not app.exception
    assert "1 recognised: **Aunt Alice**." in text(app)
    assert "**2  Aunt Alice or gone" in text(app)
    figures = app.dataframe[0].value
    assert list(figures["person"]) == ["Aunt Alice (alice)", "–"]
    assert figures["candidates"][0] == "Aunt Alice (alice) 0.70, gone 0.70"


@pytest.mark.parametrize(
    ("status", "headline", "words"),
    [(401, "token missing", "asks for a token"), (403, "token refused", "refuses this token")],
)
@pytest.mark.parametrize("page", ASKING)
def test_a_refused_token_is_told_with_what_to_do(
    page: str, status: int, headline: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refusing(status) as server:
        app = opened(page, server.url, monkeypatch)
    assert words in app.error[0].value
    assert headline in text(app)


@pytest.mark.parametrize(("typed", "sent"), [("", "token-from-env"), (" typed ", "typed")])
def test_the_token_from_the_sidebar_is_sent_with_every_request(
    typed: str, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(EMPTY) as server:
        opened("sightings", server.url, monkeypatch, typed)
        assert len(server.requests) > 4
        assert {asked.headers["authorization"] for asked in server.requests} == {f"Bearer {sent}"}


def test_a_dot_env_that_is_no_text_is_a_sentence_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_bytes(b"AUTH_TOKEN=geh\xebim\n")
    app = AppTest.from_file(SCRIPT, default_timeout=30).run()
    assert not app.exception
    assert "not UTF" in app.error[0].value


def test_the_token_of_the_environment_is_not_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(EMPTY) as server:
        app = opened("people", server.url, monkeypatch)
    assert "token-from-env" not in repr(app)


def test_a_camera_is_shown_with_its_state_and_its_trouble_and_other_peoples_text_as_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering({**EMPTY, "/cameras": json.dumps({"cameras": [CAMERA], "total": 1})}) as server:
        app = opened("cameras", server.url, monkeypatch)
    said = text(app)
    assert "**Front\\*\\*Door\\*\\***" in said
    assert "reconnecting" in said
    assert "24.9 pictures a second, 5.0 looked at, no picture yet" in said
    assert "50% of the pictures due were overtaken by newer ones" in said
    assert (
        "faces from 60 pixels, in a part of the picture, tells Telegram of people, of each at most once in 1 h" in said
    )
    assert "Nothing answers at 192\\.0\\.2\\.1\\." in said
    assert "the disk is full" in said


def test_an_incomplete_form_is_told_without_asking_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(EMPTY) as server:
        app = opened("cameras", server.url, monkeypatch)
        app.text_input(key="link-0").input("rtsp://viewer:secret@192.0.2.1/")
        app.text_input(key="bot-token-0").input("123:secret")
        app.button(key="watch-0").click().run()
        assert all(asked.method == "GET" for asked in server.requests)
    assert "Name: please fill this in" in app.error[0].value.replace("\\", "")
    assert "secret" not in app.error[0].value


CHECK = {
    "ok": False,
    "rtsp_link": "rtsp://viewer:***@192.0.2.1/",
    "passed": ["link", "name", "port", "answer"],
    "failed": "login",
    "message": "The camera refuses the user name or password.",
    "video": None,
    "capacity": None,
}
VIDEO = {
    "codec": "h264",
    "width": 640,
    "height": 480,
    "fps": 25,
    "keyframe_seconds": 2,
    "kilobits_per_second": 900,
    "decode_ms": 30,
    "search_ms": 7,
    "describe_ms": 20,
    "face_sizes": [58],
}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (CHECK, ("cannot be watched.** The camera refuses", "192.0.2.1")),
        (
            {
                **CHECK,
                "ok": True,
                "failed": None,
                "video": VIDEO,
                "capacity": {"while_still": 9, "while_busy": 3},
            },
            ("can be watched.**", "640 × 480", "1 face seen, 58 pixels wide", "watch 9 cameras", "3 while people walk"),
        ),
    ],
)
def test_a_link_is_checked_and_the_answer_put_into_words(
    found: dict[str, object], words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering({**EMPTY, "POST /cameras/check": found}) as server:
        app = opened("cameras", server.url, monkeypatch)
        app.text_input(key="link-0").input("rtsp://viewer:secret@192.0.2.1/")
        app.button(key="check-0").click().run()
        assert not app.exception
        assert sent(server, "POST", "/cameras/check") == {"rtsp_link": "rtsp://viewer:secret@192.0.2.1/"}
    said = text(app).replace("\\", "").replace(":small[]", "")
    assert [part for part in words if part not in said] == []


def test_the_live_picture_of_a_camera_is_fetched_while_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = _picture().body
    assert isinstance(picture, bytes)
    part = b"\r\n--picture\r\nContent-Length: %d\r\n\r\n%s" % (len(picture), picture)
    stream = Canned(200, part, "multipart/x-mixed-replace; boundary=picture")
    cameras = {"cameras": [CAMERA], "total": 1}
    with answering({**EMPTY, "/cameras": cameras, "/cameras/01CAMERA/live": stream}) as server:
        app = opened("cameras", server.url, monkeypatch)
        assert "/cameras/01CAMERA/live" not in [asked.path for asked in server.requests]
        app.button(key="live-01CAMERA").click().run()
        assert not app.exception
        assert "/cameras/01CAMERA/live" in [asked.path for asked in server.requests]


def test_every_field_of_the_form_reaches_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({**EMPTY, "/cameras/schedule": EMPTY["/cameras"]}) as server:
        app = opened("cameras", server.url, monkeypatch)
        app.text_input(key="link-0").input("rtsp://192.0.2.1/")
        app.text_input(key="nickname-0").input("FrontDoor")
        app.slider(key="threshold-0").set_value(0.61)
        app.text_input(key="bot-token-0").input("123:token")
        app.text_input(key="chat-0").input("-100")
        app.number_input(key="cooldown-0").set_value(60)
        app.checkbox(key="unknown-0").check()
        app.number_input(key="rate-0").set_value(2.0)
        app.number_input(key="smallest-0").set_value(80)
        app.text_input(key="region-0").input("0,30 100,30 100,100")
        app.text_input(key="detail-0").input("rtsp://192.0.2.1/main")
        app.button(key="watch-0").click().run()
        (asked,) = [request for request in server.requests if request.method == "POST"]
    (sent,) = json.loads(asked.body)
    assert sent == {
        "rtsp_link": "rtsp://192.0.2.1/",
        "camera_nickname": "FrontDoor",
        "threshold": 0.61,
        "telegram_api_token": "123:token",
        "telegram_chat_id": "-100",
        "cooldown_seconds": 60,
        "notify_unknown": True,
        "analysis_fps": 2.0,
        "min_face_size": 80,
        "region": [[0, 0.3], [1, 0.3], [1, 1]],
        "detail_link": "rtsp://192.0.2.1/main",
    }
    assert sent.keys() == CameraJob.model_fields.keys()


def _sighting(number: int, person_id: str | None) -> dict[str, object]:
    began = datetime.now(UTC) - timedelta(minutes=number)
    return {
        "sighting_id": f"01SIGHTING{number}",
        "camera_id": "01CAMERA",
        "camera_nickname": "FrontDoor",
        "person_id": person_id,
        "display_name": person_id and person_id.title(),
        "similarity": 0.61,
        "threshold": 0.5,
        "started_at": began.isoformat(),
        "last_seen_at": began.isoformat(),
        "ended_at": began.isoformat() if number else None,
        "looks": 5,
        "picture": f"/sightings/01SIGHTING{number}/picture",
        "face_box": {"x": 40, "y": 30, "width": 20, "height": 25},
        "face": "/sightings/01S/face",
    }


def _picture() -> Canned:
    file = io.BytesIO()
    Image.new("RGB", (160, 120), "grey").save(file, "JPEG")
    return Canned(200, file.getvalue(), "image/jpeg")


def test_sightings_are_shown_newest_first_and_further_ones_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(asked: Asked) -> Canned:
        url = urlsplit(asked.path)
        if url.path.endswith("/picture"):
            return _picture() if "01SIGHTING1/" not in url.path else Canned(404, _not_found())
        if url.path != "/sightings":
            return Canned(200, EMPTY[url.path])
        older = "cursor" in parse_qs(url.query)
        found = [_sighting(2, "carol")] if older else [_sighting(0, "alice"), _sighting(1, None)]
        return Canned(200, json.dumps({"sightings": found, "next_cursor": None if older else "01CURSOR"}))

    with CannedHttp(answer) as server:
        app = opened("sightings", server.url, monkeypatch)
        assert _names(app) == ["Alice", "Stranger"]
        assert "here now" in text(app)
        assert "No picture of this sighting is left." in text(app)
        app.button(key="more_sightings").click().run()
        assert _names(app) == ["Alice", "Stranger", "Carol"]
        assert "more_sightings" not in [button.key for button in app.button]


def _names(app: AppTest) -> list[str]:
    bold = [str(element.value) for element in app.markdown if str(element.value).startswith("**")]
    return [text.strip("*") for text in bold]


def _not_found() -> str:
    error = {"code": "sighting_not_found", "message": "No picture.", "details": {}}
    return json.dumps({"error": error, "request_id": "01J"})


def test_the_filters_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = {**EMPTY, "/persons": '{"persons":[{"person_id":"alice","embeddings":1}],"total":1}'}
    with answering(bodies) as server:
        app = opened("sightings", server.url, monkeypatch)
        app.selectbox(key="sightings_who").select("alice").run()
        asked = [parse_qs(urlsplit(request.path).query) for request in server.requests]
        assert {"person_id": ["alice"], "limit": ["24"]} in asked
        app.selectbox(key="sightings_who").select("*strangers").run()
        asked = [parse_qs(urlsplit(request.path).query) for request in server.requests]
        assert {"unknown": ["true"], "limit": ["24"]} in asked
    assert "No sighting matches" in text(app)


def test_a_bot_that_nobody_wrote_to_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({**EMPTY, "/telegram/chats": '{"chats":[]}'}) as server:
        app = opened("telegram", server.url, monkeypatch)
        app.text_input(key="chats_token").input("123:token")
        app.button(key="list_chats").click().run()
        (asked,) = [request for request in server.requests if request.path == "/telegram/chats"]
        assert json.loads(asked.body) == {"telegram_api_token": "123:token"}
    assert "privacy mode" in app.info[0].value


def test_a_token_that_telegram_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = refusal(503, "delivery_refused", "Telegram does not know this bot token.")
    with answering({**EMPTY, "/telegram/chats": unknown}) as server:
        app = opened("telegram", server.url, monkeypatch)
        app.text_input(key="chats_token").input("123:token")
        app.button(key="list_chats").click().run()
    assert "Telegram gave no list" in app.error[0].value


def test_people_are_listed_with_their_counts_and_can_be_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    people = [person(f"person {number}", embeddings=number) for number in range(1, 121)]
    with answering({**EMPTY, "/v1/persons": {"persons": people, "total": 120, "next_cursor": None}}) as server:
        app = opened("people", server.url, monkeypatch)
        assert len(_names(app)) == 50
        app.button(key="more_people").click().run()
        assert len(_names(app)) == 100
        app.text_input(key="search").input("PERSON 12").run()
        assert _names(app) == ["person 12", "person 120"]
        assert "12 photos" in text(app)
