"""What a camera sees, for people: its newest picture, with the boxes and names of those who are in it."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from backend.cameras.frame import Frame
from backend.cameras.scene import Presence
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

    frame: Frame
    present: tuple[Presence, ...]


class LiveView:
    """Holds the newest picture of one camera; while nobody watches that costs nothing. Any thread may use it."""

    def __init__(self) -> None:
        """Begin without a picture."""
        self.newest: Shown | None = None
        """The newest picture; None before the first."""
        self._drawing = threading.Lock()
        self._drawn: tuple[Shown | None, bytes] = (None, b"")

    def show(self, frame: Frame, present: Sequence[Presence]) -> None:
        """Put the newest picture in the place of the former one."""
        self.newest = Shown(frame, tuple(present))

    def jpeg(self, shown: Shown) -> bytes:
        """A picture as JPEG, with boxes and names drawn; encoded once, however many people watch."""
        with self._drawing:
            if self._drawn[0] is not shown:
                self._drawn = (shown, encode_jpeg(drawn(shown.frame.rgb(), shown.present), LIVE_JPEG_QUALITY))
            return self._drawn[1]


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
    ImageDraw.Draw(picture).text(middle, fill(text, 60), _LIGHT, ImageFont.load_default(18), anchor="mm")
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
