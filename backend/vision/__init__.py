"""Pixels to faces: decode, detect, align, grade and embed, without database, HTTP or settings."""
