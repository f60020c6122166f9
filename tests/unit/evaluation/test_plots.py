"""Plots are SVG that a browser can read."""

from xml.etree import ElementTree

import numpy as np
import pytest

from backend.evaluation.metrics import tradeoff
from backend.evaluation.plots import Axis, Line, det_plot, line_plot, threshold_plot

SVG = ElementTree.Element
CURVE = tradeoff(np.linspace(0.2, 0.9, 500), np.linspace(-0.2, 0.5, 500))


def drawn(svg: str) -> SVG:
    return ElementTree.fromstring(svg)  # noqa: S314 - made by the code under test


def test_a_det_plot_has_one_curve_for_each_name() -> None:
    svg = drawn(det_plot([("ours", CURVE), ("the <other>", CURVE)], "false matches", "misses"))
    assert len(svg.findall("polyline")) == 2
    texts = [text.text for text in svg.findall("text")]
    assert {"ours", "the <other>", "false matches (%)", "misses (%)"} <= set(texts)


def test_a_threshold_plot_shows_both_errors() -> None:
    svg = drawn(threshold_plot(CURVE, "false matches", "misses"))
    assert len(svg.findall("polyline")) == 2


def test_a_curve_stays_inside_the_axes_whatever_its_values() -> None:
    axis = Axis("x", 0, 1, (0, 1))
    line = Line("wild", np.array([-5.0, 0.5, 7.0]), np.array([0.5, -3.0, 9.0]))
    (polyline,) = drawn(line_plot([line], axis, Axis("y", 0.01, 100, (0.01, 100), logarithmic=True))).findall(
        "polyline"
    )
    points = [tuple(map(float, point.split(","))) for point in polyline.attrib["points"].split()]
    assert [x for x, _ in points] == pytest.approx([64, 344, 624])
    assert all(16 <= y <= 352 for _, y in points)


def test_points_that_cannot_be_told_apart_are_drawn_once() -> None:
    (polyline,) = drawn(
        line_plot([Line("still", np.full(1000, 0.5), np.full(1000, 0.5))], Axis("x", 0, 1, ()), Axis("y", 0, 1, ()))
    ).findall("polyline")
    assert len(polyline.attrib["points"].split()) == 1


def test_a_plot_of_nothing_is_a_plot() -> None:
    assert drawn(det_plot([("nothing", tradeoff([], []))], "false matches", "misses")) is not None
