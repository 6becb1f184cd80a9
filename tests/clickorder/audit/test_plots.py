"""Plots say what they show, and their marks lie where the numbers say."""

import re

import pytest

from clickorder.audit.plots import Span, curve, forest


def test_a_forest_puts_certain_harm_right_of_the_line():
    drawn = forest([
        Span("harm", 1.0, (0.5, 1.5), "× 2.7", True),
        Span("<none>", 0.0, (-0.5, 0.5), "× 1", False),
    ])  # fmt: skip
    line = float(re.search(r'class="grid" d="M([\d.]+)', drawn)[1])
    first, second = (float(x) for x in re.findall(r'<circle cx="([\d.]+)"', drawn))
    assert first > line
    assert second == pytest.approx(line)
    assert "harm: × 2.7" in drawn
    assert "<none>" not in drawn


def test_a_curve_goes_up_where_shares_grow():
    drawn = curve([(0, 0.2), (50, 0.6), (100, 0.9)], "labels", "solved", most=100)
    points = re.search(r'<polyline[^>]*points="([^"]+)"', drawn)[1].split()
    xs, ys = zip(*(map(float, point.split(",")) for point in points), strict=True)
    assert list(xs) == sorted(xs)
    assert list(ys) == sorted(ys, reverse=True)
    assert "20% at 0 labels, 90% at 100" in drawn
