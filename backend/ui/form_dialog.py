"""A form in a dialog that stays open until it is saved or put away, however often the page is drawn anew."""

from dataclasses import dataclass

import streamlit as st

NEW = "*new"
"""What a form is about that is not there yet; no id has an asterisk in it."""


@dataclass(frozen=True, slots=True)
class FormDialog:
    """One kind of form, of which a browser session has at most one open."""

    name: str

    def open(self, about: str = NEW) -> None:
        """Open it about something, as fresh as the first time."""
        st.session_state[self._about_key] = about
        st.session_state[self._round_key] = st.session_state.get(self._round_key, 0) + 1

    def close(self) -> None:
        """Put it away."""
        st.session_state.pop(self._about_key, None)

    @property
    def about(self) -> str | None:
        """What it is open about; None while it is closed."""
        about: str | None = st.session_state.get(self._about_key)
        return about

    @property
    def key(self) -> str:
        """What the keys of its widgets begin with: others at each opening, so that nothing typed before comes back."""
        return f"{self.name}-{st.session_state[self._round_key]}"

    @property
    def _about_key(self) -> str:
        return f"{self.name}_form_about"

    @property
    def _round_key(self) -> str:
        return f"{self.name}_form_round"
