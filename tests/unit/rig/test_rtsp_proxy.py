"""The network that knows RTSP moves the time stamps of pictures, and nothing else."""

from itertools import islice, pairwise
from pathlib import Path

import av
import pytest

from tests.rig.clips import Film, still_scene
from tests.rig.rtsp_proxy import RtspProxy
from tests.rig.rtsp_server import RtspServer

OPTIONS = {"rtsp_transport": "tcp", "probesize": "32", "analyzeduration": "1", "fpsprobesize": "0"}
"""So that FFmpeg takes in no more pictures than one before it hands out the first."""
MOST = 200
"""So many pictures may come before one that was moved."""


def test_time_stamps_are_moved_and_the_pictures_stay_whole(tmp_path: Path) -> None:
    clip = still_scene(tmp_path / "clip.mp4", film=Film((320, 240)), seconds=1.0)
    with (
        RtspServer({"door": clip.path}) as server,
        RtspProxy(server.port) as network,
        av.open(server.url("door", port=network.port), options=OPTIONS, timeout=30) as container,
    ):
        pictures = container.decode(video=0)
        seen = [next(pictures)]
        network.shift_seconds = 100
        # What is underway already comes as it was, and on a busy machine that is more than a few.
        while (seen[-1].time or 0.0) < 50 and len(seen) < MOST:
            seen.append(next(pictures))
        seen += islice(pictures, 15)
    assert not any(picture.is_corrupt for picture in seen)
    times = [picture.time or 0.0 for picture in seen]
    assert max(later - earlier for earlier, later in pairwise(times)) == pytest.approx(100, abs=10)
