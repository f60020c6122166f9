"""The part of a camera's picture in which faces count, as people type it."""

import re

Corner = tuple[float, float]

HOW_TO_TYPE_A_REGION = (
    "The corners of an area, each as *across,down* in percent of the picture, counted from its top left: "
    "`0,30 100,30 100,100 0,100` is all but the upper third. Left empty, faces count everywhere."
)
_CORNER = re.compile(r"(\d+(?:\.\d+)?)\s*,\s*(\d+(?:\.\d+)?)")
_FEWEST_CORNERS = 3


def parsed_region(text: str) -> list[Corner] | None:
    """The corners in shares (0–1) of the picture's size, or None for nothing typed; ValueError, in a sentence, else."""
    if not text.strip():
        return None
    corners = [(float(x) / 100, float(y) / 100) for x, y in _CORNER.findall(text)]
    if _CORNER.sub("", text).strip(" ;\t") or len(corners) < _FEWEST_CORNERS:
        raise ValueError("three or more corners are needed, such as 0,30 100,30 100,100 0,100")
    if any(not 0 <= share <= 1 for corner in corners for share in corner):
        raise ValueError("percentages go from 0 to 100")
    return corners
