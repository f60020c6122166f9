"""Clips show what they say they show."""

from pathlib import Path

import av
import numpy as np
import pytest

from tests.rig.clips import Clip, Codec, Film, still_scene, walk_past
from tests.rig.photos import Image, person_crop

SMALL = Film(size=(320, 240), fps=10, noise=0)


def pictures(clip: Clip) -> list[Image]:
    with av.open(str(clip.path)) as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


def changed_part(picture: Image, empty: Image) -> float:
    """Return how much of a picture differs from the empty scene, 0 to 1."""
    return float((np.abs(picture.astype(int) - empty).max(axis=2) > 40).mean())


@pytest.mark.parametrize("codec", ["h264", "h265", "mjpeg"])
def test_a_clip_has_the_asked_codec_size_and_length(tmp_path: Path, codec: Codec) -> None:
    clip = still_scene(tmp_path / "clip.mp4", film=Film(size=(320, 240), fps=5, codec=codec), seconds=2)

    with av.open(str(clip.path)) as container:
        video = container.streams.video[0]
        shot = (video.codec_context.name, video.width, video.height, float(video.average_rate or 0))
    assert shot == ({"h265": "hevc"}.get(codec, codec), 320, 240, 5.0)
    assert len(pictures(clip)) == 10


def test_keyframes_come_as_often_as_asked(tmp_path: Path) -> None:
    clip = still_scene(tmp_path / "clip.mp4", film=Film(size=(320, 240), fps=10, gop=4), seconds=1)

    with av.open(str(clip.path)) as container:
        keys = [n for n, packet in enumerate(container.demux(video=0)) if packet.is_keyframe]
    assert keys == [0, 4, 8]


def test_a_walk_begins_and_ends_with_the_empty_scene(tmp_path: Path) -> None:
    shown = pictures(walk_past(tmp_path / "clip.mp4", [person_crop(2)], SMALL, seconds=2))

    assert changed_part(shown[len(shown) // 2], shown[0]) > 0.15
    assert changed_part(shown[-1], shown[0]) < 0.01


def test_people_come_one_after_the_other_with_the_scene_empty_between(tmp_path: Path) -> None:
    clip = walk_past(tmp_path / "clip.mp4", [person_crop(2), person_crop(3)], SMALL, seconds=2, empty_seconds=1)

    shown = pictures(clip)
    first, second = clip.visits
    assert first.ends < 3 < 4 < second.starts
    assert changed_part(shown[35], shown[0]) < 0.01


def test_people_together_are_in_the_picture_at_the_same_time(tmp_path: Path) -> None:
    film = Film(size=(480, 240), fps=10)
    first, second = walk_past(
        tmp_path / "clip.mp4", [person_crop(2), person_crop(3)], film, seconds=2, together=True
    ).visits

    assert first.starts < second.starts < first.ends


def test_the_same_arguments_make_the_same_pictures(tmp_path: Path) -> None:
    one, other = (
        walk_past(tmp_path / name, [person_crop(2)], Film(size=(320, 240)), seconds=1) for name in ("a.mp4", "b.mp4")
    )

    assert one.path.read_bytes() == other.path.read_bytes()


def test_without_noise_a_still_scene_repeats_its_picture(tmp_path: Path) -> None:
    shown = pictures(still_scene(tmp_path / "clip.mp4", [person_crop(2)], SMALL, seconds=1))

    assert all(np.abs(picture.astype(int) - shown[0]).mean() < 1 for picture in shown)
