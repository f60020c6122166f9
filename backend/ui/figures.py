"""Figures side by side, each under its label."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from backend.ui.phrases import plain


@dataclass(frozen=True, slots=True)
class Figure:
    """A labelled value, and what it means where the label does not say it."""

    label: str
    value: str
    explained: str | None = None


def show_figures(figures: Sequence[Figure]) -> None:
    """Show the figures in a row that wraps."""
    with st.container(horizontal=True, gap="medium"):
        for figure in figures:
            st.markdown(
                f":small[:gray[{plain(figure.label)}]]  \n{plain(figure.value)}",
                width="content",
                help=figure.explained,
            )
