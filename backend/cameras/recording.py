"""A video from its beginning to its end, as fast as it can be looked at."""

from backend.cameras.scene import Watcher
from backend.cameras.source import VideoSource


def watch_recording(source: VideoSource, visits: Watcher, analysis_fps: float) -> None:
    """Look at `analysis_fps` frames for each second of the video; raises a StreamError where it is damaged."""
    due = float("-inf")
    for frame in source.frames():
        if frame.moment >= due:
            # From the last due time on, so that odd frame rates keep the wanted average; not before this frame.
            due = max(due, frame.moment - 1 / analysis_fps) + 1 / analysis_fps
            visits.look(frame)
    visits.end_all()
