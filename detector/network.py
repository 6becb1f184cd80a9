"""The detector's network, for training; serving knows it as an ONNX file only.

A YOLO11 (Ultralytics, 2024) with its blocks, loss and head, but with channel counts of its own:
pictures of click puzzles are small, and so are their items, so half of the head's channels and
eight distance bins in place of sixteen do, and the whole is twice as fast on a CPU.
"""

import os
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Literal, Self

# Must stand before the import: without it Ultralytics asks name servers whether it is online, and
# when it believes so it reports usage and offers downloads and installations of its own.
os.environ["YOLO_OFFLINE"] = "true"
os.environ["YOLO_AUTOINSTALL"] = "false"
os.environ.setdefault("YOLO_VERBOSE", "false")

import torch
from PIL import Image
from torch import Tensor, nn

_open, _save = Image.open, torch.save

from ultralytics.nn.tasks import DetectionModel  # noqa: E402  (see above)

# On import Ultralytics replaces both, for the whole process: a file that is no picture would make
# it install a package, and checkpoints would be written again and again where a disk is full.
Image.open, torch.save = _open, _save

Size = Literal["slim", "n"]

# Channels of: stem, second convolution, its block, then convolution and block at strides 8, 16 and
# 32, then the head's three scales. "n" has the counts of YOLO11n.
_CHANNELS: dict[Size, tuple[int, ...]] = {
    "slim": (16, 24, 32, 48, 64, 96, 128, 192, 48, 96, 192),
    "n": (16, 32, 64, 64, 128, 128, 128, 256, 64, 128, 256),
}
# Distances from a cell to a box's sides reach 7 cells; at stride 32 that is wider than any item.
_DISTANCE_BINS = 8


class DetectorNetwork(DetectionModel):
    """Ultralytics' network, with the types that its source leaves open."""

    args: SimpleNamespace
    model: nn.Sequential

    def __init__(self, definition: dict[str, object], classes: int) -> None:
        super().__init__(definition, ch=3, nc=classes, verbose=False)
        # The loss reads its gains here; they are the defaults of Ultralytics.
        self.args = SimpleNamespace(box=7.5, cls=0.5, dfl=1.5)

    def loss(
        self, batch: Mapping[str, Tensor], preds: Mapping[str, Any] | None = None
    ) -> tuple[Tensor, Tensor]:
        """The losses `(3,)` of boxes, classes and distances, each times the batch; and detached.

        Args:
            batch: As in `build_network`; without `img` where `preds` are given.
            preds: What the head said in training mode.
        """
        losses: tuple[Tensor, Tensor] = super().loss(batch, preds)
        return losses

    def fuse(self, verbose: bool = False, imgsz: int = 640) -> Self:
        """Put every normalisation into the convolution before it."""
        network: Self = super().fuse(verbose, imgsz)
        return network

    def trace_for_onnx(self) -> None:
        """Let the head give what an exported file gives: boxes alone, from fixed cells."""
        # Its class has None for the format, and so has its type.
        vars(self.model[-1]).update(export=True, format="onnx")


def build_network(classes: int, size: Size = "slim") -> DetectorNetwork:
    """A network with random weights and the gains of its loss.

    Args:
        classes: Number of classes.
        size: How many channels.

    Returns:
        In training mode it maps a dict with `img` `(B, 3, H, W)` float32 RGB in 0..1, `batch_idx`
        `(M,)`, `cls` `(M, 1)` and `bboxes` `(M, 4)` (centre and sides as shares of the picture) to
        `(losses (3,), named losses)`; in evaluation mode it maps pictures to a tuple whose first
        is `(B, 4 + classes, N)`: `cx, cy, w, h` in input pixels and the classes' scores.
    """
    return DetectorNetwork(_definition(classes, size), classes)


def _definition(classes: int, size: Size) -> dict[str, object]:
    """Layers as `[from, repeats, block, arguments]`, in the form Ultralytics parses."""
    stem, second, block, c8, b8, c16, b16, c32, h8, h16, h32 = _CHANNELS[size]
    backbone: list[list[object]] = [
        [-1, 1, "Conv", [stem, 3, 2]],
        [-1, 1, "Conv", [second, 3, 2]],
        [-1, 1, "C3k2", [block, False, 0.25]],
        [-1, 1, "Conv", [c8, 3, 2]],
        [-1, 1, "C3k2", [b8, False, 0.25]],  # 4: stride 8
        [-1, 1, "Conv", [c16, 3, 2]],
        [-1, 1, "C3k2", [b16, True]],  # 6: stride 16
        [-1, 1, "Conv", [c32, 3, 2]],
        [-1, 1, "C3k2", [c32, True]],
        [-1, 1, "SPPF", [c32, 5]],
        [-1, 1, "C2PSA", [c32]],  # 10: stride 32
    ]
    head: list[list[object]] = [
        [-1, 1, "nn.Upsample", [None, 2, "nearest"]],
        [[-1, 6], 1, "Concat", [1]],
        [-1, 1, "C3k2", [h16, False]],  # 13
        [-1, 1, "nn.Upsample", [None, 2, "nearest"]],
        [[-1, 4], 1, "Concat", [1]],
        [-1, 1, "C3k2", [h8, False]],  # 16: out at stride 8
        [-1, 1, "Conv", [h8, 3, 2]],
        [[-1, 13], 1, "Concat", [1]],
        [-1, 1, "C3k2", [h16, False]],  # 19: out at stride 16
        [-1, 1, "Conv", [h16, 3, 2]],
        [[-1, 10], 1, "Concat", [1]],
        [-1, 1, "C3k2", [h32, True]],  # 22: out at stride 32
        [[16, 19, 22], 1, "Detect", ["nc"]],
    ]
    return {
        "nc": classes,
        "reg_max": _DISTANCE_BINS,
        "scales": {"n": [1.0, 1.0, 1024]},
        "scale": "n",
        "backbone": backbone,
        "head": head,
    }
