"""What a message says and shows; pure, and free of any channel's way of putting it."""

from collections.abc import Iterable, Sequence
from datetime import tzinfo

import cv2
import numpy as np

from backend.domain.errors import ImageRejected
from backend.domain.geometry import Box, RgbImage
from backend.domain.notification import Notification
from backend.domain.sighting import Sighting
from backend.vision.image import ImageLimits, decode, encode_jpeg

SMALL_SIDE = 640
"""Pixels of the longer side of a picture that is one of several: ten of them weigh about what two whole ones do."""
NAME_LENGTH = 32
"""How much of a long name a digest tells, in UTF-16 units, which is how Telegram counts: fifty passes of fifty people
at fifty cameras, all with long names, fit into the 4096 of one message."""
LONGEST_SIDE = 1280
"""Pixels; phones show no more, Telegram keeps no more, and it holds the file far below every channel's limit."""

_OWN_PICTURES = ImageLimits(max_bytes=2**27, max_pixels=150_000_000)
_FRAME_COLOUR = (255, 214, 10)
_EDGE_COLOUR = (0, 0, 0)
_FRAME_SHARE = 1 / 320
"""The frame's width as a share of the picture's longest side: 4 pixels of 1280."""


def compose(
    sighting: Sighting, picture: bytes | None, zone: tzinfo | None, display_name: str | None = None
) -> Notification:
    """The message about a sighting: who, which camera, when, how alike, and the picture with the face boxed.

    `picture` is the sighting's JPEG; `display_name` is what a known person is called in the place of their id. Times
    are told in `zone`; None is the server's own, summer time included. The text is plain: no channel may read markup
    into it. Without a picture that can be read the text says so.
    """
    shown = None if picture is None else boxed_if_readable(picture, sighting.face_box)
    who = display_name or sighting.person_id or "Somebody unknown"
    lines = [f"{who} at {sighting.camera_nickname}"]
    lines.append(f"{sighting.started_at.astimezone(zone):%A %d %B %Y, %H:%M:%S %Z}")
    if sighting.similarity is not None:
        lines.append(_likeness(sighting.person_id, sighting.similarity))
    if shown is None:
        lines.append("There is no picture of it.")
    return Notification("\n".join(lines), shown)


def digest_text(visits: Sequence[tuple[Sighting, str | None]], zone: tzinfo | None) -> str:
    """What a digest says: a line for each camera, on it everybody who passed there and when.

    `visits` are the sightings with what a known person is called; times are told as by `compose`.
    """
    began = min(sighting.started_at for sighting, _ in visits).astimezone(zone)
    ended = max(sighting.started_at for sighting, _ in visits).astimezone(zone)
    names = {sighting.person_id: called or sighting.person_id or "somebody unknown" for sighting, called in visits}
    at_camera: dict[str, dict[str | None, list[Sighting]]] = {}
    for sighting, _ in visits:
        at_camera.setdefault(sighting.camera_nickname, {}).setdefault(sighting.person_id, []).append(sighting)
    lines = [f"{len(visits)} visits, {began:%A %d %B %Y, %H:%M}–{ended:%H:%M %Z}"]
    for camera, people in at_camera.items():
        passes = ", ".join(f"{_cut(names[person_id])} {_times(seen, zone)}" for person_id, seen in people.items())
        lines.append(f"{_cut(camera)}: {passes}")
    return "\n".join(lines)


def boxed(jpeg: bytes, box: Box, longest_side: int = LONGEST_SIDE) -> bytes:
    """The picture as a JPEG with a frame around `box`, at most so many pixels on its longer side.

    Raises ImageRejected where it cannot be decoded.
    """
    image = decode(jpeg, _OWN_PICTURES)
    factor = min(1.0, longest_side / max(image.shape[:2]))
    if factor < 1.0:
        # Interpolating by area keeps the fine structure of a face from turning into noise.
        height, width = (max(1, round(side * factor)) for side in image.shape[:2])
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    _draw_frame(image, box.scaled(factor))
    return encode_jpeg(image)


def boxed_if_readable(picture: bytes, box: Box, longest_side: int = LONGEST_SIDE) -> bytes | None:
    """As `boxed`; None where the picture cannot be decoded."""
    try:
        return boxed(picture, box, longest_side)
    except ImageRejected:
        # A broken file must not keep the news from being told.
        return None


def _times(seen: Iterable[Sighting], zone: tzinfo | None) -> str:
    moments = sorted(sighting.started_at.astimezone(zone) for sighting in seen)
    if len(moments) == 1:
        return f"{moments[0]:%H:%M}"
    return f"{moments[0]:%H:%M}–{moments[-1]:%H:%M} ({len(moments)} times)"


def _cut(name: str) -> str:
    units = name.encode("utf-16-le")
    if len(units) <= 2 * NAME_LENGTH:
        return name
    return units[: 2 * (NAME_LENGTH - 1)].decode("utf-16-le", errors="ignore") + "…"


def _likeness(person_id: str | None, similarity: float) -> str:
    if person_id is None:
        return f"nearest person: similarity {similarity:.2f}"
    return f"similarity {similarity:.2f}"


def _draw_frame(image: RgbImage, box: Box) -> None:
    height, width = image.shape[:2]
    line = max(2, round(max(height, width) * _FRAME_SHARE))
    inside = box.clipped(width - 1, height - 1)
    corners = (round(inside.x), round(inside.y)), (round(inside.right), round(inside.bottom))
    # A dark edge under the bright line keeps the frame visible on any background.
    cv2.rectangle(image, *corners, _EDGE_COLOUR, line + 2)
    cv2.rectangle(image, *corners, _FRAME_COLOUR, line)
