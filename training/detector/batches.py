"""Batches of an epoch, as a torch data loader."""

import signal
from collections.abc import Sequence
from typing import Protocol, cast

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from training.detector.frames import Frame, draw_frame
from training.detector.samples import DetectionData


class EpochOfFrames(Protocol):
    """The remaining frames of an epoch, in order."""

    def __len__(self) -> int:
        """How many are left."""
        ...

    def __getitem__(self, index: int) -> Frame:
        """One of them; the same for the same epoch and number, however often it is asked for."""
        ...


class FrameSource(Protocol):
    """An endless source of training frames; see `training.detector.drawn_prompts`."""

    @property
    def epoch_size(self) -> int:
        """Frames that count as one epoch."""
        ...

    def frames(self, size: tuple[int, int], key: tuple[int, int], skip: int) -> EpochOfFrames:
        """The frames of one epoch.

        Args:
            size: `(width, height)` of a frame in pixels.
            key: Seed and epoch; decides what is drawn.
            skip: Frames that were used before an interruption.
        """
        ...


def batches(frames: EpochOfFrames, size: int, *, workers: int, pinned: bool) -> "DataLoader[Frame]":
    """The frames in batches, as `collate` makes them.

    Args:
        frames: Frames of the epoch.
        size: Frames in a batch.
        workers: Processes that draw them; 0 draws them in this one.
        pinned: Whether the batches go to a GPU.
    """
    return DataLoader(
        cast("Dataset[Frame]", frames),
        batch_size=size,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=pinned,
        worker_init_fn=_ignore_signals,
    )


def _ignore_signals(number: int) -> None:  # noqa: ARG001  (as torch calls it)
    """Ctrl-C and service managers reach every process; the training alone answers, and ends them.

    Where one ended by itself torch would raise, in place of writing a checkpoint.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


class EpochFrames(Dataset[Frame]):
    """The remaining frames of an epoch; each depends only on seed, epoch and index."""

    def __init__(
        self,
        data: DetectionData,
        size: tuple[int, int],
        plan: Sequence[tuple[int, ...]],
        *,
        key: tuple[int, int],
        skip: int,
    ) -> None:
        """Keep what the frames are made from.

        Args:
            data: Whose training pictures the plan counts.
            size: `(width, height)` of a frame.
            plan: From `plan_epoch`.
            key: Seed and epoch.
            skip: Frames of the plan that were used before an interruption.
        """
        self._samples = data.train
        self._flips = len(data.classes) == 1
        self._size = size
        self._key = key
        self._plan = plan
        self._skip = skip

    def __len__(self) -> int:
        return max(0, len(self._plan) - self._skip)

    def __getitem__(self, index: int) -> Frame:
        if index >= len(self):
            raise IndexError(index)
        number = self._skip + index
        rng = np.random.default_rng([*self._key, number + 1])
        samples = [self._samples[i] for i in self._plan[number]]
        return draw_frame(samples, self._size, rng, flips=self._flips)


def collate(frames: Sequence[Frame]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Collate frames for the loss: pixels `(B, H, W, 3)` uint8 and relative boxes."""
    height, width = frames[0].pixels.shape[:2]
    sides = np.array([width, height, width, height], np.float32)
    boxes = np.concatenate([frame.boxes for frame in frames]) / sides
    shares = np.concatenate(
        [(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1
    )
    numbers = np.repeat(np.arange(len(frames)), [len(frame.boxes) for frame in frames])
    classes = np.concatenate([frame.classes for frame in frames])
    return torch.from_numpy(np.stack([frame.pixels for frame in frames])), {
        "batch_idx": torch.from_numpy(numbers).float(),
        "cls": torch.from_numpy(classes).float()[:, None],
        "bboxes": torch.from_numpy(shares),
    }
