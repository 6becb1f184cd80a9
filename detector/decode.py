"""The three output layouts of YOLO detectors, told apart by their shapes.

================  ==============  ===============================  ==============================
layout            shape           a row (or column) is             exported by
================  ==============  ===============================  ==============================
`v5`              `(1, N, 5+C)`   cx, cy, w, h, objectness, C      YOLOv5, YOLOv7
`v8`              `(1, 4+C, N)`   cx, cy, w, h, C                  Ultralytics v8, v11, v5u ...
`end_to_end`      `(1, N, 6)`     x1, y1, x2, y2, score, class     YOLOv10, YOLO26, `nms=True`
================  ==============  ===============================  ==============================

All numbers are pixels of the network's input. N tells the first two apart from everything else:
a grid network has one candidate a cell (v8) or three a cell (v5), and the number of cells follows
from the input size. The raw output of YOLOX has v5's columns and v8's N; it would need another
decoding, and is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detector.boxes import F32, xyxy_from_cxcywh
from detector.errors import UnknownLayoutError

LayoutKind = Literal["v5", "v8", "end_to_end"]

_STRIDES = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32))  # P3-P5, P3-P6, P2-P5
_ANCHORS_PER_CELL = 3
_END_TO_END_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Layout:
    """What the numbers of an output mean.

    Attributes:
        kind: Which of the layouts of this module.
        candidates: N.
        classes: C; None for `end_to_end`, whose shape does not tell it.
    """

    kind: LayoutKind
    candidates: int
    classes: int | None


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes before suppression.

    Attributes:
        boxes: `(N, 4)` float32, `x1, y1, x2, y2` in network pixels, `x2`/`y2` exclusive.
        scores: `(N,)` float32 in 0..1.
        classes: `(N,)` int64.
    """

    boxes: F32
    scores: F32
    classes: NDArray[np.int64]


def find_layout(
    shape: Sequence[int],
    input_size: tuple[int, int],
    *,
    classes: int | None = None,
    end_to_end: bool | None = None,
    source: str = "The model",
) -> Layout:
    """Tell which layout an output has.

    Args:
        shape: Shape of the output.
        input_size: `(width, height)` of the network's input in pixels.
        classes: Number of classes, where it is known.
        end_to_end: What the metadata says of the layout, where it says anything.
        source: What to call the file in messages.

    Raises:
        UnknownLayoutError: none fits, or more than one.
    """
    found: list[Layout] = []
    if len(shape) == 3 and shape[0] == 1:
        rows, columns = shape[1], shape[2]
        cells = {_cells(input_size, strides) for strides in _STRIDES}
        if not (end_to_end and columns == _END_TO_END_COLUMNS):
            if rows in {_ANCHORS_PER_CELL * count for count in cells} and columns > 5:
                found.append(Layout("v5", rows, columns - 5))
            if columns in cells and rows > 4:
                found.append(Layout("v8", columns, rows - 4))
        grid_like = rows in cells or any(layout.kind == "v5" for layout in found)
        if columns == _END_TO_END_COLUMNS:
            # Rows that match a grid are a grid's, unless its class count speaks against it. What
            # fits no grid is of the end, whatever the metadata say: an export with `nms=True`
            # does, and says that its network is not end to end.
            contradicted = (
                end_to_end is not False
                and bool(found)
                and classes is not None
                and classes != found[0].classes
            )
            if end_to_end or contradicted or not grid_like:
                found.append(Layout("end_to_end", rows, None))
    fitting = [
        layout
        for layout in found
        if classes is None or layout.classes is None or layout.classes == classes
    ]
    if len(fitting) == 1:
        return fitting[0]
    size = f"{input_size[0]}x{input_size[1]}"
    known = "" if classes is None else f" and {classes} classes"
    if fitting:
        raise UnknownLayoutError(
            f"{source} has an output of shape {tuple(shape)}, which for an input of {size}{known} "
            f"fits {' and '.join(layout.kind for layout in fitting)}; export it at another size."
        )
    if found:
        raise UnknownLayoutError(
            f"{source} has an output of shape {tuple(shape)}, which means "
            f"{' or '.join(str(layout.classes) for layout in found)} classes, but its metadata "
            f"names {classes}; export a plain detection model (no segments, poses or rotation)."
        )
    raise UnknownLayoutError(
        f"{source} has an output of shape {tuple(shape)}, which for an input of {size} is none of "
        "(1, N, 5+C), (1, 4+C, N) and (1, N, 6); export a YOLO detection model with batch 1."
    )


def decode(output: F32, layout: Layout, threshold: float) -> Candidates:
    """Boxes, scores and classes of the candidates that score at least a threshold.

    Args:
        output: `(1, N, 5+C)`, `(1, 4+C, N)` or `(1, N, 6)` float32, as `layout` says.
        layout: From `find_layout`.
        threshold: Lower bound of the score. Candidates with numbers that are not finite, or of no
            area, are dropped too.
    """
    table = output[0].T if layout.kind == "v8" else output[0]
    if layout.kind == "end_to_end":
        by_class, scores = None, table[:, 4]
    else:
        by_class = table[:, 4:] if layout.kind == "v8" else table[:, 5:] * table[:, 4:5]
        scores = by_class.max(axis=1)
    # Few of thousands are left; everything else is computed of those.
    good = np.flatnonzero((scores >= threshold) & np.isfinite(scores))
    table, scores = table[good], scores[good]
    if by_class is None:
        boxes, classes = table[:, :4], np.nan_to_num(table[:, 5]).astype(np.int64)
    else:
        boxes = xyxy_from_cxcywh(table[:, :4])
        classes = by_class[good].argmax(axis=1).astype(np.int64)
    keep = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return Candidates(
        boxes=boxes[keep].astype(np.float32),
        scores=np.clip(scores[keep], 0, 1).astype(np.float32),
        classes=classes[keep],
    )


def _cells(input_size: tuple[int, int], strides: tuple[int, ...]) -> int:
    return sum(-(-input_size[0] // stride) * -(-input_size[1] // stride) for stride in strides)
