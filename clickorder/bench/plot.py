"""A box of answer times for each level of a stress test."""

import io
from collections.abc import Sequence
from datetime import datetime

from clickorder.bench.load import LevelResult

_WIDE_SPREAD = 20.0
"""Longest over shortest time from which the axis is logarithmic: boxes would be flat."""

_SHARES = (5, 95)

_URL_LENGTH = 80
"""That much of it fits above the picture."""


def draw_boxes(results: Sequence[LevelResult], url: str, machine: str) -> bytes:
    """Draw quartiles as boxes, the 5th and 95th percentile as whiskers, what is above as dots.

    Args:
        results: At least one level; one without answers has an empty place.
        url: URL of the service, as it may be shown.
        machine: What the callers ran on.

    Returns:
        A PNG.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.cbook import boxplot_stats
    from matplotlib.figure import Figure

    times = [[s.taken_ms for s in result.samples if s.answered] for result in results]
    figure = Figure(figsize=(max(6.4, 2.2 + 0.9 * len(results)), 5.2), layout="constrained")
    axes = figure.add_subplot()
    boxes, places = [], []
    for place, values in enumerate(times, start=1):
        if not values:
            axes.text(
                place, 0.5, "no answers", rotation=90, ha="center", va="center",
                transform=axes.get_xaxis_transform(), color="#b3361c",
            )  # fmt: skip
            continue
        (box,) = boxplot_stats(values, whis=_SHARES)
        box["fliers"] = [value for value in box["fliers"] if value > box["whishi"]]
        boxes.append(box)
        places.append(place)
    if boxes:
        axes.bxp(
            boxes,
            positions=places,
            widths=0.5,
            patch_artist=True,
            boxprops={"facecolor": "#9ecae1", "edgecolor": "#264653"},
            medianprops={"color": "#b3361c", "linewidth": 1.6},
            flierprops={
                "marker": ".", "markersize": 3.5, "alpha": 0.4,
                "markerfacecolor": "#264653", "markeredgecolor": "none",
            },
        )  # fmt: skip
    every = [value for values in times for value in values]
    if every and max(every) > _WIDE_SPREAD * max(min(every), 1e-3):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlim(0.4, len(results) + 0.6)
    axes.set_xticks(
        range(1, len(results) + 1),
        [
            f"{result.level.name}\n{len(values)} of {len(result.samples)}"
            for result, values in zip(results, times, strict=True)
        ],
    )
    axes.set_xlabel("load, and requests that were answered")
    axes.set_ylabel("milliseconds to the answer")
    axes.grid(axis="y", alpha=0.3)
    title = f"{url[:_URL_LENGTH]}\n{machine}, {_date(results)}"
    axes.set_title(title, fontsize=10, parse_math=False)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=130)
    return content.getvalue()


def _date(results: Sequence[LevelResult]) -> str:
    began: datetime = results[0].began
    return began.astimezone().strftime("%Y-%m-%d %H:%M")
