"""The UI's connection to the server: its settings, the token in use, and how the two are doing."""

from dataclasses import dataclass
from typing import Literal

import streamlit as st

from backend.client import ClientError, FaceServerClient, Forbidden, ServerFailed, Unauthorised, Unreachable
from backend.settings import load_ui_settings
from backend.ui.phrases import plain

TOKEN_KEY = "token_override"  # noqa: S105 - the name of a widget, not a token
_STANDING_KEY = "standing"
_CHECK_EVERY_S = 10

Colour = Literal["green", "orange", "red"]


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the server is up and the token accepted."""

    headline: str
    colour: Colour
    icon: str
    notes: tuple[str, ...] = ()


def client() -> FaceServerClient:
    """The client for this browser session, with the token from the sidebar or else from `.env`."""
    settings = load_ui_settings()
    token = str(st.session_state.get(TOKEN_KEY, "")).strip() or settings.auth_token.get_secret_value()
    return _client(settings.utilities_url, settings.camera_scheduler_url, token)


@st.cache_resource(scope="session", max_entries=2, on_release=FaceServerClient.close, show_spinner=False)
def _client(person_url: str, schedule_url: str, token: str) -> FaceServerClient:
    return FaceServerClient.at_routes(person_url, schedule_url, token)


def standing(server: FaceServerClient) -> Standing:
    """Ask the server whether it is ready, and whether it takes the token."""
    try:
        notes = tuple(server.ready().degraded)
        server.sightings(limit=1)
    except Unreachable:
        return Standing("Server does not answer", "red", ":material/cloud_off:")
    except Unauthorised:
        return Standing("Server is up, token missing", "orange", ":material/key:")
    except Forbidden:
        return Standing("Server is up, token refused", "orange", ":material/key_off:")
    except ServerFailed as error:
        return Standing("Server is not ready", "orange", ":material/hourglass_top:", (error.message,))
    except ClientError:
        return Standing("Not a Face Server", "red", ":material/help:")
    return Standing("Connected", "green", ":material/check_circle:", notes)


def show_sidebar() -> None:
    """The token override and the state of the connection, on every page."""
    with st.sidebar:
        st.text_input(
            "Access token",
            type="password",
            key=TOKEN_KEY,
            placeholder="from .env" if load_ui_settings().auth_token.get_secret_value() else "AUTH_TOKEN of the server",
            help="Used for every request instead of `AUTH_TOKEN` from `.env`. It stays in this browser session.",
            autocomplete="off",
        )
        _show_standing()


@st.fragment(run_every=_CHECK_EVERY_S)
def _show_standing() -> None:
    server = client()
    now = standing(server)
    st.badge(now.headline, icon=now.icon, color=now.colour)
    st.caption(f"`{server.address}`")
    for note in now.notes:
        st.caption(f":material/warning: {plain(note)}")
    before = st.session_state.get(_STANDING_KEY, now)
    st.session_state[_STANDING_KEY] = now
    if before != now:
        # What the page shows was fetched under the former conditions.
        st.rerun()
