"""Cameras: schedule one, see how each is doing, stop watching."""

from collections.abc import Mapping
from datetime import UTC, datetime

import streamlit as st
from pydantic import ValidationError

from backend.client import ClientError
from backend.domain.camera import DEFAULT_COOLDOWN_SECONDS, DEFAULT_THRESHOLD, CameraState
from backend.schemas.cameras import CameraCountsReply, CameraJob, CameraReply
from backend.ui.announcements import announce
from backend.ui.camera_checks import check_link
from backend.ui.connection import client
from backend.ui.explanations import explained, faults, show
from backend.ui.layout import HALVES_GAP, NARROWEST_HALF
from backend.ui.live import show_live
from backend.ui.phrases import ago, count, duration, plain
from backend.ui.regions import HOW_TO_TYPE_A_REGION, parsed_region

_ROUND_KEY = "camera_round"
_REFRESH_EVERY_S = 3
_OVERTAKEN_WORTH_TELLING = 0.01
_LABELS = {
    "rtsp_link": "Link",
    "camera_nickname": "Name",
    "telegram_api_token": "Bot token",
    "telegram_chat_id": "Chat id",
    "threshold": "Threshold",
    "cooldown_seconds": "Pause between messages",
    "analysis_fps": "Looks a second",
    "min_face_size": "Smallest face",
    "region": "Where faces count",
    "detail_link": "Link in more detail",
}
_BADGES: Mapping[CameraState, tuple[str, str]] = {
    CameraState.CONNECTING: ("blue", ":material/sync:"),
    CameraState.STREAMING: ("green", ":material/play_circle:"),
    CameraState.RECONNECTING: ("orange", ":material/sync_problem:"),
    CameraState.STOPPED: ("gray", ":material/stop_circle:"),
    CameraState.FAILED: ("red", ":material/error:"),
}


def show_page() -> None:
    """The form on the left, the watched cameras on the right."""
    st.title("Cameras")
    with explained():
        client().cameras()
    halves = st.grid(2, min_column_width=NARROWEST_HALF, gap=HALVES_GAP)
    with halves.cell():
        _schedule()
    with halves.cell():
        st.subheader("Watched")
        _list()


def _schedule() -> None:
    st.subheader("Watch a camera")
    begun = st.session_state.setdefault(_ROUND_KEY, 0)
    with st.form(f"camera-{begun}"):
        entries = _ask(begun)
        with st.container(horizontal=True):
            watch = st.form_submit_button("Watch", type="primary", icon=":material/videocam:", key=f"watch-{begun}")
            check = st.form_submit_button("Check this link", icon=":material/stethoscope:", key=f"check-{begun}")
    if watch:
        _send(entries)
    if check:
        _check(str(entries["rtsp_link"]).strip())
    st.caption("The same name and link again changes that camera.")


def _check(link: str) -> None:
    if link:
        check_link(link)
    else:
        st.error(f"{_LABELS['rtsp_link']}: please fill this in.", icon=":material/edit:")


def _ask(begun: int) -> dict[str, object]:
    link = st.text_input(
        _LABELS["rtsp_link"],
        key=f"link-{begun}",
        placeholder="rtsp://user:password@192.168.1.20:554/stream",
        help="RTSP, RTSPS, HTTP or HTTPS, as the camera's manual gives it. A password in it is kept encrypted and not "
        "shown again.",
        autocomplete="off",
    )
    nickname = st.text_input(_LABELS["camera_nickname"], key=f"nickname-{begun}", placeholder="FrontDoor")
    threshold = st.slider(
        _LABELS["threshold"],
        0.0,
        1.0,
        DEFAULT_THRESHOLD,
        0.01,
        key=f"threshold-{begun}",
        help="The similarity from which a person counts as recognised. Higher mistakes fewer strangers for somebody.",
    )
    job: dict[str, object] = {"rtsp_link": link, "camera_nickname": nickname, "threshold": threshold}
    return job | _ask_messages(begun) | _ask_details(begun)


def _ask_messages(begun: int) -> dict[str, object]:
    st.markdown("**Messages to Telegram**")
    st.caption("Left empty, sightings are only stored. The Telegram page finds the chat id for a bot token.")
    left, right = st.columns(2)
    token = left.text_input(
        _LABELS["telegram_api_token"], type="password", key=f"bot-token-{begun}", autocomplete="off"
    )
    chat = right.text_input(_LABELS["telegram_chat_id"], key=f"chat-{begun}", placeholder="123456789")
    cooldown = st.number_input(
        f"{_LABELS['cooldown_seconds']} (seconds)",
        min_value=0,
        max_value=31_536_000,
        value=DEFAULT_COOLDOWN_SECONDS,
        step=60,
        key=f"cooldown-{begun}",
        help="After a message about a person, no other about the same person from this camera within this time.",
    )
    unknown = st.checkbox("Tell of strangers too", key=f"unknown-{begun}")
    return {
        "telegram_api_token": token or None,
        "telegram_chat_id": chat or None,
        "cooldown_seconds": cooldown,
        "notify_unknown": unknown,
    }


