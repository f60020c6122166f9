"""The network that knows RTSP moves the time stamps of pictures, and nothing else."""

from itertools import islice
from pathlib import Path

import av
import pytest

from tests.rig.clips import Film, still_scene
from tests.rig.rtsp_proxy import RtspProxy
from tests.rig.rtsp_server import RtspServer

PROBED = 30
"""So many pictures FFmpeg has taken in before it hands out the first."""


def test_time_stamps_are_moved_and_the_pictures_stay_whole(tmp_path: Path) -> None:
    clip = still_scene(tmp_path / "clip.mp4", film=Film((320, 240)), seconds=1.0)
    with RtspServer({"door": clip.path}) as server, RtspProxy(server.port) as network:
        link, options = server.url("door", port=network.port), {"rtsp_transport": "tcp"}
        with av.open(link, options=options, timeout=5) as container:
            pictures = container.decode(video=0)
            first = next(pictures)
            network.shift_seconds = 100
            later = list(islice(pictures, PROBED + 10))
    assert not any(picture.is_corrupt for picture in (first, *later))
    # The very first one may have no time.
    assert later[0].time == pytest.approx(0.2, abs=1)
    assert later[-1].time == pytest.approx(100 + PROBED / 10, abs=3)
