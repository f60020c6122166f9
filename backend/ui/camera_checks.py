"""What an examination of a camera's link found, for reading."""

from collections.abc import Mapping

import streamlit as st

from backend.client import ClientError
from backend.domain.camera import ConnectStep
from backend.schemas.cameras import CameraCheckReply, CapacityReply, VideoReply
from backend.ui.connection import client
from backend.ui.explanations import show
from backend.ui.figures import Figure, show_figures
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
    show_figures(
        (
            Figure("Picture", f"{video.width} × {video.height}"),
            Figure("Codec", video.codec.upper()),
            Figure("Pictures a second", f"{video.fps:.1f}"),
            Figure("Keyframe every", _keyframes(video.keyframe_seconds)),
            Figure("Bit rate", f"{video.kilobits_per_second / 1000:.1f} Mbit/s"),
            Figure("Decoding", f"{video.decode_ms:.0f} ms", "Processor time for one second of video."),
            Figure("Search for faces", f"{video.search_ms:.0f} ms", "For one picture."),
            Figure("Describe a face", f"{video.describe_ms:.0f} ms"),
        )
    )
    st.markdown(f":material/familiar_face_and_zone: {_faces(video.face_sizes)}")


def _keyframes(seconds: float | None) -> str:
    return "over 3 s" if seconds is None else f"{seconds:.1f} s"


def _faces(sizes: list[int]) -> str:
    if not sizes:
        return "No face was seen in these seconds. Stand where people pass and check again, to see how large faces are."
    span = f"{max(sizes)}" if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
    seen = f"{count(len(sizes), 'face')} seen, {span} pixels wide."
    if max(sizes) < _FEWEST_PIXELS:
        return f"{seen} That is small: {_FEWEST_PIXELS} pixels are needed to recognise people. Move the camera closer."
    return seen


def _capacity(capacity: CapacityReply) -> str:
    if not capacity.while_still:
        return "This machine is too slow, or too busy now, for a camera like this one."
    return (
        f"This machine can watch {count(capacity.while_still, 'camera')} like this one while little happens, "
        f"{capacity.while_busy or 'none'} while people walk by all the time."
    )