def _ask_details(begun: int) -> dict[str, object]:
    with st.expander("More", icon=":material/tune:"):
        rate = st.number_input(
            _LABELS["analysis_fps"],
            min_value=0.1,
            max_value=60.0,
            value=None,
            step=1.0,
            key=f"rate-{begun}",
            placeholder="as the server is set",
            help="How many pictures a second are searched for faces.",
        )
        smallest = st.number_input(
            f"{_LABELS['min_face_size']} (pixels)",
            min_value=0,
            max_value=1000,
            step=10,
            key=f"smallest-{begun}",
            help="Smaller faces, such as those of people far away, do not count.",
        )
        region = st.text_input(
            _LABELS["region"],
            key=f"region-{begun}",
            placeholder="0,30 100,30 100,100 0,100",
            help=HOW_TO_TYPE_A_REGION,
        )
        detail = st.text_input(
            _LABELS["detail_link"],
            key=f"detail-{begun}",
            placeholder="rtsp://user:password@192.168.1.20:554/main",
            help="The same view in more pixels, where the link above is a sub-stream. It is opened only while somebody "
            "is there, for the best picture.",
            autocomplete="off",
        )
    return {"analysis_fps": rate, "min_face_size": smallest or None, "region": region, "detail_link": detail or None}


def _job(entries: Mapping[str, object]) -> CameraJob:
    """The job as typed; raises ValueError, of which a ValidationError is one."""
    try:
        region = parsed_region(str(entries["region"]))
    except ValueError as error:
        raise ValueError(f"{_LABELS['region']}: {error}.") from None
    given = {name: entry for name, entry in {**entries, "region": region}.items() if entry is not None}
    return CameraJob.model_validate(given)


def _send(entries: Mapping[str, object]) -> None:
    try:
        job = _job(entries)
        client().schedule([job])
    except ValueError as error:
        told = faults(error, _LABELS) if isinstance(error, ValidationError) else [str(error)]
        st.error("  \n".join(map(plain, told)), icon=":material/edit:")
        return
    except ClientError as error:
        show(error)
        return
    announce(f"{plain(job.camera_nickname)} is being watched.", ":material/videocam:")
    st.session_state[_ROUND_KEY] += 1
    st.rerun()


@st.fragment(run_every=_REFRESH_EVERY_S)
def _list() -> None:
    with explained():
        cameras = client().cameras().cameras
    if not cameras:
        st.info(
            "No camera is watched yet. Give a camera's link and a name; it is watched day and night from then on, also "
            "after a restart.",
            icon=":material/videocam:",
        )
    for camera in cameras:
        with st.container(border=True, gap="xsmall", key=f"camera-{camera.camera_id}"):
            _show(camera)


def _show(camera: CameraReply) -> None:
    colour, icon = _BADGES[camera.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(camera.camera_nickname)}**", width="content")
        st.badge(camera.state.value, icon=icon, color=colour)  # type: ignore[arg-type]  # the table's colours are its
        st.space("stretch")
        if st.button("Live", type="tertiary", icon=":material/live_tv:", key=f"live-{camera.camera_id}"):
            show_live(camera.camera_id, camera.camera_nickname)
        _offer_removal(camera)
    st.caption(plain(camera.rtsp_link))
    st.markdown(_activity(camera))
    st.caption(_rules(camera))
    if camera.last_error:
        st.warning(plain(camera.last_error), icon=":material/warning:")
    for sentence in camera.degraded:
        st.warning(plain(sentence), icon=":material/warning:")


def _activity(camera: CameraReply) -> str:
    counts = camera.counts
    seen = "no picture yet" if camera.last_frame_at is None else f"last picture {ago(camera.last_frame_at, _now())}"
    speed = f"{camera.fps_read:.1f} pictures a second, {camera.fps_analysed:.1f} looked at"
    done = f"{count(counts.sightings, 'sighting')}, {count(counts.reconnects, 'reconnect')} since the start"
    return f"{speed}, {seen}  \n{done}{_too_slow(counts)}"


def _too_slow(counts: CameraCountsReply) -> str:
    """How much of what was due was not looked at, where that is more than a hundredth."""
    due = counts.frames_analysed + counts.frames_dropped
    share = counts.frames_dropped / due if due else 0.0
    if share < _OVERTAKEN_WORTH_TELLING:
        return ""
    return f"  \n{share:.0%} of the pictures due were overtaken by newer ones: this machine is too busy"


def _rules(camera: CameraReply) -> str:
    rules = [f"Threshold {camera.threshold:.2f}"]
    if camera.min_face_size:
        rules.append(f"faces from {camera.min_face_size} pixels")
    if camera.region:
        rules.append("in a part of the picture")
    if camera.detail_link:
        rules.append("best pictures from a second link")
    return ", ".join([*rules, _messages(camera)])


def _messages(camera: CameraReply) -> str:
    if not camera.telegram:
        return "sightings are only stored"
    who = "people and strangers" if camera.notify_unknown else "people"
    pause = f"at most once in {duration(camera.cooldown_seconds)}" if camera.cooldown_seconds else "each time"
    return f"tells Telegram of {who}, of each {pause}"


def _offer_removal(camera: CameraReply) -> None:
    with st.popover("Remove", type="tertiary", icon=":material/delete:", key=f"ask-{camera.camera_id}"):
        st.markdown(f"Stop watching **{plain(camera.camera_nickname)}**? Its sightings stay.")
        if st.button("Remove camera", type="primary", icon=":material/delete:", key=f"remove-{camera.camera_id}"):
            _remove(camera)


def _remove(camera: CameraReply) -> None:
    try:
        client().remove_camera(camera.camera_id)
    except ClientError as error:
        show(error)
        return
    announce(f"{plain(camera.camera_nickname)} is watched no more.", ":material/delete:")
    st.rerun(scope="app")


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    show_page()
