"""What a camera sees now, again and again while somebody looks."""

from contextlib import closing

import streamlit as st

from backend.ui.connection import client
from backend.ui.explanations import explained
from backend.ui.phrases import plain

_REFRESH_EVERY_S = 0.7


def show_live(camera_id: str, nickname: str) -> None:
    """Show the camera's picture, with boxes and names, in a dialog."""
    st.dialog(plain(nickname), width="medium", icon=":material/live_tv:")(_live)(camera_id, nickname)


def _live(camera_id: str, nickname: str) -> None:
    _show_newest(camera_id, nickname)
    st.caption("Green: recognised. Amber: a stranger. Grey: not decided yet. It costs nothing while nobody looks.")


@st.fragment(run_every=_REFRESH_EVERY_S)
def _show_newest(camera_id: str, nickname: str) -> None:
    with explained(), closing(client().live(camera_id)) as pictures:
        newest = next(pictures, None)
    if newest is None:
        st.info("This camera is not watched any more.", icon=":material/videocam_off:")
        return
    st.image(newest, width="stretch", alt=f"What {nickname} sees now")
