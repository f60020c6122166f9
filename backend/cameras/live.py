"""What a camera sees, for people: its newest picture, with the boxes and names of those who are in it."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from backend.cameras.scene import Presence
from backend.cameras.source import Frame
from backend.domain.geometry import RgbImage
from backend.vision.image import encode_jpeg

LIVE_WIDTH = 960
"""Live pictures are no wider, in pixels: enough to see who it is, and a fraction of the bytes of 1080p."""
LIVE_JPEG_QUALITY = 75
_GREEN, _AMBER, _GREY = (46, 204, 113), (243, 156, 18), (149, 165, 166)
_DARK, _LIGHT = (24, 24, 27), (228, 228, 231)
_SIZE_WITHOUT_PICTURE = (640, 360)


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A picture that was looked at, and who is in it."""

    number: int
    """Counts up from picture to picture."""
    frame: Frame
    present: tuple[Presence, ...]


class LiveView:
    """Holds the newest picture of one camera; while nobody watches that costs nothing. Any thread may use it."""

    def __init__(self) -> None:
        """Begin without a picture."""
        self._changed = threading.Condition()
        self._shown: Shown | None = None
        self._closed = False
        self._drawing = threading.Lock()
        self._drawn: tuple[int, bytes] = (0, b"")

    @property
    def newest(self) -> Shown | None:
        """The newest picture; None before the first."""
        return self._shown

    @property
    def is_closed(self) -> bool:
        """Whether there will be no more pictures."""
        return self._closed

    def show(self, frame: Frame, present: Sequence[Presence]) -> None:
        """Put the newest picture in the place of the former one."""
        with self._changed:
            number = 1 if self._shown is None else self._shown.number + 1
            self._shown = Shown(number, frame, tuple(present))
            self._changed.notify_all()

    def close(self) -> None:
        """Send everybody home who waits for a picture."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait(self, after: int, timeout: float) -> Shown | None:
        """Wait for a picture newer than number `after`; None after `timeout` seconds or once the view is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._is_newer(after), timeout)
            return self._shown if self._is_newer(after) and not self._closed else None

    def jpeg(self, shown: Shown) -> bytes:
        """A picture as JPEG, with boxes and names drawn; encoded once, however many people watch."""
        with self._drawing:
            if self._drawn[0] != shown.number:
                self._drawn = (shown.number, encode_jpeg(drawn(shown.frame.rgb(), shown.present), LIVE_JPEG_QUALITY))
            return self._drawn[1]

    def _is_newer(self, after: int) -> bool:
        return self._shown is not None and self._shown.number > after


def drawn(image: RgbImage, present: Sequence[Presence]) -> RgbImage:
    """A copy of the picture, at most LIVE_WIDTH pixels wide, with a box and a name for everybody in it."""
    picture = Image.fromarray(image)
    scale = min(1.0, LIVE_WIDTH / picture.width)
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(picture)
    for presence in present:
        _draw(pen, presence, scale)
    return np.asarray(picture, np.uint8)


def message_jpeg(text: str) -> bytes:
    """A dark picture with a sentence in it, for when a camera has none of its own."""
    picture = Image.new("RGB", _SIZE_WITHOUT_PICTURE, _DARK)
    middle = (_SIZE_WITHOUT_PICTURE[0] / 2, _SIZE_WITHOUT_PICTURE[1] / 2)
    ImageDraw.Draw(picture).text(middle, text, _LIGHT, ImageFont.load_default(18), anchor="mm")
    return encode_jpeg(np.asarray(picture, np.uint8), LIVE_JPEG_QUALITY)


def _draw(pen: ImageDraw.ImageDraw, presence: Presence, scale: float) -> None:
    box = presence.box.scaled(scale)
    colour = _GREEN if presence.person_id else _AMBER if presence.decided else _GREY
    pen.rectangle((box.x, box.y, max(box.right, box.x), max(box.bottom, box.y)), outline=colour, width=2)
    label = presence.person_id or ("unknown" if presence.decided else "…")
    font = ImageFont.load_default(16)
    # Below the box where there is no room above it.
    top = box.y - 20 if box.y >= 20 else box.bottom
    pen.rectangle(pen.textbbox((box.x + 3, top), label, font), fill=_DARK)
    pen.text((box.x + 3, top), label, colour, font)
