"""Hours of the week, asked for a row at a time."""

from collections.abc import Sequence
from datetime import time
from typing import get_args

import streamlit as st

from backend.schemas.rules import DAYS, Day, PeriodEntry

_MORE = "rows"
_NIGHT = (time(22), time(6))


def ask_hours(key: str, before: Sequence[PeriodEntry], add_label: str) -> list[dict[str, object]]:
    """The hours as chosen, ready to be checked; rows can be added and removed, and begin as `before`."""
    rows = st.session_state.setdefault(f"{key}-{_MORE}", list(range(len(before))))
    chosen = [_ask_row(f"{key}-{row}", before[row] if row < len(before) else None, rows, row) for row in rows]
    following = max([*rows, len(before) - 1], default=-1) + 1
    st.button(
        add_label, icon=":material/add:", type="tertiary", key=f"{key}-add", on_click=rows.append, args=(following,)
    )
    return chosen


def _ask_row(key: str, before: PeriodEntry | None, rows: list[int], row: int) -> dict[str, object]:
    begins, ends = (before.begins, before.ends) if before else _NIGHT
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"{key}-row"):
        days = st.pills(
            "Days on which they begin",
            DAYS,
            selection_mode="multi",
            default=before.days if before else DAYS,
            key=f"{key}-days",
            format_func=_day,
            width="content",
        )
        first = st.time_input("From", begins, key=f"{key}-begins", step=300, width=110)
        last = st.time_input("Until", ends, key=f"{key}-ends", step=300, width=110)
        st.button(
            "Remove these hours",
            icon=":material/close:",
            type="tertiary",
            key=f"{key}-remove",
            on_click=rows.remove,
            args=(row,),
        )
    return {"days": _in_order(days), "begins": first, "ends": last}


def _day(day: str) -> str:
    return day.capitalize()


def _in_order(days: Sequence[str]) -> list[Day]:
    return [day for day in get_args(Day) if day in days]
