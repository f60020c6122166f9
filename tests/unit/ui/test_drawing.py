"""Pictures for the pages."""

import io

import pytest
from PIL import Image, ImageDraw

from backend.domain.geometry import Box
from backend.ui.drawing import CANVAS, Mark, cut_out, jpeg, marked, thumbnail, upright

RED, BLUE = (220, 20, 20), (20, 20, 220)
GREEN = "#15803d"


def _halves(size: tuple[int, int]) -> Image.Image:
    """A picture that is red on the left and blue on the right."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def _file(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _near(pixel: object, colour: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(ours - theirs) < 40 for ours, theirs in zip(pixel, colour, strict=True))


def test_a_photo_taken_with_the_phone_on_its_side_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter clockwise to be upright
    image = upright(_file(_halves((80, 40)), "JPEG", exif=exif))
    assert image is not None
    assert image.size == (40, 80)
    assert _near(image.getpixel((20, 10)), RED)
    assert _near(image.getpixel((20, 70)), BLUE)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1"])
def test_every_kind_of_picture_becomes_rgb(mode: str) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    image = upright(_file(Image.new("RGB", (8, 8), "white").convert(mode), kind))
    assert image is not None
    assert (image.mode, image.getpixel((4, 4))) == ("RGB", (255, 255, 255))


def test_a_grey_of_16_bits_keeps_its_brightness() -> None:
    image = upright(_file(Image.new("I;16", (8, 8), 128 * 256)))
    assert image is not None
    assert image.getpixel((4, 4)) == (128, 128, 128)


@pytest.mark.parametrize("content", [b"", b"no picture", _file(_halves((80, 40)))[:60]])
def test_a_file_that_is_no_picture_cannot_be_shown(content: bytes) -> None:
    assert upright(content) is None
    assert thumbnail(content, (40, 40)) is None


def test_a_picture_that_is_huge_when_unpacked_is_not_unpacked() -> None:
    assert upright(_file(Image.new("1", (30_000, 5_000)))) is None


def test_a_thumbnail_has_the_size_that_was_asked_for() -> None:
    small = thumbnail(_file(_halves((4000, 1000)), "JPEG"), (192, 128))
    assert small is not None
    assert Image.open(io.BytesIO(small)).size == (192, 128)


@pytest.mark.parametrize(
    "box", [Box(10, 10, 20, 30), Box(-15, -10, 60, 60), Box(370, 270, 50, 60), Box(0, 0, 400, 300)]
)
def test_a_face_is_cut_out_whole_wherever_it_is(box: Box) -> None:
    image = Image.new("RGB", (400, 300), RED)
    inside = box.clipped(*image.size)
    ImageDraw.Draw(image).rectangle((inside.x, inside.y, inside.right - 1, inside.bottom - 1), fill=BLUE)
    cut = cut_out(image, box, (120, 90))
    assert cut.size == (120, 90)
    blue = sum(_near(cut.getpixel((x, y)), BLUE) for x in range(0, 120, 2) for y in range(0, 90, 2))
    assert blue > 0.02 * 60 * 45


@pytest.mark.parametrize(
    ("size", "longest"),
    [((200, 100), CANVAS[0]), ((50, 50), 300), ((1200, 800), 1200), ((6000, 4000), CANVAS[1])],
)
def test_a_picture_with_labels_is_large_enough_to_read_them_and_no_larger(size: tuple[int, int], longest: int) -> None:
    assert max(marked(Image.new("RGB", size), []).size) == longest


def test_a_box_is_drawn_in_its_colour_where_the_face_is() -> None:
    canvas = marked(Image.new("RGB", (1000, 600), "black"), [Mark(Box(400, 200, 200, 240), GREEN)])
    green = (0x15, 0x80, 0x3D)
    assert canvas.getpixel((401, 320)) == canvas.getpixel((598, 320)) == canvas.getpixel((500, 201)) == green
    assert canvas.getpixel((500, 320)) == (0, 0, 0)


def _labels(image: Image.Image) -> int:
    """How many pixels of the picture have the labels' colour."""
    return sum(count for count, colour in image.getcolors(1 << 24) or () if colour == (0x15, 0x80, 0x3D))


def test_the_labels_of_two_boxes_at_one_place_do_not_cover_each_other() -> None:
    ground = Image.new("RGB", (1000, 600), "black")
    mark = Mark(Box(400, 200, 150, 160), GREEN, 1, "alice")
    bare = Mark(mark.box, GREEN)
    one = _labels(marked(ground, [mark])) - _labels(marked(ground, [bare]))
    two = _labels(marked(ground, [mark, mark])) - _labels(marked(ground, [bare]))
    assert one > 0
    assert two > 1.9 * one


@pytest.mark.parametrize(
    "box", [Box(0, 0, 1000, 600), Box(-50, -50, 100, 100), Box(950, 550, 100, 100), Box(400, -10, 200, 640)]
)
def test_a_label_is_in_the_picture_wherever_the_face_is(box: Box) -> None:
    ground = Image.new("RGB", (1000, 600), "black")
    bare = _labels(marked(ground, [Mark(box, GREEN)]))
    assert _labels(marked(ground, [Mark(box, GREEN, 1, "alice")])) - bare > 1500


@pytest.mark.parametrize("name", ["Zoë", "Жанна", "Nguyễn"])
def test_a_name_in_letters_that_the_pages_font_has_is_written_out(name: str) -> None:
    ground = Image.new("RGB", (1000, 600), "black")
    number = _labels(marked(ground, [Mark(Box(400, 200, 150, 160), GREEN, 1)]))
    assert _labels(marked(ground, [Mark(Box(400, 200, 150, 160), GREEN, 1, name)])) > number + 500


def test_a_name_that_no_font_has_leaves_the_number() -> None:
    ground = Image.new("RGB", (1000, 600), "black")
    number, unwritable = (
        marked(ground, [Mark(Box(400, 200, 150, 160), GREEN, 1, name)]) for name in ("", "\U0010fffd")
    )
    assert jpeg(number) == jpeg(unwritable)
