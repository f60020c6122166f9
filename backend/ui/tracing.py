"""Why a sighting was told, or why not: what was seen, what each rule made of it, and each message."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

import streamlit as st

from backend.domain.identity import Verdict
from backend.domain.notification import DeliveryState
from backend.domain.rule import Outcome
from backend.schemas.deliveries import AttemptReply, DeliveryReply, JudgementReply, RulingReply, TraceReply
from backend.ui.connection import client
from backend.ui.explanations import explained
from backend.ui.figures import Figure, show_figures
from backend.ui.naming import Names, fetched_names
from backend.ui.phrases import clock, count, plain, zone
from backend.ui.verdicts import LOOKS

Colour = Literal["green", "orange", "red", "gray", "blue"]

STATES: Mapping[DeliveryState, tuple[str, Colour, str]] = {
    DeliveryState.PENDING: ("waiting", "blue", ":material/schedule_send:"),
    DeliveryState.DELIVERED: ("delivered", "green", ":material/check:"),
    DeliveryState.FAILED: ("given up", "red", ":material/error:"),
    DeliveryState.WITHHELD: ("withheld", "gray", ":material/timer:"),
}
_ATTEMPTS: Mapping[str, str] = {
    "delivered": ":green[:material/check:]",
    "delayed": ":orange[:material/schedule:]",
    "failed": ":red[:material/close:]",
    "withheld": ":gray[:material/timer:]",
    "edited": ":green[:material/edit:]",
    "edit_delayed": ":orange[:material/schedule:]",
    "edit_refused": ":red[:material/edit_off:]",
}
_SHOWN_ATTEMPTS = 3
_SHOWN_QUALITIES = 5
_QUALITY = "Of the looks that the decision rests on, the best first; 1 is a face as one wishes for."
_SILENCED = (
    Outcome.BELOW_THRESHOLD,
    Outcome.OUTSIDE_HOURS,
    Outcome.QUIET_HOURS,
    Outcome.DISARMED,
    Outcome.MUTED,
    Outcome.COOLDOWN,
)


def show_trace(sighting_id: str) -> None:
    """Ask for the trace of a sighting and show it."""
    with explained():
        trace = client().trace(sighting_id)
        names = fetched_names(client())
    st.markdown("**Why, or why not**")
    if not trace.rulings:
        st.caption("The rules were not asked about this sighting, or it is older than their records.")
    for ruling in trace.rulings:
        with st.container(border=True, gap="small"):
            _show_ruling(ruling, names)
    for delivery in trace.deliveries:
        with st.container(border=True, gap="xsmall"):
            _show_message(delivery, names)
    _show_all(trace)


def _show_ruling(ruling: RulingReply, names: Names) -> None:
    look = LOOKS[ruling.decision]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(look.word, icon=look.icon, color=look.badge)
        st.markdown(_verdict(ruling, names), width="content")
        st.space("stretch")
        st.caption(_moment(ruling.decided_at), width="content")
    _show_figures(ruling)
    st.markdown("  \n".join(map(_judged, ruling.judgements)))


def _verdict(ruling: RulingReply, names: Names) -> str:
    """Who it was taken for, and who else it might have been."""
    if not ruling.candidates:
        return "Nobody was enrolled to compare with."
    nearest = plain(names.person(ruling.candidates[0].person_id))
    if ruling.decision is Verdict.MATCH:
        return f"**{nearest}**"
    if ruling.decision is Verdict.AMBIGUOUS and len(ruling.candidates) > 1:
        return f"{nearest} or {plain(names.person(ruling.candidates[1].person_id))}"
    return f"Nearest is {nearest}"


def _show_figures(ruling: RulingReply) -> None:
    figures = [Figure("Looks", f"{ruling.looks}"), Figure("Quality of the looks", _qualities(ruling), _QUALITY)]
    if ruling.margin is not None:
        figures.insert(0, Figure("Ahead of the next", f"{ruling.margin:.2f}"))
    if ruling.candidates:
        figures.insert(0, Figure("Similarity", _similarity(ruling)))
    show_figures(figures)


def _qualities(ruling: RulingReply) -> str:
    """The best few; the data below has all of them."""
    best = ruling.qualities[:_SHOWN_QUALITIES] or [ruling.quality]
    more = len(ruling.qualities) - len(best)
    return ", ".join(f"{quality:.2f}" for quality in best) + (f" and {more} more" if more > 0 else "")


def _similarity(ruling: RulingReply) -> str:
    similarity = ruling.candidates[0].similarity
    above = similarity - ruling.threshold if ruling.above_threshold is None else ruling.above_threshold
    return f"{similarity:.2f}, {abs(above):.2f} {'above' if above >= 0 else 'below'} the threshold"


def _judged(judgement: JudgementReply) -> str:
    """What one rule made of it, with a sign of how near it came to a message."""
    if judgement.outcome is Outcome.FIRED:
        sign = ":green[:material/check_circle:]"
    elif judgement.outcome in _SILENCED:
        sign = ":orange[:material/notifications_off:]"
    else:
        sign = ":gray[:material/remove:]"
    name = "" if judgement.outcome is Outcome.NO_RULE else f"**{plain(judgement.rule_name)}**: "
    return f"{sign} {name}{plain(judgement.reason)}"


def _show_message(delivery: DeliveryReply, names: Names) -> None:
    word, colour, icon = STATES[delivery.state]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(word, icon=icon, color=colour)
        st.markdown(f"Message to **{plain(names.channel(delivery.channel_id))}**", width="content")
    show_attempts(delivery)


def show_attempts(delivery: DeliveryReply) -> None:
    """The attempts at a delivery, the latest last; earlier ones of many behind a click."""
    earlier, latest = delivery.history[:-_SHOWN_ATTEMPTS], delivery.history[-_SHOWN_ATTEMPTS:]
    if earlier:
        with st.expander(f"{count(len(earlier), 'earlier attempt')}"):
            st.caption("  \n".join(map(_attempt, earlier)))
    if latest:
        st.caption("  \n".join(map(_attempt, latest)))
    if delivery.digest_id is not None:
        st.caption(":material/collections: Told in one message with others, as many came at once.")
    if delivery.state is DeliveryState.PENDING:
        st.caption(_waiting(delivery))


def _waiting(delivery: DeliveryReply) -> str:
    """What it waits for."""
    if delivery.next_attempt_at > datetime.now(UTC):
        return f"Tried again {_moment(delivery.next_attempt_at)}, after those before it."
    return "It is next, after those before it."


def _attempt(attempt: AttemptReply) -> str:
    sign = _ATTEMPTS.get(attempt.outcome, ":gray[:material/help:]")
    took = (attempt.ended_at - attempt.began_at).total_seconds()
    return f"{sign} {_moment(attempt.ended_at)}, after {took:.1f} s: {plain(attempt.answer)}"


def _moment(moment: datetime) -> str:
    return clock(moment, zone(st.context.timezone), datetime.now(UTC))


def _show_all(trace: TraceReply) -> None:
    with st.expander("All of it in sentences", icon=":material/notes:"):
        st.markdown("\n".join(f"- {plain(sentence)}" for sentence in trace.words) or "Nothing is known.")
    with st.expander("All of it as data", icon=":material/data_object:"):
        st.json(trace.model_dump(mode="json"), expanded=2)
