"""Pictures for the pages: upright, boxed and labelled, cut out, made small. Sizes and boxes are in pixels."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pi_heif
import streamlit
from PIL import Image, ImageDraw, ImageFont, ImageOps

from backend.domain.geometry import Box

MAX_PIXELS = 100_000_000
"""Larger pictures are not decoded for display; the server refuses them long before."""
CANVAS = (900, 1600)
"""The longer side of a picture with labels: within this they are legible on a page, whatever the picture's own size."""
_MOST_ENLARGED = 6.0
_FONT_SIZE = 26
_LINE = 4
_PADDING = 7
_JPEG_QUALITY = 88
_SYSTEM_FONTS = ("NotoSansCJK-Regular.ttc", "NotoSans-Regular.ttf", "DejaVuSans.ttf", "Arial Unicode.ttf", "arial.ttf")
_NO_CHARACTER = "\U0010fffe"

Font = ImageFont.FreeTypeFont


@dataclass(frozen=True, slots=True)
class Mark:
    """A box to draw in a picture."""

    box: Box
    colour: str
    """As `#rrggbb`, dark enough for white text on it."""
    number: int | None = None
    name: str = ""


def upright(content: bytes, at_least: int | None = None) -> Image.Image | None:
    """The picture in a file as the server sees it: RGB and turned as its EXIF says; None where it cannot be shown.

    With `at_least` the picture may come smaller than it is, but neither side below that: large photos open faster.
    """
    pi_heif.register_heif_opener()
    try:
        image: Image.Image = Image.open(io.BytesIO(content))
        if image.width * image.height > MAX_PIXELS:
            return None
        if at_least is not None:
            image.draft("RGB", (at_least, at_least))
        return _eight_bit(ImageOps.exif_transpose(image)).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        # What Pillow raises for files that are damaged, of no known kind, or made to do harm.
        return None


def _eight_bit(image: Image.Image) -> Image.Image:
    # Pillow clips 16-bit greys to white where it is to turn them into RGB.
    return image.convert("I").point(lambda grey: grey / 256).convert("L") if image.mode.startswith("I;16") else image


def thumbnail(content: bytes, size: tuple[int, int]) -> bytes | None:
    """The middle of the picture as a JPEG of that size; None where it cannot be shown."""
    image = upright(content, at_least=max(size))
    # A head is more often above the middle than below.
    return None if image is None else jpeg(ImageOps.fit(image, size, centering=(0.5, 0.4)))


def cut_out(image: Image.Image, box: Box, size: tuple[int, int], margin: float = 0.8) -> Image.Image:
    """The face and what is around it, as a picture of that size; `margin` is in sizes of the box, on each side.

    The cut is moved into the picture where it would reach beyond its edge, and smaller only where the picture is.
    """
    wanted = box.expanded(margin)
    aspect = size[0] / size[1]
    width = min(max(wanted.width, wanted.height * aspect), image.width, image.height * aspect)
    height = width / aspect
    left = min(max(box.centre.x - width / 2, 0), image.width - width)
    top = min(max(box.centre.y - height / 2, 0), image.height - height)
    return image.resize(size, Image.Resampling.LANCZOS, box=(left, top, left + width, top + height))


def marked(image: Image.Image, marks: Sequence[Mark]) -> Image.Image:
    """The picture with boxes and labels drawn in, scaled so that the labels are legible."""
    factor = _display_factor(image)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    canvas = image.resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(canvas)
    boxes = [mark.box.scaled(factor) for mark in marks]
    for mark, box in zip(marks, boxes, strict=True):
        _draw_box(draw, box, mark.colour)
    taken: list[Box] = []
    for mark, box in zip(marks, boxes, strict=True):
        taken.extend(_draw_label(draw, mark, box, taken))
    return canvas


def jpeg(image: Image.Image) -> bytes:
    """The picture as a JPEG file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()


def _display_factor(image: Image.Image) -> float:
    longest = max(image.size)
    if longest > CANVAS[1]:
        return CANVAS[1] / longest
    return min(max(1.0, CANVAS[0] / longest), _MOST_ENLARGED)


def _draw_box(draw: ImageDraw.ImageDraw, box: Box, colour: str) -> None:
    corners = (box.x, box.y, box.right, box.bottom)
    # A light rim keeps the line visible on a dark or equally coloured ground.
    draw.rounded_rectangle(corners, radius=8, outline="#ffffff", width=_LINE + 2)
    draw.rounded_rectangle(corners, radius=8, outline=colour, width=_LINE)


def _draw_label(draw: ImageDraw.ImageDraw, mark: Mark, box: Box, taken: Sequence[Box]) -> Iterable[Box]:
    """Draw the label where it hides no other, and say where it is."""
    text, font = _label(mark)
    if not text:
        return ()
    size = (font.getlength(text) + 2 * _PADDING, _FONT_SIZE + 2 * _PADDING)
    place = _free_place(box, size, draw.im.size, taken)
    draw.rounded_rectangle((place.x, place.y, place.right, place.bottom), radius=6, fill=mark.colour)
    draw.text((place.x + _PADDING, place.centre.y), text, font=font, fill="#ffffff", anchor="lm")
    return (place,)


def _free_place(box: Box, size: tuple[float, float], canvas: tuple[int, int], taken: Sequence[Box]) -> Box:
    """Above the box, below it, or inside at its top or bottom: the first that is in the picture and hides no label."""
    width, height = size
    left = min(max(box.x, 0), max(canvas[0] - width, 0))
    lowest = max(canvas[1] - height, 0)
    tops = (box.y - height - 2, box.bottom + 2, box.y + 2, box.bottom - height - 2)
    places = [Box(left, top, width, height) for top in tops if 0 <= top <= lowest]
    free = [place for place in places if not any(place.intersection_over_union(other) for other in taken)]
    return next(iter(free or places), Box(left, min(max(box.y, 0), lowest), width, height))


def _label(mark: Mark) -> tuple[str, Font]:
    """The number and the name, or the number alone where no font at hand has the name's letters."""
    number = "" if mark.number is None else str(mark.number)
    for font in _fonts():
        if all(_has(font, character) for character in mark.name):
            return "  ".join(part for part in (number, mark.name) if part), font
    return number, _fonts()[0]


@lru_cache
def _fonts() -> tuple[Font, ...]:
    """The page's own font, then what the machine has for other scripts, then Pillow's, which knows ASCII only."""
    files = [
        *map(str, Path(streamlit.__file__).parent.glob("static/static/media/SourceSansVF-Upright*")),
        *_SYSTEM_FONTS,
    ]
    found = [font for font in map(_font, files) if font is not None]
    bundled = ImageFont.load_default(_FONT_SIZE)
    return (*found, bundled) if isinstance(bundled, Font) else tuple(found)


def _font(file: str) -> Font | None:
    try:
        font = ImageFont.truetype(file, _FONT_SIZE)
    except OSError:
        return None
    if "SourceSansVF" in file:
        font.set_variation_by_axes([600])
    return font


@lru_cache(maxsize=4096)
def _has(font: Font, character: str) -> bool:
    """Whether the font has the character; a font draws one same sign for all that it lacks."""
    if character.isspace():
        return True
    ours, lacking = (font.getmask(text) for text in (character, _NO_CHARACTER))
    return (ours.size, bytes(ours)) != (lacking.size, bytes(lacking))
