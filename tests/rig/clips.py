"""Video clips made from real faces: people who walk past a camera, and scenes in which nothing happens.

The same arguments give the same pictures. Every clip begins with a keyframe and, if it shows a walk, begins and ends
with the empty scene, so that it can be played in a loop.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tests.rig.photos import CROP_FACE_HEIGHT, Image

Codec = Literal["h264", "h265", "mjpeg"]

_ENCODERS = {"h264": "libx264", "h265": "libx265", "mjpeg": "mjpeg"}
_EDGE = 14  # pixels over which a pasted person fades into the background, so that no hard edge draws a detector's eye
_NOISE_PATTERNS = 8  # drawing fresh noise for every frame would cost more than encoding it


@dataclass(frozen=True, slots=True)
class Film:
    """How a clip is shot and encoded."""

    size: tuple[int, int] = (640, 480)
    """Width and height in pixels, both even."""
    fps: int = 10
    codec: Codec = "h264"
    gop: int | None = None
    """Frames from one keyframe to the next; none means one second."""
    noise: float = 2.0
    """Standard deviation of the sensor noise in grey levels; with 0 only the encoder changes a still picture."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Visit:
    """When one person is wholly inside the picture, in seconds from the start of the clip."""

    person: int
    """Position in the `people` that the clip was made from."""
    starts: float
    ends: float


@dataclass(frozen=True, slots=True)
class Clip:
    """A video file and what happens in it."""

    path: Path
    film: Film
    seconds: float
    visits: tuple[Visit, ...]


@dataclass(frozen=True, slots=True)
class _Walk:
    figure: Image
    enters: float
    speed: float  # pixels a second, to the right
    top: int

    @property
    def width(self) -> int:
        return int(self.figure.shape[1])

    def left(self, at: float) -> int:
        return round((at - self.enters) * self.speed) - self.width


def walk_past(
    path: Path,
    people: Sequence[Image],
    film: Film | None = None,
    *,
    seconds: float = 6.0,
    empty_seconds: float = 1.0,
    together: bool = False,
    face_height: int = 90,
) -> Clip:
    """Film people who enter from the left, cross the picture and leave on the right.

    One crossing takes `seconds`; the scene is empty for `empty_seconds` before, between and after. `people` are crops
    such as `person_crop` returns, drawn so that a face is about `face_height` pixels high. They come one after the
    other, or `together` in single file, each as close behind the last as crops allow without overlap.
    """
    film = film or Film()
    figures = [_figure(person, face_height) for person in people]
    walks = (
        _in_file(figures, film, seconds, empty_seconds)
        if together
        else _one_by_one(figures, film, seconds, empty_seconds)
    )
    total = max(_leaves(walk, film) for walk in walks) + empty_seconds
    visits = tuple(_visit(person, walk, film) for person, walk in enumerate(walks))
    return _shoot(path, film, total, visits, lambda picture, at: _draw_walks(picture, walks, at))


def still_scene(
    path: Path,
    people: Sequence[Image] = (),
    film: Film | None = None,
    *,
    seconds: float = 4.0,
    face_height: int = 90,
) -> Clip:
    """Film a scene in which nothing moves: empty, or with people who stand side by side all the time."""
    film = film or Film()
    figures = [_figure(person, face_height) for person in people]
    pitch = film.size[0] / (len(figures) + 1)

    def draw(picture: Image, at: float) -> None:
        for place, figure in enumerate(figures, start=1):
            _paste(picture, figure, round(place * pitch - figure.shape[1] / 2), _top(figure, film))

    visits = tuple(Visit(person, 0.0, seconds) for person in range(len(figures)))
    return _shoot(path, film, seconds, visits, draw)


def _one_by_one(figures: Sequence[Image], film: Film, seconds: float, empty: float) -> list[_Walk]:
    return [
        _walk(figure, film, seconds, enters=empty + order * (seconds + empty)) for order, figure in enumerate(figures)
    ]


def _in_file(figures: Sequence[Image], film: Film, seconds: float, empty: float) -> list[_Walk]:
    widest = max(figure.shape[1] for figure in figures)
    speed = (film.size[0] + widest) / seconds
    return [
        _Walk(figure, empty + order * widest / speed, speed, _top(figure, film)) for order, figure in enumerate(figures)
    ]


def _walk(figure: Image, film: Film, seconds: float, enters: float) -> _Walk:
    return _Walk(figure, enters, (film.size[0] + figure.shape[1]) / seconds, _top(figure, film))


