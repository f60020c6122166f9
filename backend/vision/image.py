"""Bytes of a picture file to pixels and back: the only decoder, with its limits."""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pi_heif
from numpy.typing import NDArray
from PIL import ExifTags, Image

from backend.domain.errors import ImageRejected, ImageTooLarge, InvalidImage, UnsupportedFormat
from backend.domain.geometry import Box, RgbImage

pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
# Pillow's own limit would overrule ours, which is judged from the header just the same.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """How large a picture may be."""

    max_bytes: int = 10 * 2**20
    """Of the file."""
    max_pixels: int = 40_000_000
    """Width × height."""


def decode(data: bytes, limits: ImageLimits = ImageLimits()) -> RgbImage:
    """The picture in a JPEG, PNG, WebP, HEIC, BMP or TIFF file, upright and in full resolution.

    The first frame is taken where there are several. Grey, palette, CMYK, 16-bit and float pictures become 8-bit RGB;
    what is transparent becomes white. Both limits are judged before a pixel is decoded.

    Raises ImageTooLarge, UnsupportedFormat (also for GIF), or InvalidImage where the file is empty, cut off or broken.
    """
    if len(data) > limits.max_bytes:
        # How large it is, is not said: whoever reads a file stops at the first byte too many.
        raise ImageTooLarge(
            f"The file has more than {limits.max_bytes:,} bytes; send a smaller one.", max_bytes=limits.max_bytes
        )
    if not data:
        raise InvalidImage("The file is empty.")
    picture_format = _format_of(data)
    if picture_format is None:
        raise UnsupportedFormat("The file is no JPEG, PNG, WebP, HEIC, BMP or TIFF picture.")
    try:
        return _decoded(data, picture_format, limits.max_pixels)
    except ImageRejected:
        raise
    except MemoryError as error:
        message = "There is not enough memory to decode the picture; send it smaller."
        raise ImageTooLarge(message, max_pixels=limits.max_pixels) from error
    except Exception as error:
        raise InvalidImage(
            f"The {picture_format} picture cannot be decoded: it is cut off, broken or of a rare kind."
        ) from error


def cut_out(image: RgbImage, box: Box, margin: float) -> RgbImage:
    """The part of a picture in a box and `margin` times its size around it, as far as the picture reaches.

    A box that lies outside the picture is answered with the nearest pixel.
    """
    height, width = image.shape[:2]
    wanted = box.expanded(margin)
    left, top = int(np.clip(wanted.x, 0, width - 1)), int(np.clip(wanted.y, 0, height - 1))
    right, bottom = int(np.clip(wanted.right, left + 1, width)), int(np.clip(wanted.bottom, top + 1, height))
    return image[top:bottom, left:right]


def encode_jpeg(image: RgbImage, quality: int = 90) -> bytes:
    """The picture as a JPEG file; `quality` is 1–95."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return file.getvalue()


def encode_png(image: RgbImage) -> bytes:
    """The picture as a PNG file, which loses nothing."""
    file = io.BytesIO()
    # A tenth larger than by Pillow's usual level, and written in a third of the time: a camera waits for it.
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _format_of(data: bytes) -> str | None:
    """Pillow's name of the file's format, by its first bytes; None for one that is not read here."""
    for signature, picture_format in _SIGNATURES:
        if data.startswith(signature):
            return picture_format
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return "HEIF" if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS else None


_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")


def _decoded(data: bytes, picture_format: str, max_pixels: int) -> RgbImage:
    with _quiet():
        image: Image.Image = Image.open(io.BytesIO(data), formats=(picture_format,))
    width, height = image.size
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"The picture has {width * height:,} pixels, and {max_pixels:,} are the most; send it smaller.",
            pixels=width * height,
            max_pixels=max_pixels,
        )
    image.load()
    return np.array(_rgb(_upright(image)))


_warning_filters = threading.Lock()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Pillow's warnings about odd metadata out of the log.

    The filters belong to the whole process, hence the lock, and hence only reading of headers goes on in here.
    """
    with _warning_filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How to turn a picture upright, by the values of EXIF's tag Orientation."""


def _upright(image: Image.Image) -> Image.Image:
    turn = _TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """EXIF's Orientation, 1 (upright) where it is missing or unreadable: odd metadata spoil no picture."""
    try:
        with _quiet():
            return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - broken EXIF data raise errors of any kind
        return 1


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        return _from_deep_grey(np.asarray(image), image.mode)
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _from_deep_grey(levels: NDArray[np.generic], mode: str) -> Image.Image:
    """A grey picture of more than 8 bits a pixel, its full scale brought to 0–255."""
    values = np.nan_to_num(levels.astype(np.float32), posinf=0.0, neginf=0.0)
    # 32-bit and float files do not say what white is: take the smallest usual white that nothing exceeds.
    whites = {"F": (1.0, 255.0, 65535.0), "I": (255.0, 65535.0)}.get(mode, (65535.0,))
    brightest = float(values.max())
    white = next((level for level in whites if brightest <= level), brightest)
    return Image.fromarray(np.clip(values * (255.0 / white) + 0.5, 0, 255).astype(np.uint8)).convert("RGB")
