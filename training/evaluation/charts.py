"""Bar charts with intervals, and line charts over steps, as SVG inside a page of HTML.

Colours come from custom properties that `STYLE` sets, so that a chart follows the page's scheme.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
:root { --ink: #1c1e21; --quiet: #59616b; --line: #ccd1d6; --before: #8b939c; --after: #2f78c4;
  --c0: #0b63b8; --c1: #b3361c; --c2: #1b7a3d; --c3: #7a3fa0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --quiet: #a7aeb6; --line: #454a50;
  --before: #7d868f; --after: #4f95dc; --c0: #6db3f8; --c1: #ff9a80; --c2: #69c98a;
  --c3: #c79bea; } }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--ink); font: 13px system-ui, sans-serif; }
svg .quiet { fill: var(--quiet); font-size: 11px; }
svg .grid { stroke: var(--line); fill: none; }
svg .interval { stroke: var(--ink); stroke-width: 1.6; fill: none; }
svg .series { fill: none; stroke-width: 1.8; }
"""

COLOURS = 4
_DASHES = ("none", "7 3", "2 3", "9 3 2 3")
"""Told apart without colours, too."""

_WIDTH = 420
"""Width of a chart in its own units: its letters stay legible on a telephone."""

_MOST_POINTS = 300


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart.

    Attributes:
        label: Text before the bar.
        rate: Length of the bar, 0..1.
        interval: Ends of the interval that is drawn over it, 0..1.
        told: Text behind the bar.
        colour: CSS custom property of its colour, without the dashes.
    """

    label: str
    rate: float
    interval: tuple[float, float]
    told: str
    colour: str


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart.

    Attributes:
        name: Name in the legend.
        points: `(step, value)` in the order of the steps, at least one.
    """

    name: str
    points: tuple[tuple[float, float], ...]


def bar_chart(groups: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """Horizontal bars from 0 to 100 %, each with its interval.

    Args:
        groups: Headings, each with the bars below it.

    Returns:
        SVG element, its colours those of `STYLE`.
    """
    left, right, step = 56, 292, 24
    parts, told, y = [], [], 4
    for heading, bars in groups:
        parts.append(f'<text x="0" y="{y + 14}">{escape(heading)}</text>')
        y += 22
        bottom = y + step * len(bars)
        for mark in (0.0, 0.5, 1.0):
            x = left + mark * (right - left)
            parts.append(f'<path class="grid" d="M{x:.1f} {y}V{bottom}"/>')
        for bar in bars:
            end, low, high = (left + v * (right - left) for v in (bar.rate, *bar.interval))
            parts.append(
                f'<text x="0" y="{y + 16}">{escape(bar.label)}</text>'
                f'<rect x="{left}" y="{y + 4}" width="{end - left:.1f}" height="{step - 8}" '
                f'fill="var(--{bar.colour})"/>'
                f'<path class="interval" d="M{low:.1f} {y + 12}H{high:.1f}'
                f'M{low:.1f} {y + 7}v10M{high:.1f} {y + 7}v10"/>'
                f'<text x="{right + 10}" y="{y + 16}">{escape(bar.told)}</text>'
            )
            told.append(f"{heading}, {bar.label}: {bar.told}")
            y += step
        parts.append(
            "".join(
                f'<text class="quiet" x="{left + mark * (right - left):.1f}" y="{y + 12}" '
                f'text-anchor="middle">{mark * 100:.0f}</text>'
                for mark in (0.0, 0.5, 1.0)
            )
            + f'<text class="quiet" x="{right + 14}" y="{y + 12}">%</text>'
        )
        y += 26
    return _svg("; ".join(told), y, parts)


def line_chart(title: str, series: Sequence[Series], *, ceiling: float = 0.0) -> str:
    """Lines over the steps of a training, and a legend below; a single value is a dot.

    Args:
        title: Title above the chart.
        series: At least one line; more than `COLOURS` share colours.
        ceiling: Least upper end of the scale of values; 0 is always on the scale.

    Returns:
        `figure` element, its colours those of `STYLE`.
    """
    every = [point for one in series for point in one.points]
    first, last = min(x for x, _ in every), max(x for x, _ in every)
    marks = _marks(min(0.0, *(y for _, y in every)), max(ceiling, *(y for _, y in every)))
    low, high = marks[0], marks[-1]
    left, top, right, bottom = 44, 12, _WIDTH - 8, 168

    def place(step: float, value: float) -> str:
        along = (step - first) / (last - first) if last > first else 0.5
        up = (value - low) / (high - low)
        return f"{left + along * (right - left):.1f},{bottom - up * (bottom - top):.1f}"

    parts = []
    for mark in marks:
        y = place(first, mark).partition(",")[2]
        parts.append(
            f'<path class="grid" d="M{left} {y}H{right}"/><text class="quiet" x="{left - 6}" '
            f'y="{float(y) + 4:.1f}" text-anchor="end">{mark:g}</text>'
        )
    ends = {first: ("start", left), last: ("end", right)}
    alone = {first: ("middle", (left + right) // 2)}
    for step, (anchor, edge) in (ends if last > first else alone).items():
        parts.append(
            f'<text class="quiet" x="{edge}" y="{bottom + 16}" text-anchor="{anchor}">'
            f"step {step:,.0f}</text>"
        )
    for number, one in enumerate(series):
        line = f'style="stroke:var(--c{number % COLOURS})" stroke-dasharray="{_dash(number)}"'
        points = _thinned(one.points)
        parts.append(
            f'<polyline class="series" {line} points="{" ".join(place(*p) for p in points)}"/>'
        )
        # A line of one point is invisible, and the last value is what counts of the others.
        x, y = place(*points[-1]).split(",")
        parts.append(f'<circle cx="{x}" cy="{y}" r="3" fill="var(--c{number % COLOURS})"/>')
    spoken = "; ".join(
        f"{one.name} {one.points[0][1]:.3g} at first, {one.points[-1][1]:.3g} at last"
        for one in series
    )
    keys = "".join(
        '<span class="key"><svg viewBox="0 0 26 10" aria-hidden="true"><path class="series" '
        f'style="stroke:var(--c{number % COLOURS})" stroke-dasharray="{_dash(number)}" '
        f'd="M0 5H26"/></svg>{escape(one.name)} {one.points[-1][1]:.3g}</span>'
        for number, one in enumerate(series)
    )
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f"{_svg(f'{title}: {spoken}', bottom + 22, parts)}<p>{keys}</p></figure>\n"
    )


def _svg(spoken: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(spoken)}">'
        f"{''.join(parts)}</svg>\n"
    )


def _dash(number: int) -> str:
    return _DASHES[number % len(_DASHES)]


def _thinned(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """At most some hundred points, the last among them: a drawing has no room for more."""
    stride = -(-len(points) // _MOST_POINTS)
    kept = points[::stride]
    return kept if kept[-1] == points[-1] else (*kept, points[-1])


def _marks(low: float, high: float) -> list[float]:
    """Round numbers from the one below to the one above, with two to six steps between."""
    span = max(high - low, 1e-9)
    tens = 10.0 ** math.floor(math.log10(span))
    step = next(tens * part for part in (0.2, 0.25, 0.5, 1, 2) if span <= 5.001 * tens * part)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    # A scale of nothing but 0 would have no length.
    return [number * step for number in range(first, max(last, first + 1) + 1)]
