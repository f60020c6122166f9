"""Every picture file ends as upright RGB pixels or as one of four rejections, never as another error."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from backend.domain.errors import ImageRejected, ImageTooLarge, InvalidImage, UnsupportedFormat
from backend.domain.geometry import Box
from backend.vision.image import ImageLimits, cut_out, decode, encode_jpeg
from tests.unit.vision.heic import heic

Pixels = NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
TOP_LEFT, BOTTOM_RIGHT = (200, 30, 30), (30, 30, 200)


def two_colours(width: int = 96, height: int = 64) -> Pixels:
    """Red, with the lower right quarter blue."""
    image = np.full((height, width, 3), TOP_LEFT, np.uint8)
    image[height // 2 :, width // 2 :] = BOTTOM_RIGHT
    return image


def saved(image: Image.Image, picture_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, picture_format, **options)
    return file.getvalue()


def file_of(picture_format: str, image: Pixels | None = None) -> bytes:
    image = two_colours() if image is None else image
    if picture_format == "HEIC":
        return heic(image)
    return saved(Image.fromarray(image), picture_format, **({"quality": 95} if picture_format == "WEBP" else {}))


def grey_png(levels: NDArray[np.generic]) -> Pixels:
    return decode(saved(Image.fromarray(levels), "PNG"))


def assert_shows(decoded: Pixels, expected: Pixels, tolerance: float = 4) -> None:
    assert decoded.shape == expected.shape
    assert decoded.dtype == np.uint8
    assert np.abs(decoded.astype(int) - expected).mean() < tolerance


@pytest.mark.parametrize("picture_format", [*FORMATS, "HEIC"])
def test_each_format_becomes_rgb_pixels(picture_format: str) -> None:
    assert_shows(decode(file_of(picture_format)), two_colours())


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(picture_format: str, orientation: int) -> None:
    # What a camera stores when the scene is to be shown like this (EXIF 2.3, tag 0x0112).
    stored = {
        1: lambda scene: scene,
        2: lambda scene: scene[:, ::-1],
        3: lambda scene: scene[::-1, ::-1],
        4: lambda scene: scene[::-1],
        5: lambda scene: scene.transpose(1, 0, 2),
        6: lambda scene: np.rot90(scene),
        7: lambda scene: scene[::-1, ::-1].transpose(1, 0, 2),
        8: lambda scene: np.rot90(scene, -1),
    }[orientation](two_colours())
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(Image.fromarray(np.ascontiguousarray(stored)), picture_format, exif=exif)
    assert_shows(decode(data), two_colours())


@pytest.mark.parametrize("quarter_turns", range(4))
def test_heic_pictures_are_turned_upright_once(quarter_turns: int) -> None:
    assert_shows(decode(heic(two_colours(), quarter_turns)), np.rot90(two_colours(), quarter_turns))


def test_a_picture_with_broken_exif_data_is_still_a_picture() -> None:
    broken = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xde\xad" * 20
    assert_shows(decode(saved(Image.fromarray(two_colours()), "JPEG", exif=broken)), two_colours())


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr"])
def test_other_colour_modes_become_rgb(mode: str) -> None:
    grey = np.full((32, 32, 3), 255, np.uint8)
    grey[16:] = 0
    picture_format = "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"
    assert_shows(decode(saved(Image.fromarray(grey).convert(mode), picture_format)), grey, tolerance=1)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_transparent_becomes_white(mode: str) -> None:
    picture = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 4, 8))
    if mode == "PA":
        data = saved(picture.convert("P"), "PNG", transparency=picture.convert("P").getpixel((7, 0)))
    else:
        data = saved(picture.convert(mode), "PNG")
    decoded = decode(data)
    assert (decoded[:, :4] == 0).all()
    assert (decoded[:, 4:] == 255).all() or mode == "PA"


def test_a_palette_with_a_transparent_colour_shows_white_there() -> None:
    picture = Image.new("P", (4, 4), 0)
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.paste(1, (0, 0, 2, 4))
    decoded = decode(saved(picture, "PNG", transparency=0))
    assert tuple(decoded[0, 0]) == (200, 100, 50)
    assert tuple(decoded[0, 3]) == (255, 255, 255)


def test_16_bit_grey_keeps_its_brightness() -> None:
    levels = np.array([[0, 257 * 128, 65535]], np.uint16).repeat(3, axis=0)
    assert grey_png(levels)[0].tolist() == [[0] * 3, [128] * 3, [255] * 3]


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_16_bit_grey_tiff_of_either_byte_order_keeps_its_brightness(byte_order: str) -> None:
    pixels = np.array([0, 257 * 128, 65535], f"{byte_order}u2").tobytes()
    entries = [(256, 3, 3), (257, 3, 1), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, 122), (277, 3, 1)]
    entries += [(278, 3, 1), (279, 4, 6)]
    packed = b"".join(
        struct.pack(f"{byte_order}HHI", tag, kind, 1) + struct.pack(f"{byte_order}{'H2x' if kind == 3 else 'I'}", value)
        for tag, kind, value in entries
    )
    mark = b"II" if byte_order == "<" else b"MM"
    header = mark + struct.pack(f"{byte_order}HIH", 42, 8, len(entries))
    data = header + packed + struct.pack("4x") + pixels
    assert data.index(pixels) == 122
    assert decode(data)[0].tolist() == [[0] * 3, [128] * 3, [255] * 3]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 127.6, 255.0]], np.float32), [0, 128, 255]),
        (np.array([[-1.0, np.nan, 1.0]], np.float32), [0, 0, 255]),
        (np.array([[np.inf, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0, 128, 255]], np.int32), [0, 128, 255]),
        (np.array([[0, 257 * 128, 65535]], np.int32), [0, 128, 255]),
        (np.array([[0, 2**30, 2**31 - 1]], np.int32), [0, 128, 255]),
    ],
)
def test_float_and_32_bit_grey_fill_the_usual_range(values: NDArray[np.generic], expected: list[int]) -> None:
    assert decode(saved(Image.fromarray(values), "TIFF"))[0, :, 0].tolist() == expected


def test_16_bit_colour_becomes_8_bit() -> None:
    row = b"\0" + struct.pack(">HHH", 65535, 257 * 128, 0)
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0), b"IDAT" + zlib.compress(row), b"IEND")
    assert decode(png_of(*chunks))[0, 0].tolist() == [255, 128, 0]


def png_of(*chunks: bytes) -> bytes:
    packed = (struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize("picture_format", ["WEBP", "TIFF"])
def test_the_first_frame_of_several_is_taken(picture_format: str) -> None:
    first, second = Image.fromarray(two_colours()), Image.new("RGB", (96, 64), "green")
    data = saved(first, picture_format, save_all=True, append_images=[second])
    assert_shows(decode(data), two_colours())


def test_a_phone_jpeg_with_a_second_picture_inside_shows_the_first() -> None:
    first, second = Image.fromarray(two_colours()), Image.new("RGB", (96, 64), "green")
    assert_shows(decode(saved(first, "MPO", save_all=True, append_images=[second])), two_colours())


def test_a_file_of_too_many_bytes_is_refused() -> None:
    data = file_of("BMP")
    decode(data, ImageLimits(max_bytes=len(data)))
    with pytest.raises(ImageTooLarge) as refused:
        decode(data, ImageLimits(max_bytes=len(data) - 1))
    assert refused.value.details["max_bytes"] == len(data) - 1
    assert f"more than {len(data) - 1:,} bytes; send a smaller one" in refused.value.message


@pytest.mark.parametrize("picture_format", [*FORMATS, "HEIC"])
def test_too_many_pixels_are_refused(picture_format: str) -> None:
    data = file_of(picture_format)
    decode(data, ImageLimits(max_pixels=96 * 64))
    with pytest.raises(ImageTooLarge, match=r"6,144 pixels, and 6,143 are the most; send it smaller"):
        decode(data, ImageLimits(max_pixels=96 * 64 - 1))


@pytest.mark.parametrize("side", [6_400, 10_000, 60_000])
def test_pixels_are_counted_before_any_is_decoded(side: int) -> None:
    # No pixels follow this header: decoding them would fail in another way.
    header = png_of(b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0), b"IDAT")
    with pytest.raises(ImageTooLarge):
        decode(header)


@pytest.mark.parametrize("picture_format", [*FORMATS, "HEIC"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_off_file_is_an_invalid_image(picture_format: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    data = file_of(picture_format, noise)
    with pytest.raises(InvalidImage):
        decode(data[: int(len(data) * share)])


def test_an_empty_file_is_an_invalid_image() -> None:
    with pytest.raises(InvalidImage):
        decode(b"")


@pytest.mark.parametrize(
    "data",
    [
        saved(Image.new("RGB", (8, 8)), "GIF"),
        saved(Image.new("RGB", (8, 8)), "PPM"),
        saved(Image.new("RGB", (8, 8)), "ICO"),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        b"hello, world",
        b"\0",
    ],
)
def test_other_files_are_an_unsupported_format(data: bytes) -> None:
    with pytest.raises(UnsupportedFormat):
        decode(data)


@given(st.binary(max_size=200), st.sampled_from([b"", *(file_of(name)[:12] for name in (*FORMATS, "HEIC"))]))
def test_any_bytes_are_a_picture_or_a_rejection(tail: bytes, head: bytes) -> None:
    assert_picture_or_rejection(head + tail)


@given(st.data())
def test_a_damaged_picture_is_a_picture_or_a_rejection(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([file_of(name) for name in (*FORMATS, "HEIC")])))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert_picture_or_rejection(bytes(content))


def assert_picture_or_rejection(content: bytes) -> None:
    try:
        decoded = decode(content, ImageLimits(max_pixels=1_000_000))
    except ImageRejected:
        return
    assert decoded.ndim == 3
    assert decoded.shape[2] == 3
    assert decoded.size > 0


def test_a_jpeg_written_here_is_read_back() -> None:
    data = encode_jpeg(two_colours())
    assert data.startswith(b"\xff\xd8\xff")
    assert_shows(decode(data), two_colours())
    assert len(encode_jpeg(two_colours(), quality=30)) < len(data)


@pytest.mark.parametrize(
    ("box", "margin", "shape"),
    [
        (Box(10, 20, 30, 40), 0.0, (40, 30, 3)),
        (Box(10, 20, 30, 40), 0.5, (80, 55, 3)),
        (Box(-50, -50, 20, 20), 0.0, (1, 1, 3)),
        (Box(500, 500, 20, 20), 0.0, (1, 1, 3)),
    ],
    ids=["inside", "with a margin over the edge", "before the picture", "behind the picture"],
)
def test_a_box_is_cut_out_as_far_as_the_picture_reaches(box: Box, margin: float, shape: tuple[int, ...]) -> None:
    assert cut_out(np.zeros((100, 200, 3), np.uint8), box, margin).shape == shape
