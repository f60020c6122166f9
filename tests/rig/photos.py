"""Real faces that a fresh clone can rely on, taken from files inside installed test dependencies.

The group photo is insightface's `data/images/t1.jpg` (1280x886, six people); the portrait is scikit-image's
`data/astronaut.png` (512x512, one person). Both are read as plain files: neither package is imported.
"""

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""A picture: height x width x 3, RGB, 0-255."""

Test = TypeVar("Test", bound=Callable[..., object] | type)

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
"""The measuring photographs beside the checkout; absent on a fresh clone."""

PEOPLE_IN_GROUP_PHOTO = 6

CROP_SIZE = (220, 260)
"""Width and height in pixels of every `person_crop`."""

CROP_FACE_HEIGHT = 127
"""Typical height in pixels of the face in a `person_crop` (122 to 145 as YuNet boxes them)."""

# Left and top of each crop, chosen by eye on the group photo so that exactly one whole face lies in each.
_CROP_CORNERS = ((4, 205), (210, 85), (407, 205), (687, 283), (846, 0), (1060, 205))


@cache
def group_photo() -> Image:
    """Return the photo of six people around a table, 1280x886; decoded once, and so read-only."""
    return _read(_file_of("insightface", "data/images/t1.jpg"))


@cache
def astronaut() -> Image:
    """Return the portrait of one person who is not in the group photo, 512x512; decoded once, and so read-only."""
    return _read(_file_of("skimage", "data/astronaut.png"))


def person_crop(index: int) -> Image:
    """Return one person of the group photo, 220x260, face about 105x127 pixels with wide margins.

    The index counts from the left, 0 to 5. People 2, 3 and 5 look at the camera best; 0 looks down, 1 tilts the head,
    and 4 is turned to three quarters, so take 2, 3 and 5 first where a face must be easy.
    """
    left, top = _CROP_CORNERS[index]
    width, height = CROP_SIZE
    return group_photo()[top : top + height, left : left + width].copy()


def other_photos(photo: Image) -> tuple[Image, ...]:
    """Return further photos of the same person: larger, mirrored, darker, brighter, tilted, and badly compressed.

    They come from one exposure, so they show that the plumbing works and say nothing about accuracy.
    """
    larger = cv2.resize(photo, None, fx=1.4, fy=1.4, interpolation=cv2.INTER_CUBIC)
    tilted = _tilted(photo, degrees=6)
    compressed = _decoded(jpeg(photo, quality=40))
    return (_image(larger), photo[:, ::-1].copy(), _lit(photo, 0.75), _lit(photo, 1.2), tilted, compressed)


def jpeg(image: Image, quality: int = 90) -> bytes:
    """Return the image as a JPEG file; quality is 1 to 100."""
    written, encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert written
    return encoded.tobytes()


def needs_shared_data(folder: str = "") -> Callable[[Test], Test]:
    """Mark a test that needs a folder of the shared data: it is skipped, saying so, where the folder is absent."""
    wanted = SHARED_DATA / folder
    absent = pytest.mark.skipif(not wanted.is_dir(), reason=f"the shared data {folder or 'folder'} is absent here")

    def mark(test: Test) -> Test:
        return pytest.mark.shared_data(absent(test))  # type: ignore[no-any-return]  # marks return what they were given

    return mark


def _file_of(package: str, inside: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the test dependency {package} is not installed, and its {inside} is needed")
    return Path(spec.submodule_search_locations[0]) / inside


def _read(path: Path) -> Image:
    photo = _decoded(path.read_bytes())
    photo.setflags(write=False)
    return photo


def _decoded(encoded: bytes) -> Image:
    bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    return _image(bgr[..., ::-1])


def _lit(photo: Image, gain: float) -> Image:
    return _image(np.clip(photo * gain, 0, 255))


def _tilted(photo: Image, degrees: float) -> Image:
    height, width = photo.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return _image(cv2.warpAffine(photo, turn, (width, height), borderMode=cv2.BORDER_REFLECT))


def _image(pixels: NDArray[np.generic]) -> Image:
    return np.ascontiguousarray(pixels, dtype=np.uint8)
