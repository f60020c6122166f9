"""Picture files as an attacker or a bad disk makes them: the same file for the same number, always."""

import io
import random
import struct
import zlib
from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
from PIL import Image, PngImagePlugin

from tests.rig.photos import person_crop
from tests.unit.vision.heic import heic

SEED = 20261122
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "HEIC")
HUGE = 60_000
LAYERS = 400
_Mutate = Callable[[random.Random, bytes], bytes]


def mutant(number: int) -> tuple[str, bytes]:
    """What was done, and the file."""
    chance = random.Random(SEED * 1_000_003 + number)  # noqa: S311 — files, not secrets
    kind = chance.choice(sorted(_MUTATIONS))
    return kind, _MUTATIONS[kind](chance, whole(chance.choice(FORMATS)))


@cache
def whole(picture_format: str) -> bytes:
    """A small picture in that format, nothing done to it: a portrait as JPEG and HEIC, else a corner without a face."""
    shown = person_crop(2) if picture_format in ("JPEG", "HEIC") else person_crop(2)[:64, :64]
    small = np.ascontiguousarray(shown[::2, ::2])
    return heic(small) if picture_format == "HEIC" else _saved(Image.fromarray(small), picture_format)


def _saved(image: Image.Image, picture_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, picture_format, **options)
    return file.getvalue()


def _truncated(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


def _bits_flipped(chance: random.Random, data: bytes) -> bytes:
    spoiled = bytearray(data)
    for _ in range(chance.randint(1, 64)):
        spoiled[chance.randrange(len(spoiled))] ^= 1 << chance.randrange(8)
    return bytes(spoiled)


def _head_flipped(chance: random.Random, data: bytes) -> bytes:
    """Where sizes, offsets and kinds are written."""
    head = min(len(data), 256)
    return _bits_flipped(chance, data[:head]) + data[head:]


def _block_lost(chance: random.Random, data: bytes) -> bytes:
    begin = chance.randrange(len(data))
    length = chance.randint(1, 2000)
    filling = chance.choice((b"", bytes(length), chance.randbytes(length)))
    return data[:begin] + filling + data[begin + length :]


def _pixel_bomb(chance: random.Random, _data: bytes) -> bytes:
    side = chance.choice((HUGE, 2**31 - 1, 7000))
    rows = zlib.compress(bytes(chance.randint(1, 2_000_000)))
    png = _png(b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0), b"IDAT" + rows)
    bmp = (
        b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
    )
    return chance.choice((png, bmp))


def _layer_bomb(chance: random.Random, _data: bytes) -> bytes:
    frames = [Image.new("RGB", (8, 8), (shade % 256, 0, 0)) for shade in range(chance.randint(50, LAYERS))]
    picture_format = chance.choice(("TIFF", "WEBP", "PNG"))
    return _saved(frames[0], picture_format, save_all=True, append_images=frames[1:])


def _text_bomb(chance: random.Random, _data: bytes) -> bytes:
    """Metadata that are a hundred times as large once they are unpacked."""
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", "0" * chance.randint(100_000, 900_000), zip=True)
    return _saved(Image.new("RGB", (64, 64)), "PNG", pnginfo=note)


def _polyglot(chance: random.Random, data: bytes) -> bytes:
    other = chance.choice((b"%PDF-1.7\n", b"PK\x03\x04", b"<html><script>", b"GIF89a", b"MZ", b"\x7fELF", whole("PNG")))
    return chance.choice((other + data, data + other, data[:12] + other + data[12:]))


def _wrong_type(chance: random.Random, data: bytes) -> bytes:
    junk = chance.randbytes(chance.randint(0, 5000))
    heads = (
        b"",
        data[:12],
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\0\0\0\0WEBP",
        b"II*\0",
        b"MM\0*",
        b"BM",
        b"GIF89a",
    )
    return chance.choice(heads) + junk


def _untouched(_chance: random.Random, data: bytes) -> bytes:
    return data


def _png(*chunks: bytes) -> bytes:
    packed = (struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


_MUTATIONS: Mapping[str, _Mutate] = {
    "truncated": _truncated,
    "bits flipped": _bits_flipped,
    "head flipped": _head_flipped,
    "block lost": _block_lost,
    "pixel bomb": _pixel_bomb,
    "layer bomb": _layer_bomb,
    "text bomb": _text_bomb,
    "polyglot": _polyglot,
    "wrong type": _wrong_type,
    "untouched": _untouched,
}
