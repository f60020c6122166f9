"""Lengths of time, asked for as a number and a unit."""

from collections.abc import Mapping

import streamlit as st

_UNITS: Mapping[str, int] = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}
_LONGEST = 31_536_000


def ask_span(key: str, label: str, seconds: int, explained: str) -> int:
    """The seconds that were chosen; it begins with `seconds` in the largest unit that needs no fraction."""
    number, unit = in_units(seconds)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        amount = st.number_input(label, 0, _LONGEST, number, key=f"{key}-number", help=explained)
        chosen = st.selectbox("Unit", list(_UNITS), index=list(_UNITS).index(unit), key=f"{key}-unit", width=120)
    return int(amount) * _UNITS[chosen]


def in_units(seconds: int) -> tuple[int, str]:
    """The number and unit of a length of time; nothing is told in minutes, which is what most people want next."""
    if not seconds:
        return 0, "minutes"
    unit, length = next(
        (unit, length) for unit, length in sorted(_UNITS.items(), key=lambda known: -known[1]) if seconds % length == 0
    )
    return seconds // length, unit
