"""The web UI of Face Server: `streamlit run backend/ui/web_ui.py`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

# Streamlit puts this file's folder on the path, where a checkout that is not installed needs its root.
if (root := str(Path(__file__).resolve().parents[2])) not in sys.path:
    sys.path.append(root)

from backend.domain.errors import ConfigurationError
from backend.settings import load_ui_settings
from backend.ui.announcements import show_announcement
from backend.ui.connection import show_sidebar
from backend.ui.phrases import plain

_HERE = Path(__file__).parent
_ICON = _HERE / "icon.svg"
_SIDEBAR_WIDTH = 260  # pixels
_PAGES = {
    "Faces": (
        ("people", "People", ":material/group:"),
        ("recognise", "Recognise", ":material/familiar_face_and_zone:"),
    ),
    "Cameras": (
        ("cameras", "Cameras", ":material/videocam:"),
        ("sightings", "Sightings", ":material/visibility:"),
    ),
    "Messages": (
        ("rules", "Rules", ":material/rule:"),
        ("channels", "Channels", ":material/campaign:"),
        ("deliveries", "Deliveries", ":material/outgoing_mail:"),
        ("telegram", "Telegram", ":material/send:"),
    ),
    "Server": (("access", "Access", ":material/key:"),),
}


def main() -> None:
    """Lay out the frame that all pages share, and run the page that is open."""
    st.set_page_config("Face Server", str(_ICON), layout="wide", initial_sidebar_state=_SIDEBAR_WIDTH)
    st.logo(_HERE / "logo.svg", icon_image=_ICON, size="large")
    _check_settings()
    # Streamlit serves the first page at / alone: with this one before it, /people is an address like the others.
    start = st.Page(_open_first_page, url_path="start", default=True, visibility="hidden")
    page = st.navigation({"": [start], **{section: _pages(of) for section, of in _PAGES.items()}})
    if page == start:
        page.run()
    show_sidebar()
    show_announcement()
    page.run()


def _pages(of: Sequence[tuple[str, str, str]]) -> list[st.Page]:
    return [st.Page(f"views/{name}.py", title=title, icon=icon) for name, title, icon in of]


def _open_first_page() -> None:
    st.switch_page("views/people.py")


def _check_settings() -> None:
    """Stop with a sentence where `.env` cannot be read: every page needs it."""
    try:
        load_ui_settings()
    except ConfigurationError as error:
        st.error(f"**The web UI cannot start.** {plain(error.message)}", icon=":material/settings_alert:")
        st.stop()


if __name__ == "__main__":
    main()
