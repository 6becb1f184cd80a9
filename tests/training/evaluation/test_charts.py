"""Charts are read back from their SVG."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.charts import COLOURS, STYLE, Series, line_chart

FINITE = st.floats(-1e12, 1e12, allow_nan=False)
NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?"


def drawn(chart: str) -> list[list[tuple[float, float]]]:
    return [
        [tuple(map(float, pair.split(","))) for pair in points.split()]
        for points in re.findall(r'<polyline[^>]* points="([^"]*)"', chart)
    ]


def scale(chart: str) -> list[float]:
    return [float(n) for n in re.findall(rf'text-anchor="end">({NUMBER})</text>', chart)]


def test_higher_is_up_and_later_is_right():
    chart = line_chart("t", [Series("a", ((0, 0.0), (10, 0.5), (20, 1.0)))], ceiling=1.0)
    (((x0, y0), (x1, y1), (x2, y2)),) = drawn(chart)
    assert x0 < x1 < x2
    assert y0 > y1 > y2
    assert (x1 - x0, y0 - y1) == pytest.approx((x2 - x1, y1 - y2))
    assert scale(chart) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])


@given(st.lists(st.tuples(st.floats(0, 1e9), FINITE), min_size=1, max_size=30))
def test_every_point_lies_in_the_drawing(points):
    chart = line_chart("t", [Series("a", tuple(sorted(points)))])
    _, _, width, height = map(float, re.search(r'viewBox="([^"]*)"', chart)[1].split())
    assert all(0 <= x <= width and 0 <= y <= height for line in drawn(chart) for x, y in line)
    marks = scale(chart)
    # Marks are written with six digits.
    slack = 1e-5 * max(map(abs, marks))
    assert marks[0] - slack <= min(value for _, value in points)
    assert marks[-1] + slack >= max(value for _, value in points)
    assert 2 <= len(marks) <= 8


def test_a_single_value_is_a_dot_in_the_middle():
    chart = line_chart("t", [Series("a", ((7, 0.5),))], ceiling=1.0)
    (((x, _),),) = drawn(chart)
    assert 150 < x < 300
    assert f'<circle cx="{x}"' in chart
    assert chart.count(">step 7<") == 1


def test_long_runs_are_thinned_but_end_where_they_end():
    long = tuple((float(n), n / 9999) for n in range(10_000))
    chart = line_chart("t", [Series("a", long)], ceiling=1.0)
    (line,) = drawn(chart)
    assert 200 < len(line) <= 302
    (whole,) = drawn(line_chart("t", [Series("a", (long[0], long[-1]))], ceiling=1.0))
    assert (line[0], line[-1]) == (whole[0], whole[-1])


def test_lines_are_told_apart_and_names_are_text():
    series = [Series(f"<{n}>", ((0, n), (1, n))) for n in range(COLOURS)]
    chart = line_chart('"t"', series)
    lines = re.findall(
        r"<polyline[^>]*(stroke:var\(--c\d\))[^>]*(stroke-dasharray=\S+ ?\S*)", chart
    )
    assert len(set(lines)) == len({dash for _, dash in lines}) == COLOURS
    assert "<0>" not in chart
    assert "&lt;0&gt; 0" in chart
    assert 'aria-label="&quot;t&quot;: ' in chart
    assert all(f"--c{n}:" in STYLE for n in range(COLOURS))
