"""Short news of what was done: said before a page is drawn anew, shown after."""

import streamlit as st

_KEY = "announcement"


def announce(text: str, icon: str) -> None:
    """Have the next run show the text, which is Markdown: what is shown just before a rerun may never be seen."""
    st.session_state[_KEY] = (text, icon)


def show_announcement() -> None:
    """Show what the run before had to say, once."""
    if _KEY in st.session_state:
        text, icon = st.session_state.pop(_KEY)
        st.toast(text, icon=icon)
