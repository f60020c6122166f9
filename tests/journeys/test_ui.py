"""A person at the browser: Chromium drives the real pages of a real server."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.rig.bot_api import BotApi
from tests.rig.clips import Film, walk_past
from tests.rig.photos import astronaut, group_photo, jpeg, person_crop
from tests.rig.rtsp_server import RtspServer
from tests.rig.server import TOKEN, ServerProcess
from tests.rig.ui import SLOWEST_ANSWER_MS, UiProcess, Visitor
from tests.rig.webhook import WebhookReceiver

ALICE, BOB = 2, 5

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def phone() -> Iterator[BotApi]:
    with BotApi() as phone:
        yield phone


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, phone: BotApi) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("ui") / "data", {"TELEGRAM_API_URL": phone.url}) as server:
        yield server


@pytest.fixture(scope="module")
def ui(server: ServerProcess) -> Iterator[UiProcess]:
    with UiProcess(server.url, TOKEN) as ui:
        yield ui


@pytest.fixture
def visitor(ui: UiProcess, browser: Browser) -> Iterator[Visitor]:
    visitor = Visitor(browser, ui.url)
    yield visitor
    visitor.leave()
    assert visitor.hosts_asked == {visitor.host}
    assert "Traceback" not in ui.log
    assert TOKEN not in ui.log


def _enrol(server: ServerProcess, person_id: str, photo: bytes) -> None:
    with server.client() as client:
        files = {"image": ("photo.jpg", photo, "image/jpeg")}
        client.post("/person", data={"action": "add", "person_id": person_id}, files=files).raise_for_status()


def test_a_person_is_enrolled_found_in_another_picture_and_removed(visitor: Visitor, server: ServerProcess) -> None:
    visitor.open("People")
    visitor.type_into("Name", "alice")
    visitor.upload(portrait=jpeg(person_crop(ALICE)), wall=jpeg(astronaut()[300:, 300:]))
    visitor.press("Enrol 2 photos")
    visitor.sees("1 of 2 photos taken, 1 in all.")
    verdict = visitor.page.locator(".st-key-verdict")
    badges = verdict.locator(".stMarkdownBadge")
    expect(badges).to_have_text([re.compile("Taken$"), re.compile("Not taken$")])
    expect(verdict.get_by_text("Take a picture from the front")).to_be_visible()
    expect(verdict.get_by_role("img", name="portrait.jpg")).to_be_visible()

    visitor.open("Recognise")
    visitor.upload(party=jpeg(group_photo()))
    visitor.sees("6 faces found")
    expect(visitor.page.get_by_text(re.compile(r"^\d\s+alice$"))).to_be_visible()
    expect(visitor.page.get_by_role("img", name="The picture with its faces boxed")).to_be_visible()

    visitor.open("People")
    people = visitor.page.locator(".st-key-people")
    visitor.click(people.locator("[class*=st-key-person-alice]").get_by_role("button", name="Remove"))
    visitor.click(visitor.page.get_by_role("dialog").get_by_role("button", name="Remove"))
    visitor.sees("alice was removed.")
    assert "alice" not in [person["person_id"] for person in server.get("/persons")["persons"]]


def test_somebody_before_the_webcam_is_enrolled_and_keeps_the_name_for_the_next_photo(visitor: Visitor) -> None:
    visitor.open("People")
    visitor.type_into("Name", "astronaut")
    visitor.click(visitor.page.get_by_text("Webcam", exact=True))
    # The button can be pressed before the camera has sent anything, and then takes a black picture.
    visitor.page.wait_for_function("document.querySelector('video')?.readyState >= 2")
    visitor.press("Take photo")
    visitor.press("Enrol 1 photo")
    visitor.sees("1 photo taken, 1 in all.")
    expect(visitor.page.get_by_role("textbox", name="Name", exact=True)).to_have_value("astronaut")


def test_a_camera_is_watched_and_whoever_passes_it_is_seen_with_a_picture(
    visitor: Visitor, server: ServerProcess, tmp_path: Path
) -> None:
    _enrol(server, "bob", jpeg(person_crop(BOB)))
    clip = walk_past(tmp_path / "door.mp4", [person_crop(BOB)], Film(noise=1.0), seconds=4.0)
    with RtspServer({"door": clip.path}, user="viewer", password="rtsp-secret") as rtsp:
        visitor.open("Cameras")
        visitor.type_into("Link", rtsp.url("door", "viewer", "rtsp-secret"))
        visitor.type_into("Name", "FrontDoor")
        visitor.click(visitor.page.get_by_role("button", name="Watch", exact=True))
        visitor.sees("FrontDoor is being watched.")
        visitor.sees("streaming")
        visitor.sees("rtsp://viewer:***@127.0.0.1")
        # What was typed goes with the form, which is drawn anew a moment after the list.
        visitor.page.wait_for_function("!document.documentElement.outerHTML.includes('rtsp-secret')")

        visitor.open("Sightings")
        card = visitor.page.get_by_role("img", name="bob at FrontDoor").first
        card.wait_for(timeout=2 * SLOWEST_ANSWER_MS)
        expect(card).to_have_js_property("naturalWidth", 480)
        visitor.click(visitor.page.locator(".st-key-gallery").get_by_role("button", name="Open").first)
        expect(visitor.page.get_by_role("dialog").get_by_role("img", name="bob, boxed")).to_be_visible()
        visitor.page.keyboard.press("Escape")

        visitor.open("Cameras")
        visitor.click(visitor.page.get_by_role("button", name="Remove"))
        visitor.press("Remove camera")
        visitor.sees("No camera is watched yet.")
    assert server.get("/cameras")["total"] == 0


def test_a_rule_tells_a_channel_of_whoever_passes_and_the_pages_say_why(
    visitor: Visitor, server: ServerProcess, tmp_path: Path
) -> None:
    clip = walk_past(tmp_path / "yard.mp4", [person_crop(BOB)], Film(noise=1.0), seconds=4.0)
    with WebhookReceiver() as receiver, RtspServer({"yard": clip.path}) as rtsp:
        visitor.open("Channels")
        visitor.press("New channel")
        dialog = visitor.page.get_by_role("dialog")
        visitor.click(dialog.get_by_text("Webhook", exact=True))
        # The address first: every kind of channel has a name, and only a webhook's is asked for here.
        visitor.type_into("Address", receiver.url)
        visitor.type_into("Name", "Door bell")
        visitor.click(dialog.get_by_role("button", name="Save"))
        visitor.sees("Address: http://127.0.0.1/***")
        visitor.press("Send a test")
        visitor.sees("The test was taken.")

        visitor.open("Rules")
        visitor.press("New rule")
        visitor.type_into("Name", "Everybody")
        visitor.click(dialog.get_by_role("button", name="Save"))
        visitor.sees("Tell Door bell about anyone at any camera, while armed.")

        job = {"rtsp_link": rtsp.url("yard"), "camera_nickname": "Yard"}
        with server.client() as client:
            (camera,) = client.post("/cameras/schedule", json=job).raise_for_status().json()["cameras"]
            receiver.wait_for(2, timeout=60, delivered=True)
            # The other tests begin without a camera.
            client.delete(f"/cameras/{camera['camera_id']}").raise_for_status()
        visitor.open("Deliveries")
        visitor.sees("The webhook answered 200.")
        visitor.click(visitor.page.get_by_role("button", name="Why?").first)
        visitor.sees("It sends a message.")
        expect(dialog.get_by_text("Quality of the looks")).to_be_visible()


def test_a_token_in_the_sidebar_counts_for_every_request(visitor: Visitor) -> None:
    visitor.open("People")
    visitor.sees("Connected")
    visitor.type_into("Access token", "another-token", then="Enter")
    visitor.sees("The server refuses this token.")
    visitor.sees("Server is up, token refused")
    visitor.open("Cameras")
    visitor.sees("The server refuses this token.")
    visitor.type_into("Access token", TOKEN, then="Enter")
    visitor.sees("Connected")
    visitor.sees("Watch a camera")


def test_the_chats_of_a_bot_are_listed_with_their_ids(visitor: Visitor, phone: BotApi) -> None:
    phone.push_message(-100_200_300, "hello", chat_title="Home **sweet** home")
    visitor.open("Telegram")
    visitor.type_into("Bot token", phone.token)
    visitor.press("List chats")
    visitor.sees("Home **sweet** home")
    visitor.sees("-100200300")
    expect(visitor.page.get_by_text(phone.token)).to_have_count(0)


def test_a_bookmark_is_the_first_that_is_asked_of_a_new_ui_whose_server_is_down(browser: Browser) -> None:
    with UiProcess("http://127.0.0.1:1", TOKEN) as ui:
        visitor = Visitor(browser, ui.url)
        visitor.page.goto(f"{ui.url}/cameras")
        visitor.sees("The server does not answer.")
        expect(visitor.page.get_by_role("textbox", name="Access token", exact=True)).to_be_visible()
        expect(visitor.page.get_by_test_id("stSidebarNavLink")).to_have_count(9)
        # The page that the bare address leads to has an address of its own as well.
        for address in ("/people", "/"):
            visitor.page.goto(f"{ui.url}{address}")
            expect(visitor.page.get_by_test_id("stSidebarNavLink").filter(has_text="People")).to_have_attribute(
                "aria-current", "page"
            )
            expect(visitor.page).to_have_url(f"{ui.url}/people")
            expect(visitor.page.get_by_text("Page not found")).to_have_count(0)
        visitor.leave()
