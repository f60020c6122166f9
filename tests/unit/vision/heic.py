"""Writes small HEIC files, which no installed library does: an HEVC frame put into the boxes of ISO/IEC 23008-12."""

import re
import struct
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray


def heic(image: NDArray[np.uint8], quarter_turns: int = 0) -> bytes:
    """An RGB image of even width and height as a HEIC file, to be shown turned anticlockwise by quarter turns."""
    configuration, frame = _hevc(image)
    height, width = image.shape[:2]
    kind = _box(b"ftyp", b"heic\0\0\0\0mif1heic")
    # The frame lies behind all that; how far is known once the rest, whose size does not depend on it, is written.
    offset = len(kind) + len(_meta(configuration, width, height, quarter_turns, 0, len(frame))) + 8
    meta = _meta(configuration, width, height, quarter_turns, offset, len(frame))
    return kind + meta + _box(b"mdat", frame)


def _hevc(image: NDArray[np.uint8]) -> tuple[bytes, bytes]:
    """The decoder's configuration box and one frame."""
    encoder = av.CodecContext.create("libx265", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.height, encoder.width = image.shape[:2]
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1)
    encoder.options = {"crf": "4", "x265-params": "log-level=none"}
    packets = encoder.encode(av.VideoFrame.from_ndarray(image, format="rgb24")) + encoder.encode(None)
    # Annex B: units parted by start codes, each named by six bits of its first byte.
    units = [unit for unit in re.split(b"\0*\0\0\1", b"".join(map(bytes, packets))) if unit]
    parameters = [unit for unit in units if unit[0] >> 1 in _PARAMETERS]
    frame = b"".join(struct.pack(">I", len(unit)) + unit for unit in units if unit[0] >> 1 < 32)
    arrays = b"".join(struct.pack(">BHH", 0x80 | unit[0] >> 1, 1, len(unit)) + unit for unit in parameters)
    return _box(b"hvcC", _MAIN_PROFILE + bytes([len(parameters)]) + arrays), frame


_PARAMETERS = (32, 33, 34)
"""Video, sequence and picture parameter sets."""
_MAIN_PROFILE = bytes.fromhex("01 01 60000000 900000000000 1e f000 fc fd f8 f8 0000 0f")
"""Main profile, level 1, 4:2:0, 8 bits, lengths of four bytes (ISO/IEC 14496-15, HEVCDecoderConfigurationRecord)."""


def _meta(configuration: bytes, width: int, height: int, quarter_turns: int, offset: int, length: int) -> bytes:
    size = _full_box(b"ispe", struct.pack(">II", width, height))
    turn = _box(b"irot", bytes([quarter_turns]))
    item = _full_box(b"infe", struct.pack(">HH4s", 1, 0, b"hvc1") + b"\0", version=2)
    return _full_box(
        b"meta",
        _full_box(b"hdlr", struct.pack(">I4s12s", 0, b"pict", b"") + b"\0")
        + _full_box(b"pitm", struct.pack(">H", 1))
        + _full_box(b"iloc", struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, offset, length))
        + _full_box(b"iinf", struct.pack(">H", 1) + item)
        + _box(
            b"iprp",
            _box(b"ipco", configuration + size + turn)
            # One item has three properties: 1 (needed to decode it), 2, and 3 (needed to show it).
            + _full_box(b"ipma", struct.pack(">IHBBBB", 1, 1, 3, 0x81, 2, 0x83)),
        ),
    )


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, name) + content


def _full_box(name: bytes, content: bytes, version: int = 0) -> bytes:
    return _box(name, struct.pack(">I", version << 24) + content)
