"""Layout of prompt pictures: where their items stand, and where there is room for a text."""

import numpy as np
from numpy.random import Generator

_MOST_WIDTH_PX = 640


def layout(
    count: int, side: float, rng: Generator
) -> tuple[tuple[int, int], list[tuple[float, float]], tuple[int, int] | None]:
    """Size of the picture, the middles of the items, and the columns that are free for a text."""
    height = round(side / rng.uniform(0.42, 1.02))
    kind = rng.random()
    wander = max(0.0, height - side) / 2
    lead = int(side * rng.uniform(2.0, 5.0)) if rng.random() < 0.14 else 0
    if kind < 0.3:  # Equal cells.
        cell = side * rng.uniform(1.0, 3.2)
        xs = [
            cell * (i + 0.5) + rng.uniform(-0.5, 0.5) * max(0.0, cell - side) for i in range(count)
        ]
        width = cell * count
    else:
        gaps = np.full(count - 1, _gap(rng)) if kind < 0.8 else rng.uniform(-0.05, 2.6, count - 1)
        if kind < 0.8 and rng.random() < 0.4:
            gaps = gaps + rng.uniform(0, 0.3, count - 1)
        places = np.concatenate([[0.0], np.cumsum(side * (1 + gaps))])
        row = float(places[-1]) + side
        room = side * (rng.uniform(0.05, 0.6) if rng.random() < 0.45 else rng.uniform(0.3, 4.0))
        start = side / 2 + room * float(rng.choice(np.array([0.05, 0.5, 0.95, rng.random()])))
        if rng.random() < 0.04:
            start -= 0.15 * side  # The first item is clipped.
        xs = [start + float(place) for place in places]
        width = row + room
    after = lead > 0 and rng.random() < 0.3
    if lead and not after:
        xs = [x + lead for x in xs]
    total = min(round(width) + lead, max(_MOST_WIDTH_PX, round(width)))
    ys = [
        height / 2 + (rng.uniform(-1, 1) * wander if rng.random() < 0.6 else 0.0)
        for _ in range(count)
    ]
    if not lead:
        return (max(total, height), height), list(zip(xs, ys, strict=True)), None
    room_for = (round(width), total) if after else (0, lead)
    return (max(total, height), height), list(zip(xs, ys, strict=True)), room_for


def _gap(rng: Generator) -> float:
    kind = rng.random()
    if kind < 0.2:
        return float(rng.uniform(-0.1, 0.04))
    if kind < 0.65:
        return float(rng.uniform(0.04, 0.5))
    return float(rng.uniform(0.5, 2.6))
