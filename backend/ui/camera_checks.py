"""What an examination of a camera's link found, for reading."""

from collections.abc import Mapping

import streamlit as st

from backend.client import ClientError
from backend.domain.camera import ConnectStep
from backend.schemas.cameras import CameraCheckReply, CapacityReply, VideoReply
from backend.ui.connection import client
from backend.ui.explanations import show
from backend.ui.phrases import count, plain

_STEPS: Mapping[ConnectStep, tuple[str, str]] = {
    ConnectStep.LINK: ("Link", "Is it an address that a camera may have?"),
    ConnectStep.NAME: ("Name", "Is the host's name known?"),
    ConnectStep.PORT: ("Port", "Does somebody listen there?"),
    ConnectStep.ANSWER: ("Answer", "Do they speak the protocol, in time?"),
    ConnectStep.LOGIN: ("Login", "Do they accept the user name and password?"),
    ConnectStep.PATH: ("Path", "Is there something at the link's path?"),
    ConnectStep.VIDEO: ("Video", "Is there video in it?"),
    ConnectStep.CODEC: ("Codec", "Is its codec one that can be decoded?"),
    ConnectStep.PICTURE: ("Picture", "Does a whole picture come of it?"),
}
_FEWEST_PIXELS = 40
"""Of a face, below which it is seldom recognised (docs/cameras.md)."""


@st.dialog("Camera check", width="medium", icon=":material/stethoscope:")
def check_link(link: str) -> None:
    """Have the server examine the link, and show what it found in a dialog."""
    try:
        with st.spinner("Examining the camera; this takes up to 15 seconds …", show_time=True):
            found = client().check_camera(link)
    except ClientError as error:
        show(error)
        return
    _show_found(found)


def _show_found(found: CameraCheckReply) -> None:
    if found.ok:
        st.success(f"**This camera can be watched.** {plain(found.message)}", icon=":material/check_circle:")
    else:
        st.error(f"**This camera cannot be watched.** {plain(found.message)}", icon=":material/error:")
    st.caption(plain(found.rtsp_link))
    _show_steps(found)
    if found.video is not None:
        _show_video(found.video)
    if found.capacity is not None:
        st.markdown(f":material/memory: {_capacity(found.capacity)}")


def _show_steps(found: CameraCheckReply) -> None:
    """Each step with what became of it; after the one that failed, those that were not tried."""
    with st.container(horizontal=True, gap="xsmall"):
        for step, (name, question) in _STEPS.items():
            if step in found.passed:
                st.badge(name, icon=":material/check:", color="green", help=question)
            elif step is found.failed:
                st.badge(name, icon=":material/close:", color="red", help=question)
            else:
                st.badge(name, icon=":material/remove:", color="gray", help=f"{question} Not tried.")


def _show_video(video: VideoReply) -> None:
    with st.grid("auto", min_column_width=120, gap="small"):
        st.metric("Picture", f"{video.width}×{video.height}")
        st.metric("Codec", video.codec.upper())
        st.metric("Pictures a second", f"{video.fps:g}")
        st.metric("Whole picture every", _keyframes(video.keyframe_seconds), help="From one keyframe to the next.")
        st.metric("Bit rate", f"{video.kilobits_per_second / 1000:.1f} Mbit/s")
        st.metric("Decoding", f"{video.decode_ms:.0f} ms", help="Processor time for one second of video.")
        st.metric("Search for faces", f"{video.search_ms:.0f} ms", help="For one picture.")
        st.metric("Describe a face", f"{video.describe_ms:.0f} ms")
    st.markdown(f":material/familiar_face_and_zone: {_faces(video.face_sizes)}")


def _keyframes(seconds: float | None) -> str:
    return "over 3 s" if seconds is None else f"{seconds:.1f} s"


def _faces(sizes: list[int]) -> str:
    if not sizes:
        return "No face was seen in these seconds. Stand where people pass and check again, to see how large faces are."
    seen = f"{count(len(sizes), 'face')} seen, {min(sizes)} to {max(sizes)} pixels wide."
    if max(sizes) < _FEWEST_PIXELS:
        return f"{seen} That is small: {_FEWEST_PIXELS} pixels are needed to recognise people. Move the camera closer."
    return seen


def _capacity(capacity: CapacityReply) -> str:
    return (
        f"This machine can watch {count(capacity.while_busy, 'camera')} like this one while people walk by all the "
        f"time, {capacity.while_still:,} while little happens."
    )
