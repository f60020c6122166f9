"""Small line plots as SVG, to stand inside an HTML page."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np

from backend.evaluation.metrics import Floats, Tradeoff

WIDTH: Final = 640
HEIGHT: Final = 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 16, 48
_LEGEND_ROW = 20
COLOURS: Final = ("#1668c7", "#c2571a", "#2b8a3e", "#8a3ba8", "#666666")
"""Told apart by people who see red and green alike."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a plot."""

    title: str
    low: float
    high: float
    marks: Sequence[float]
    """Where numbers stand."""
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """How far along the axis a value lies, 0–1; a value beyond an end lies on it."""
        low, high, at = (self._scaled(number) for number in (self.low, self.high, min(max(value, self.low), self.high)))
        return (at - low) / (high - low)

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One curve."""

    name: str
    x: Floats
    y: Floats


def det_plot(curves: Sequence[tuple[str, Tradeoff]], false_positives: str, false_negatives: str) -> str:
    """Both error rates against each other, in percent and logarithmic: the lower a curve, the better."""
    smallest = min((_smallest_step(curve) for _, curve in curves), default=0.01)
    lines = [Line(name, 100 * curve.false_positives, 100 * curve.false_negatives) for name, curve in curves]
    return line_plot(lines, _percent(false_positives, max(smallest, 0.001)), _percent(false_negatives, 0.1))


def threshold_plot(curve: Tradeoff, false_positives: str, false_negatives: str) -> str:
    """Both error rates against the threshold, in percent and logarithmic."""
    shown = (curve.thresholds >= 0.0) & (curve.thresholds <= 1.0)
    thresholds = curve.thresholds[shown]
    lines = [
        Line(false_positives, thresholds, 100 * curve.false_positives[shown]),
        Line(false_negatives, thresholds, 100 * curve.false_negatives[shown]),
    ]
    return line_plot(lines, Axis("threshold", 0, 1, [tenth / 10 for tenth in range(11)]), _percent("errors", 0.01))


def line_plot(lines: Iterable[Line], x: Axis, y: Axis) -> str:
    """Curves over two axes, with a legend below."""
    drawn = list(lines)
    legend = "".join(_legend(position, line) for position, line in enumerate(drawn))
    curves = "".join(_curve(position, line, x, y) for position, line in enumerate(drawn))
    height = HEIGHT + _LEGEND_ROW * -(-len(drawn) // 2)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(f"{y.title} by {x.title}")}">'
        f"{_grid(x, y)}{curves}{legend}</svg>"
    )


def _percent(title: str, low: float) -> Axis:
    decades = [10.0**power for power in range(-3, 3)]
    # At most 10, so that there is room between the ends.
    low = max(decade for decade in decades if decade <= min(low, 10.0) * 1.0001)
    return Axis(f"{title} (%)", low, 100, [decade for decade in decades if decade >= low], logarithmic=True)


def _smallest_step(curve: Tradeoff) -> float:
    """The smallest rate above zero that occurs, in percent."""
    rates = curve.false_positives[curve.false_positives > 0]
    return 100 * float(rates.min()) if len(rates) else 0.01


def _grid(x: Axis, y: Axis) -> str:
    parts = []
    for mark in x.marks:
        at = _across(x, mark)
        parts.append(f'<line class="grid" x1="{at}" x2="{at}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{at}" y="{HEIGHT - _BOTTOM + 18}" text-anchor="middle">{mark:g}</text>')
    for mark in y.marks:
        at = _up(y, mark)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{at}" y2="{at}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{at + 4}" text-anchor="end">{mark:g}</text>')
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x.title)}</text>')
    centre = (_TOP + HEIGHT - _BOTTOM) / 2
    turned = f'transform="rotate(-90 14 {centre})" text-anchor="middle"'
    parts.append(f'<text x="14" y="{centre}" {turned}>{escape(y.title)}</text>')
    return "".join(parts)


def _curve(position: int, line: Line, x: Axis, y: Axis) -> str:
    places = np.array([(_across(x, across), _up(y, up)) for across, up in zip(line.x, line.y, strict=True)])
    points = " ".join(f"{across:g},{up:g}" for across, up in _without_repeats(places))
    return f'<polyline fill="none" stroke="{COLOURS[position % len(COLOURS)]}" stroke-width="2" points="{points}"/>'


def _without_repeats(places: Floats) -> Floats:
    """The places without those that cannot be told from the one before, which are nearly all of many thousands."""
    if not len(places):
        return places
    rounded = places.round(1)
    moved = np.any(rounded[1:] != rounded[:-1], axis=1)
    return rounded[np.concatenate(([True], moved))]


def _legend(position: int, line: Line) -> str:
    """A curve's name, two to a row."""
    left, at = _LEFT + 280 * (position % 2), HEIGHT + 8 + _LEGEND_ROW * (position // 2)
    colour = COLOURS[position % len(COLOURS)]
    return (
        f'<line x1="{left}" x2="{left + 24}" y1="{at}" y2="{at}" stroke="{colour}" stroke-width="3"/>'
        f'<text x="{left + 32}" y="{at + 4}">{escape(line.name)}</text>'
    )


def _across(axis: Axis, value: float) -> float:
    return round(_LEFT + axis.share(value) * (WIDTH - _LEFT - _RIGHT), 2)


def _up(axis: Axis, value: float) -> float:
    return round(HEIGHT - _BOTTOM - axis.share(value) * (HEIGHT - _TOP - _BOTTOM), 2)
