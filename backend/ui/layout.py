"""Sizes that several pages share."""

NARROWEST_HALF = 380
"""Two halves of a page stand one above the other where they would be narrower than this, in pixels."""
HALVES_GAP = (32, 48)
"""Between them, in pixels: one above the other, and side by side."""
