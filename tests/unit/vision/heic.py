"""Writes small HEIC files, which no installed library does: an HEVC frame put into the boxes of ISO/IEC 23008-12."""

import io
import struct

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
    """The decoder's configuration box and one frame, taken out of an MP4 file."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx265", rate=1, options={"crf": "4", "x265-params": "log-level=none"})
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in (av.VideoFrame.from_ndarray(image, format="rgb24"), None):
            container.mux(stream.encode(frame))
    content = file.getvalue()
    return _found(content, b"hvcC"), _found(content, b"mdat")[8:]


def _found(content: bytes, name: bytes) -> bytes:
    start = content.index(name) - 4
    return content[start : start + int.from_bytes(content[start : start + 4], "big")]


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
