"""Moving pictures over HTTP: JPEG after JPEG in one answer, which every browser plays in an <img>."""

from collections.abc import AsyncIterator
from contextlib import suppress

import anyio
from anyio import to_thread

from backend.api.stopping import Stopping
from backend.cameras.live import Shown, message_jpeg
from backend.cameras.schedule import Schedule
from backend.domain.camera import CameraState
from backend.domain.errors import CameraNotFound

SECONDS_A_PICTURE = 0.2
_BOUNDARY = "picture"
MEDIA_TYPE = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"
_END = f"\r\n--{_BOUNDARY}\r\n".encode()


async def live_pictures(schedule: Schedule, camera_id: str, stopping: Stopping) -> AsyncIterator[bytes]:
    """A camera's newest pictures with boxes and names, or why there is none in a sentence, until it is removed.

    They end when the server is told to stop, too.
    """
    last: Shown | str | None = None
    yield _END
    with suppress(CameraNotFound):
        while not stopping.is_told:
            now = _to_show(schedule, camera_id)
            if now is not None and now != last:
                yield _part(await to_thread.run_sync(_jpeg, schedule, camera_id, now))
                last = now
            await anyio.sleep(SECONDS_A_PICTURE)


def _to_show(schedule: Schedule, camera_id: str) -> Shown | str | None:
    """The newest picture; a sentence while there is none to come; None while the first is waited for."""
    status, view = schedule.status(camera_id), schedule.view(camera_id)
    if status.state is not CameraState.STREAMING:
        return status.last_error or "Connecting …"
    return view.newest


def _jpeg(schedule: Schedule, camera_id: str, shown: Shown | str) -> bytes:
    return message_jpeg(shown) if isinstance(shown, str) else schedule.view(camera_id).jpeg(shown)


def _part(jpeg: bytes) -> bytes:
    # The boundary comes at once and not with the next picture: until then some browsers do not show this one.
    return f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode() + jpeg + _END
