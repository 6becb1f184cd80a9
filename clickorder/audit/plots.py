"""The plots of the report, as SVG to stand inside a page of HTML; they follow its colours."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH = 460
_LEFT, _RIGHT = 190, 448
_ROW = 26
_RATIOS = (0.1, 0.25, 0.5, 1, 2, 4, 10)


@dataclass(frozen=True, slots=True)
class Span:
    """A value with its interval.

    Attributes:
        label: Before it.
        value: Where the dot is.
        interval: Where the line begins and ends.
        told: For those who do not see it.
        strong: Drawn in the colour of what is certain.
    """

    label: str
    value: float
    interval: tuple[float, float]
    told: str
    strong: bool


def forest(spans: Sequence[Span]) -> str:
    """A dot with its interval a row, and a line at 0.

    Args:
        spans: At least one; values are logarithms of odds ratios, and the scale shows the ratios.
    """
    far = max([0.7, *(abs(end) for span in spans for end in span.interval)])

    def at(value: float) -> float:
        return (_LEFT + _RIGHT) / 2 + value / far * (_RIGHT - _LEFT) / 2

    bottom = 8 + _ROW * len(spans)
    parts = [f'<path class="grid" d="M{at(0):.1f} 4V{bottom}"/>']
    for row, span in enumerate(spans):
        y = 8 + _ROW * row + _ROW / 2
        low, high = (at(end) for end in span.interval)
        colour = "var(--c0)" if span.strong else "var(--before)"
        parts.append(
            f'<text x="0" y="{y + 4:.1f}">{escape(span.label)}</text>'
            f'<path class="interval" style="stroke:{colour}" d="M{low:.1f} {y:.1f}H{high:.1f}'
            f'M{low:.1f} {y - 4:.1f}v8M{high:.1f} {y - 4:.1f}v8"/>'
            f'<circle cx="{at(span.value):.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>'
        )
    parts += [
        f'<text class="quiet" x="{at(math.log(ratio)):.1f}" y="{bottom + 14}" '
        f'text-anchor="middle">× {ratio:g}</text>'
        for ratio in _RATIOS
        if abs(math.log(ratio)) <= far
    ]
    spoken = "; ".join(f"{span.label}: {span.told}" for span in spans)
    return _svg(spoken, bottom + 20, parts)


def curve(
    points: Sequence[tuple[float, float]],
    across: str,
    up: str,
    *,
    intervals: Sequence[tuple[float, float]] = (),
    most: float = 1.0,
) -> str:
    """A line of shares over something that grows.

    Args:
        points: `(x, share)`, by x; shares 0..1.
        across: What x is.
        up: What the share is.
        intervals: Intervals of the shares of the points; empty for none.
        most: The end of the x axis; a share is shown in percent where it is 1.
    """
    left, top, right, bottom = 44, 26, _WIDTH - 16, 190

    def place(x: float, share: float) -> tuple[float, float]:
        return left + x / most * (right - left), bottom - share * (bottom - top)

    parts = [f'<text class="quiet" x="0" y="12">{escape(up)}, %</text>']
    for mark in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = place(mark * most, mark)
        shown = mark * (100 if most == 1.0 else most)
        parts.append(
            f'<path class="grid" d="M{left} {y:.1f}H{right}"/>'
            f'<text class="quiet" x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">'
            f'{mark * 100:.0f}</text><text class="quiet" x="{x:.1f}" y="{bottom + 15}" '
            f'text-anchor="middle">{shown:.0f}</text>'
        )
    parts.append(
        f'<text class="quiet" x="{right}" y="{bottom + 32}" text-anchor="end">'
        f"{escape(across)}{', %' if most == 1.0 else ''}</text>"
    )
    drawn = [place(x, share) for x, share in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
    parts.append(f'<polyline class="series" style="stroke:var(--c0)" points="{line}"/>')
    for (x, _), (low, high) in zip(points, intervals, strict=False):
        (at, under), (_, over) = place(x, low), place(x, high)
        parts.append(f'<path class="interval" d="M{at:.1f} {under:.1f}V{over:.1f}"/>')
    if len(drawn) < 12:
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="var(--c0)"/>' for x, y in drawn]
    first, last = points[0], points[-1]
    spoken = f"{up}: {first[1]:.0%} at {first[0]:.3g} {across}, {last[1]:.0%} at {last[0]:.3g}"
    return _svg(spoken, bottom + 38, parts)


def response(
    name: str, values: Sequence[float], solved: Sequence[float], legible: Sequence[float]
) -> str:
    """Two lines of shares along one knob: solved solid, legible dashed.

    Args:
        name: Name of the knob.
        values: Along its range, at least two.
        solved: Share at each value, 0..1.
        legible: The same.
    """
    left, top, right, bottom = 34, 24, _WIDTH - 16, 130

    def line(shares: Sequence[float]) -> str:
        step = (right - left) / (len(shares) - 1)
        return " ".join(
            f"{left + step * at:.1f},{bottom - share * (bottom - top):.1f}"
            for at, share in enumerate(shares)
        )

    parts = [f'<text x="0" y="14">{escape(name)}</text>']
    for mark in (0.0, 0.5, 1.0):
        y = bottom - mark * (bottom - top)
        parts.append(
            f'<path class="grid" d="M{left} {y:.1f}H{right}"/><text class="quiet" x="{left - 6}" '
            f'y="{y + 4:.1f}" text-anchor="end">{mark * 100:.0f}</text>'
        )
    for anchor, x, value in (("start", left, values[0]), ("end", right, values[-1])):
        parts.append(
            f'<text class="quiet" x="{x}" y="{bottom + 15}" text-anchor="{anchor}">{value:g}</text>'
        )
    parts += [
        f'<polyline class="series" style="stroke:var(--c0)" points="{line(solved)}"/>',
    ]
    parts.append(
        '<polyline class="series" style="stroke:var(--c1)" stroke-dasharray="7 3" '
        f'points="{line(legible)}"/>'
    )
    spoken = (
        f"{name} from {values[0]:g} to {values[-1]:g}: solved {solved[0]:.0%} to {solved[-1]:.0%}, "
        f"legible {legible[0]:.0%} to {legible[-1]:.0%}"
    )
    return _svg(spoken, bottom + 20, parts)


def _svg(spoken: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{escape(spoken)}">'
        f"{''.join(parts)}</svg>\n"
    )
