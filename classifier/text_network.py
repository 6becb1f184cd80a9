"""The network that reads a whole text: one trunk of convolutions, three heads.

Only trainers import this module; serving runs the exported ONNX file.

The trunk halves the width twice and the height four times, so that a picture becomes a row of
frames, one for every four pixels. The heads read the row:

fixed      as many answers as a text has places, each an attention over the frames
ctc        a bidirectional GRU, then a distribution for each frame (CTC)
ctc-conv   convolutions along the row instead of the GRU, then the same
"""

import math
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Head = Literal["fixed", "ctc", "ctc-conv"]
Trunk = Literal["slim", "usual"]

_CHANNELS: dict[Trunk, tuple[int, int, int, int, int]] = {
    "slim": (16, 24, 48, 80, 112),
    "usual": (24, 32, 64, 112, 160),
}
"""Channels of the stem and of the four stages."""

_FEATURES: dict[Trunk, int] = {"slim": 160, "usual": 224}
STEM_CHANNELS: dict[Trunk, int] = {name: channels[0] for name, channels in _CHANNELS.items()}
"""Channels of each trunk's first layer, which tell whose weights a file holds."""

_FRAME_PX = 4
_ROW_PX = 16
_RARE_BLANK = -2.0
"""First bias of the blank: a network that begins with blanks everywhere needs hundreds of steps to
find that there is anything else to say."""


class _Block(nn.Module):
    """Two 3x3 convolutions beside a way around them."""

    def __init__(self, before: int, after: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.first = _conv(before, after, stride)
        self.second = nn.Sequential(
            nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after)
        )
        # Averages lose nothing on the way around, where a strided 1x1 drops three pixels of four.
        way: list[nn.Module] = []
        if stride != (1, 1):
            way.append(nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False))
        if before != after:
            way += [nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after)]
        self.around = nn.Sequential(*way)

    def forward(self, maps: Tensor) -> Tensor:
        """`(N, before, H, W)` to `(N, after, H / stride, W / stride)`."""
        return functional.relu(self.second(self.first(maps)) + self.around(maps))


class _RowConvolution(nn.Module):
    """A residual convolution along the row of frames."""

    def __init__(self, features: int, dilation: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv1d(features, features, 5, padding=2 * dilation, dilation=dilation, bias=False),
            nn.BatchNorm1d(features),
            nn.ReLU(inplace=True),
            nn.Conv1d(features, features, 1),
        )

    def forward(self, row: Tensor) -> Tensor:
        """`(N, F, T)` to the same."""
        return functional.relu(row + self.inner(row))


