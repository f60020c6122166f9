"""Points, boxes and landmarks, in pixels of one upright image: x to the right, y down, origin at the top left."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

RgbImage: TypeAlias = NDArray[np.uint8]
"""Height × width × 3, red-green-blue, 0–255: the only picture format inside Face Server."""
GreyImage: TypeAlias = NDArray[np.uint8]
"""Height × width, black 0 to white 255: enough to see whether anything moves."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place in an image, in pixels."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in an image: its top-left corner and its size, in pixels; parts may lie outside the image."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of the right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of the lower edge."""
        return self.y + self.height

    @property
    def area(self) -> float:
        """Width × height in square pixels."""
        return self.width * self.height

    @property
    def centre(self) -> Point:
        """The middle of the box."""
        return Point(self.x + self.width / 2, self.y + self.height / 2)

    @property
    def size(self) -> float:
        """The shorter side in pixels: what "a face of 60 pixels" means here."""
        return min(self.width, self.height)

    def translated(self, dx: float, dy: float) -> "Box":
        """The same box seen from an image whose origin lies `dx`, `dy` further to the top left."""
        return Box(self.x + dx, self.y + dy, self.width, self.height)

    def scaled(self, factor: float) -> "Box":
        """The same box in an image `factor` times as large."""
        return Box(self.x * factor, self.y * factor, self.width * factor, self.height * factor)

    def expanded(self, share: float) -> "Box":
        """A box with the same centre and `share` of its size added on each side."""
        dx, dy = self.width * share, self.height * share
        return Box(self.x - dx, self.y - dy, self.width + 2 * dx, self.height + 2 * dy)

    def clipped(self, width: float, height: float) -> "Box":
        """The part that lies inside an image of that size; of zero area where nothing does."""
        left, top = min(max(self.x, 0.0), width), min(max(self.y, 0.0), height)
        right, bottom = min(max(self.right, 0.0), width), min(max(self.bottom, 0.0), height)
        return Box(left, top, right - left, bottom - top)

    def intersection_over_union(self, other: "Box") -> float:
        """How much two boxes coincide, from 0 (apart) to 1 (equal)."""
        width = min(self.right, other.right) - max(self.x, other.x)
        height = min(self.bottom, other.bottom) - max(self.y, other.y)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.area + other.area - shared)


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture, whatever its size: the inside of a polygon."""

    corners: tuple[Point, ...]
    """At least three, each as shares of the picture's width and height, 0–1."""

    def holds(self, point: Point) -> bool:
        """Whether a place, in shares as well, lies inside: a ray from it crosses the outline an odd number of times."""
        inside = False
        for one, other in zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True):
            if (one.y > point.y) != (other.y > point.y):
                crossing = one.x + (point.y - one.y) * (other.x - one.x) / (other.y - one.y)
                inside ^= point.x < crossing
        return inside


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Five points of a face; right and left are the person's own, as YuNet gives them."""

    right_eye: Point
    left_eye: Point
    nose: Point
    right_mouth: Point
    left_mouth: Point

    def points(self) -> tuple[Point, Point, Point, Point, Point]:
        """The five points in the order of the fields."""
        return self.right_eye, self.left_eye, self.nose, self.right_mouth, self.left_mouth

    def as_array(self) -> NDArray[np.float32]:
        """The points as 5 × 2 (x, y) float32, in the order of the fields."""
        return np.array([(point.x, point.y) for point in self.points()], dtype=np.float32)

    def scaled(self, factor: float) -> "Landmarks":
        """The same points in an image `factor` times as large."""
        return Landmarks(*(Point(point.x * factor, point.y * factor) for point in self.points()))