def _top(figure: Image, film: Film) -> int:
    return (film.size[1] - int(figure.shape[0])) // 2


def _leaves(walk: _Walk, film: Film) -> float:
    return walk.enters + (film.size[0] + walk.width) / walk.speed


def _visit(person: int, walk: _Walk, film: Film) -> Visit:
    inside = walk.enters + walk.width / walk.speed
    return Visit(person, inside, walk.enters + film.size[0] / walk.speed)


def _draw_walks(picture: Image, walks: Sequence[_Walk], at: float) -> None:
    for walk in walks:
        _paste(picture, walk.figure, walk.left(at), walk.top)


def _figure(person: Image, face_height: int) -> Image:
    scale = face_height / CROP_FACE_HEIGHT
    return np.asarray(cv2.resize(person, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _paste(picture: Image, figure: Image, left: int, top: int) -> None:
    """Blend the part of a figure that lies inside the picture into it."""
    height, width = figure.shape[:2]
    first, last = max(left, 0), min(left + width, picture.shape[1])
    upper, lower = max(top, 0), min(top + height, picture.shape[0])
    if first >= last or upper >= lower:
        return
    part = (slice(upper - top, lower - top), slice(first - left, last - left))
    ground = picture[upper:lower, first:last]
    opacity = _opacity(height, width)[part]
    ground[...] = (ground + (figure[part] - ground.astype(np.float32)) * opacity).astype(np.uint8)


def _opacity(height: int, width: int) -> NDArray[np.float32]:
    rows, columns = (np.minimum(np.arange(n), np.arange(n)[::-1]) / _EDGE for n in (height, width))
    opacity: NDArray[np.float32] = np.minimum.outer(rows, columns).clip(0, 1).astype(np.float32)[..., None]
    return opacity


def _shoot(
    path: Path, film: Film, seconds: float, visits: tuple[Visit, ...], draw: Callable[[Image, float], None]
) -> Clip:
    count = round(seconds * film.fps)
    _encode(path, film, _pictures(film, count, draw))
    return Clip(path, film, count / film.fps, visits)


def _pictures(film: Film, count: int, draw: Callable[[Image, float], None]) -> Iterator[Image]:
    rng = np.random.default_rng(film.seed)
    scene = _scene(film.size, rng)
    grain = [_grain(film, rng) for _ in range(_NOISE_PATTERNS)]
    for number in range(count):
        picture = scene.copy()
        draw(picture, number / film.fps)
        yield np.asarray(cv2.add(picture, grain[number % _NOISE_PATTERNS], dtype=cv2.CV_8U), dtype=np.uint8)


def _scene(size: tuple[int, int], rng: np.random.Generator) -> Image:
    """Return a greyish wall, lit unevenly, with a fine texture."""
    width, height = size
    light = cv2.resize(rng.uniform(95, 150, (5, 7)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    texture = cv2.GaussianBlur(rng.normal(0, 12, (height, width)).astype(np.float32), (5, 5), 0)
    grey = np.clip(light + texture, 0, 255)
    return np.asarray(grey[..., None] * (1.0, 0.97, 0.92), dtype=np.uint8)


def _grain(film: Film, rng: np.random.Generator) -> NDArray[np.int16]:
    width, height = film.size
    grey = rng.normal(0, film.noise, (height, width, 1)).round().astype(np.int16)
    return np.repeat(grey, 3, axis=2)


def _encode(path: Path, film: Film, pictures: Iterator[Image]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(_ENCODERS[film.codec], rate=film.fps, options=_options(film))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = film.size
        stream.pix_fmt = "yuvj420p" if film.codec == "mjpeg" else "yuv420p"
        stream.time_base = Fraction(1, film.fps)
        stream.thread_count = 1  # one slice a picture, whatever the machine: the same file everywhere
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, film.fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _options(film: Film) -> dict[str, str]:
    gop = film.gop or film.fps
    return {
        # No B-frames, as live cameras send; no keyframes but the regular ones.
        "h264": {"preset": "veryfast", "crf": "20", "g": str(gop), "bf": "0", "sc_threshold": "0"},
        "h265": {
            "preset": "ultrafast",
            "crf": "20",
            "x265-params": f"log-level=none:keyint={gop}:min-keyint={gop}:bframes=0:scenecut=0:open-gop=0",
        },
        # RTP carries JPEG without its Huffman tables, so the standard ones must be used (RFC 2435).
        "mjpeg": {"huffman": "default", "qmin": "3", "qmax": "3"},
    }[film.codec]