class _FixedHead(nn.Module):
    """Places that each look along the row for their character."""

    def __init__(self, features: int, frames: int, length: int, classes: int) -> None:
        super().__init__()
        self.context = nn.Sequential(_RowConvolution(features, 1), _RowConvolution(features, 2))
        # Without it a frame in the middle does not know how many characters came before.
        self.along = nn.GRU(features, features // 4, bidirectional=True, batch_first=True)
        self.places = nn.Linear(features // 2, length)
        self.at = nn.Parameter(torch.zeros(length, frames))
        with torch.no_grad():
            # Places begin at even distances: one that begins anywhere may settle on a neighbour.
            centres = (torch.arange(length) + 0.5) * frames / length
            off = torch.arange(frames)[None] + 0.5 - centres[:, None]
            self.at.copy_(-((off * length / frames) ** 2))
        self.answers = nn.Linear(features, classes)

    def forward(self, row: Tensor) -> Tensor:
        """`(N, F, T)` to `(N, length, classes)` logits."""
        row = self.context(row)
        walked = _walk(self.along, row)
        looks = (self.places(walked).transpose(1, 2) + self.at).softmax(dim=2)
        return _answered(self.answers, looks @ row.transpose(1, 2).float())


class _RecurrentHead(nn.Module):
    """A distribution for every frame, after a GRU in both directions."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.along = nn.GRU(features, features // 2, bidirectional=True, batch_first=True)
        self.answers = _with_rare_blank(nn.Linear(2 * (features // 2), classes))

    def forward(self, row: Tensor) -> Tensor:
        """`(N, F, T)` to `(N, T, classes)` logits."""
        return _answered(self.answers, _walk(self.along, row))


class _ConvolvedHead(nn.Module):
    """A distribution for every frame, after convolutions along the row."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.context = nn.Sequential(*(_RowConvolution(features, d) for d in (1, 2)))
        self.answers = _with_rare_blank(nn.Linear(features, classes))

    def forward(self, row: Tensor) -> Tensor:
        """`(N, F, T)` to `(N, T, classes)` logits."""
        return _answered(self.answers, self.context(row).transpose(1, 2))


class TextNetwork(nn.Module):
    """Pictures of texts to logits of characters; symbol 0 is the blank, or no character."""

    def __init__(
        self,
        charset_size: int,
        channels: int,
        height: int,
        width: int,
        head: Head = "ctc-conv",
        length: int = 4,
        *,
        trunk: Trunk = "slim",
        dropout: float = 0.1,
    ) -> None:
        """Set the layers up.

        Args:
            charset_size: Symbols, with the one at index 0 that stands for nothing.
            channels: Channels of the input.
            height: Height of the input in pixels.
            width: Width of the input in pixels; the CTC heads take any other, too.
            head: What reads the row of frames.
            length: Places of the head `fixed`.
            trunk: How many channels it has.
            dropout: Share of features left out while training.
        """
        super().__init__()
        stem, *stages = _CHANNELS[trunk]
        features = _FEATURES[trunk]
        # Pixels come as 0..1: mostly paper, far from 0.
        self.levels = nn.BatchNorm2d(channels, affine=False)
        self.stem = _conv(channels, stem, (2, 2), kernel=5)
        self.stages = nn.Sequential(
            _Block(stem, stages[0], (1, 1)),
            _Block(stages[0], stages[1], (2, 2)),
            _Block(stages[1], stages[2], (2, 1)),
            _Block(stages[2], stages[3], (2, 1)),
        )
        rows, frames = frames_of(height, width)
        self.row = nn.Sequential(
            nn.Conv1d(stages[3] * rows, features, 1, bias=False),
            nn.BatchNorm1d(features),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
        )
        self.head: nn.Module
        if head == "fixed":
            self.head = _FixedHead(features, frames, length, charset_size)
        elif head == "ctc":
            self.head = _RecurrentHead(features, charset_size)
        else:
            self.head = _ConvolvedHead(features, charset_size)

    def forward(self, image: Tensor) -> Tensor:
        """`(N, channels, height, width)` float to logits.

        Returns:
            `(N, length, charset_size)` of the head `fixed`, else `(N, T, charset_size)`, where T
            is a quarter of the width.
        """
        maps = self.stages(self.stem(self.levels(image)))
        # (N, C, R, T) -> (N, C * R, T)
        logits: Tensor = self.head(self.row(maps.flatten(1, 2)))
        return logits


def frames_of(height: int, width: int) -> tuple[int, int]:
    """Rows and frames that the trunk makes of a picture of so many pixels."""
    return -(-height // _ROW_PX), -(-width // _FRAME_PX)


def needed_frames(text: str) -> int:
    """Frames that CTC needs at least for a text: a blank between two of the same character."""
    return len(text) + sum(a == b for a, b in pairwise(text))


def _conv(before: int, after: int, stride: tuple[int, int], *, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


def _walk(along: nn.GRU, row: Tensor) -> Tensor:
    """`(N, F, T)` to `(N, T, G)` of a GRU, in full precision: half of it has no fast way here."""
    with torch.autocast(row.device.type, enabled=False):
        walked: Tensor = along(row.transpose(1, 2).float())[0]
    return walked


def _answered(answers: nn.Linear, seen: Tensor) -> Tensor:
    """`(N, T, F)` to logits, in full precision: with eight bits, likely answers come out even."""
    with torch.autocast(seen.device.type, enabled=False):
        logits: Tensor = answers(seen.float())
    return logits


def _with_rare_blank(answers: nn.Linear) -> nn.Linear:
    with torch.no_grad():
        answers.weight.mul_(math.sqrt(0.5))
        answers.bias.zero_()
        answers.bias[0] = _RARE_BLANK
    return answers
