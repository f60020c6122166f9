"""Frames to sightings: reads cameras, follows faces, says who passed."""
