"""The real web UI, as a Streamlit process of its own, and the real browser that opens it."""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "backend/ui/web_ui.py"
START_SECONDS = 90.0
STOP_SECONDS = 10.0
SLOWEST_ANSWER_MS = 30_000
"""How long a page may take to show what is expected: two busy cores, and a first look through the models."""
_LISTENING = re.compile(r"URL: http://localhost:(\d+)")
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_WEBCAM = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


class UiProcess:
    """`streamlit run backend/ui/web_ui.py` in a process, on a free loopback port, for the server at one address."""

    def __init__(self, server_url: str, token: str, environment: Mapping[str, str] | None = None) -> None:
        """Show the server at `server_url`; `token` is the AUTH_TOKEN of its environment, "" for none."""
        self._environment = {
            **os.environ,
            "AUTH_TOKEN": token,
            "UTILITIES_URL": f"{server_url}/person",
            "CAMERA_SCHEDULER_URL": f"{server_url}/cameras/schedule",
            **(environment or {}),
        }
        self._process: subprocess.Popen[str] | None = None
        self._listening = threading.Event()
        self._log: list[str] = []
        self.url = ""

    def __enter__(self) -> Self:
        """Start the UI and wait until it can be opened."""
        command = [sys.executable, "-m", "streamlit", "run", SCRIPT, "--server.port", "0"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read_log, args=(self._process,), name="ui-log")
        self._reader.start()
        if not self._listening.wait(START_SECONDS) or not self.url:
            self._end()
            raise AssertionError(f"The web UI did not start:\n{self.log}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the UI."""
        self._end()

    @property
    def log(self) -> str:
        """Everything the UI has printed."""
        return "\n".join(self._log)

    def _end(self) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(STOP_SECONDS)

    def _read_log(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout as log:
            for line in log:
                self._log.append(line.rstrip())
                if found := _LISTENING.search(line):
                    self.url = f"http://localhost:{found[1]}"
                    self._listening.set()
        self._listening.set()


@contextmanager
def chromium(webcam: Path) -> Iterator[Browser]:
    """The machine's own Chromium without a window; fails, naming the package, where there is none.

    Its webcam shows the `.mjpeg` file: JPEG pictures one after the other.
    """
    program = shutil.which("chromium")
    if program is None:
        raise AssertionError("The tests of the web UI need the Debian package `chromium`: apt-get install chromium")
    expect.set_options(timeout=SLOWEST_ANSWER_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=[*_QUIET, *_WEBCAM, f"--use-file-for-fake-video-capture={webcam}"]
        )
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """One person at the browser: a session of their own, whose every request is watched."""

    def __init__(self, browser: Browser, url: str) -> None:
        """Come to the UI at `url`."""
        self._url = url
        self._context: BrowserContext = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
        self._context.set_default_timeout(SLOWEST_ANSWER_MS)
        self.page: Page = self._context.new_page()
        self.hosts_asked: set[str] = set()
        self.page.on("request", lambda request: self.hosts_asked.add(urlsplit(request.url).netloc))

    @property
    def host(self) -> str:
        """The host and port of the UI."""
        return urlsplit(self._url).netloc

    def open(self, page: str) -> None:
        """Go to a page by its entry in the menu, as a person does."""
        if self.page.url == "about:blank":
            self.page.goto(self._url)
            # The address itself leads to the first page, which would come after the one that is asked for.
            self.page.get_by_role("heading", level=1).wait_for()
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=page).click()
        self.page.get_by_role("heading", name=page, exact=True, level=1).wait_for()
        self._settle()

    def type_into(self, label: str, text: str, then: str = "Tab") -> None:
        """Fill a field of the page and press a key: Enter would also send the form that the field is in."""
        self._settle()
        field = self.page.get_by_role("textbox", name=label, exact=True)
        field.fill(text)
        field.press(then)

    def upload(self, **photos: bytes) -> None:
        """Choose JPEG files by their names, without the suffix."""
        self._settle()
        files = [{"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": photo} for name, photo in photos.items()]
        self.page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(files)  # type: ignore[arg-type]  # FilePayload is private

    def press(self, label: str) -> None:
        """Click the button of that label."""
        self.click(self.page.get_by_role("button", name=label))

    def click(self, what: Locator) -> None:
        """Click once the page is drawn whole."""
        self._settle()
        what.click()

    def sees(self, text: str) -> None:
        """Wait until a text is on the page."""
        self.page.get_by_text(text).first.wait_for()

    def leave(self) -> None:
        """Close the browser session."""
        self._context.close()

    def _settle(self) -> None:
        """Wait until the page is drawn whole: what is given to a half-drawn one can be drawn over."""
        self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
