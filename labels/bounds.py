"""Whether a box fits its picture."""

import math

from labels.annotations import Kind

Corners = tuple[float, float, float, float]

# labelImg rounds to six digits of a share, and some tools to whole pixels before, which may reach
# over the border by a hair.
_OVERHANG = 0.01
_LEAST = 1e-9


def box_fault(corners: Corners, width: float, height: float) -> Kind | None:
    """What is wrong with a box as its file has it; None where it is fine once cut at the border.

    Args:
        corners: `x1, y1, x2, y2`, ends exclusive, in any unit.
        width: Width of the picture, in the same unit.
        height: The same.
    """
    x1, y1, x2, y2 = corners
    if not all(map(math.isfinite, corners)):
        return Kind.OUTSIDE_BOX
    sides = ((x1, x2, width), (y1, y2, height))
    if any(high - low <= _LEAST * side for low, high, side in sides):
        return Kind.EMPTY_BOX
    for low, high, side in sides:
        if low < -_OVERHANG * side or high > (1 + _OVERHANG) * side:
            return Kind.OUTSIDE_BOX
        # What is left when it is cut must have an area too.
        if min(high, side) - max(low, 0) <= _LEAST * side:
            return Kind.OUTSIDE_BOX
    return None


def cut_box(corners: Corners, width: float, height: float) -> Corners:
    """A box cut at the border of its picture; empty where it lies outside."""
    x1, y1, x2, y2 = corners
    return (
        min(max(x1, 0.0), width),
        min(max(y1, 0.0), height),
        min(max(x2, 0.0), width),
        min(max(y2, 0.0), height),
    )
