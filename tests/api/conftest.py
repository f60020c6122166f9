"""The real application behind real HTTP, in a thread of the test run, so that its log and its database can be seen."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import delete

from backend.api.factory import create_app
from backend.container.services import Services, open_services
from backend.settings import Settings
from backend.storage.tables import channels, mutes, rules, sightings
from tests.rig.bot_api import BotApi

TOKEN = "token-of-the-tests"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
MAX_IMAGE_BYTES = 250_000
MAX_IMAGES = 8

Post = Callable[..., httpx.Response]


class _Announced(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        self.settled.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}"


@dataclass
class LiveServer:
    """Where the application answers, and what is behind it."""

    settings: Settings
    url: str = ""
    opened: list[Services] = field(default_factory=list)

    @property
    def services(self) -> Services:
        return self.opened[0]

    def client(self, token: str | None = TOKEN) -> httpx.Client:
        """A client that sends that token, or none."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30.0, trust_env=False)

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Services]:
        """Open the services as the application does, and keep them in sight."""
        with open_services(settings) as services:
            self.opened.append(services)
            yield services


@contextmanager
def serving(live: LiveServer) -> Iterator[None]:
    """Run the application of a live server in a thread for the length of the block."""
    opened: Callable[[Settings], AbstractContextManager[Services]] = live.open
    config = uvicorn.Config(create_app(live.settings, opened), host="127.0.0.1", port=0, log_config=None)
    server = _Announced(config)
    thread = threading.Thread(target=server.run, name="api under test")
    thread.start()
    try:
        assert server.settled.wait(START_SECONDS)
        live.url = server.url
        yield
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def bot_api() -> Iterator[BotApi]:
    with BotApi() as bot_api:
        yield bot_api


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, bot_api: BotApi) -> Iterator[LiveServer]:
    """One server for all tests; `api` leaves it empty."""
    settings = Settings(
        _env_file=None,
        auth_token=TOKEN,
        data_dir=tmp_path_factory.mktemp("api") / "data",
        max_image_bytes=MAX_IMAGE_BYTES,
        max_images=MAX_IMAGES,
        # The tests of refusals send thousands.
        max_failed_attempts=0,
        telegram_api_url=bot_api.url,
    )
    live = LiveServer(settings)
    with serving(live):
        yield live


@pytest.fixture
def api(server: LiveServer) -> Iterator[httpx.Client]:
    """A client with the token; whatever its test leaves behind is removed."""
    with server.client() as client:
        yield client
        _empty(server)


@pytest.fixture
def post(api: httpx.Client) -> Post:
    """`POST /person`: an action, its fields, and pictures as (file name, bytes)."""
    return partial(_post, api)


@pytest.fixture
def anybody(server: LiveServer) -> Iterator[httpx.Client]:
    """A client without a token."""
    with server.client(None) as client:
        yield client


def _post(client: httpx.Client, action: str, *images: bytes | tuple[str, bytes], **fields: str) -> httpx.Response:
    named = [image if isinstance(image, tuple) else (f"photo-{place}.jpg", image) for place, image in enumerate(images)]
    files = [("image", (name, data, "image/jpeg")) for name, data in named]
    return client.post("/person", data={"action": action, **fields}, files=files or None)


def _empty(live: LiveServer) -> None:
    gallery, schedule = live.services.recognition.gallery, live.services.schedule
    for person in gallery.people():
        gallery.remove(person.person_id)
    for camera in schedule.cameras():
        schedule.remove(camera.camera_id)
    with live.services.recognition.database.write() as tx:
        for table in (sightings, mutes, rules, channels):
            tx.execute(delete(table))


@pytest.fixture(scope="session")
def pictures_folder(server: LiveServer) -> Path:
    return server.settings.data_dir / "snapshots"
