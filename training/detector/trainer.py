"""The trainer of a detector: one flat loop around an Ultralytics network and its loss.

The loop is our own and not Ultralytics' trainer, because frames, validation and stopping follow
the server: frames are letterboxed by `detector.letterbox`, validation decodes and selects boxes
with the code that serves them, and nothing is ever downloaded or reported.
"""

import math
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from detector import Detections, Limits, decode, find_layout, letterbox
from detector.network import DetectorNetwork, build_network
from detector.selection import select
from training.core.checkpoint import save_checkpoint
from training.core.device import use_threads
from training.detector.batches import EpochFrames, EpochOfFrames, FrameSource, batches
from training.detector.frames import plan_epoch
from training.detector.metrics import DetectionScores, Thresholds, score
from training.detector.samples import DetectionData, Sample
from training.detector.settings import DetectorSettings, Progress, StepReport
from training.errors import DetectorTrainingError

_LOWEST_SCORE = 0.01
"""Lowest score of the boxes on the precision-recall curve."""

_CLIP_NORM = 10.0
_WEIGHT_DECAY = 5e-4
_LAST_RATE = 0.02


class DetectorTrainer:
    """A network with its optimiser, moving average of the weights and progress."""

    def __init__(
        self,
        data: DetectionData,
        settings: DetectorSettings,
        source: FrameSource | None = None,
    ) -> None:
        """Build the network.

        Args:
            data: Training and validation pictures.
            settings: Settings of the training.
            source: Draws the frames to learn from, in place of the training pictures.
        """
        self.data = data
        self._source = source
        self.settings = settings
        self.progress = Progress()
        self.threads = use_threads(settings.threads)
        random.seed(settings.seed)
        torch.manual_seed(settings.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = self._new_network()
        self.average = self._new_network()
        self.average.load_state_dict(self.network.state_dict())
        self.average.eval().requires_grad_(False)
        self.optimiser = _optimiser(self.network, settings.rate)
        self.half = _half(self.device)

    def _new_network(self) -> DetectorNetwork:
        network = build_network(len(self.data.classes), self.settings.size)
        return network.to(self.device).to(memory_format=torch.channels_last)

    @property
    def draws(self) -> bool:
        """Whether frames are drawn during training, so that none is seen twice."""
        return self._source is not None

    # Checkpoints

    def save(self, file: Path) -> None:
        """Write a checkpoint for `restore`; an interrupted write leaves the old file."""
        save_checkpoint(
            file,
            {
                "settings": asdict(self.settings),
                "classes": self.data.classes,
                "progress": asdict(self.progress),
                "samples": len(self.data.train),
                "network": self.network.state_dict(),
                "average": self.average.state_dict(),
                "optimiser": self.optimiser.state_dict(),
            },
        )

    def restore(self, file: Path) -> None:
        """Continue from a checkpoint.

        Raises:
            DetectorTrainingError: it belongs to another network or other classes.
        """
        state = self._read(file)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.progress = Progress(**state["progress"])
        if state["samples"] != len(self.data.train):
            self.progress.batch = 0  # Other pictures: the epoch under way is not the same one.

    def start_from(self, file: Path) -> None:
        """Load only the averaged weights of a checkpoint.

        Raises:
            DetectorTrainingError: it belongs to another network or other classes.
        """
        average = self._read(file)["average"]
        self.network.load_state_dict(average)
        self.average.load_state_dict(average)

    def _read(self, file: Path) -> dict[str, Any]:
        """A checkpoint of the same network and classes."""
        state = read_checkpoint(file, self.device)
        size, classes = state["settings"]["size"], state["classes"]
        if classes != self.data.classes or size != self.settings.size:
            raise DetectorTrainingError(
                f"{file} is a detector of size {size} for {', '.join(classes)}; this training is "
                f"for size {self.settings.size} and {', '.join(self.data.classes)}."
            )
        return state

    # Training

    def train_epoch(
        self,
        report: Callable[[StepReport], None],
        checkpoint: Callable[[], None],
        stopped: Callable[[], bool],
    ) -> dict[str, float] | None:
        """Train to the end of the current epoch.

        Args:
            report: Called after every step.
            checkpoint: Called now and then.
            stopped: Whether the training is to stop after this step.

        Returns:
            The epoch's mean losses; None where it was stopped before its end.

        Raises:
            DetectorTrainingError: the loss is no longer a number.
        """
        settings, progress = self.settings, self.progress
        self.network.train()
        remaining = self._batches()
        total = progress.batch + len(remaining)
        sums = np.zeros(3)
        recent = np.full(3, np.nan)
        frames_per_s = 0.0
        count, rate = 0, self._rate(total)
        began = saved = time.monotonic()
        for images, targets in remaining:
            rate = self._rate(total)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            losses = self._step(images, targets)
            progress.step += 1
            progress.batch += 1
            count += 1
            sums += losses
            recent = losses if np.isnan(recent).any() else 0.95 * recent + 0.05 * losses
            now = time.monotonic()
            speed = len(images) / max(now - began, 1e-6)
            frames_per_s = 0.9 * frames_per_s + 0.1 * speed if frames_per_s else speed
            progress.elapsed_s += now - began
            began = now
            box, cls, distance = (float(v) for v in recent)
            losses_now = (box, cls, distance)
            report(StepReport(progress, total, losses_now, frames_per_s, rate, self._share(total)))
            if now - saved > 60 * settings.save_minutes:
                checkpoint()
                saved = began = time.monotonic()
            if self.out_of_time:
                break
            if stopped():
                return None
        progress.epoch += 1
        progress.batch = 0
        box, cls, distance = (float(v) for v in (sums / count if count else np.full(3, np.nan)))
        return {
            "loss_box": box,
            "loss_class": cls,
            "loss_distance": distance,
            "frames_per_s": frames_per_s,
            "rate": rate,
        }

    def _share(self, batches: int) -> float:
        """Share of the training that is done, 0..1, by epochs or by time, whichever ends first."""
        settings, progress = self.settings, self.progress
        share = (progress.epoch + progress.batch / batches) / settings.epochs
        if settings.minutes:
            share = max(share, progress.elapsed_s / (60 * settings.minutes))
        return min(share, 1.0)

    @property
    def out_of_time(self) -> bool:
        """Whether the time limit is reached."""
        limit_s = 60 * self.settings.minutes
        return 0 < limit_s <= self.progress.elapsed_s

    def _batches(self) -> Any:
        """The remaining batches of the epoch, the same whether or not it was interrupted."""
        settings, progress = self.settings, self.progress
        on_gpu = self.device.type == "cuda"
        workers = settings.workers
        if workers < 0:
            # Beside a CPU that trains, more processes would only take its cores; but where frames
            # are drawn, drawing costs as much as training.
            beside = 0 if self._source is None else 1
            workers = min(8, (os.cpu_count() or 2) - 1) if on_gpu else beside
        frames = self._epoch_frames((settings.seed, progress.epoch), settings.batch)
        return batches(frames, settings.batch, workers=workers, pinned=on_gpu)

    def _epoch_frames(self, key: tuple[int, int], batch: int) -> EpochOfFrames:
        """The remaining frames of an epoch, in whole batches."""
        frame, skip = self.settings.frame, self.progress.batch * batch
        if self._source is not None:
            return self._source.frames(frame, key, skip)
        plan = plan_epoch(self.data.train, frame, np.random.default_rng(key))
        if len(plan) > batch:
            # A last batch of a frame or two would upset the batch statistics.
            plan = plan[: len(plan) // batch * batch]
        return EpochFrames(self.data, frame, plan, key=key, skip=skip)

    def _rate(self, batches: int) -> float:
        """Learning rate: linear warm-up, then half a cosine over the epochs or the time limit."""
        settings, progress = self.settings, self.progress
        # A small set must not spend all its steps warming up.
        warmup = min(settings.warmup, settings.epochs * batches // 10)
        if progress.step < warmup:
            return settings.rate * (progress.step + 1) / warmup
        cosine = 0.5 * (1 + math.cos(math.pi * self._share(max(batches, 1))))
        return settings.rate * (_LAST_RATE + (1 - _LAST_RATE) * cosine)

    def _step(self, images: torch.Tensor, targets: dict[str, torch.Tensor]) -> NDArray[np.float64]:
        """Take one optimiser step.

        Args:
            images: `(B, H, W, 3)` uint8 RGB.
            targets: `batch_idx`, `cls` and `bboxes` as in `build_network`.

        Returns:
            `(3,)` losses of boxes, classes and distances.
        """
        batch = {name: value.to(self.device) for name, value in targets.items()}
        pixels = images.to(self.device).permute(0, 3, 1, 2)  # already channels-last in memory
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            raw = self.network(pixels.float() / 255)
        # The loss in full precision: bfloat16 knows positions past 32 cells to a quarter cell only.
        losses, _ = self.network.loss(batch, _widened(raw))
        total = losses.sum()
        if not torch.isfinite(total):
            # Nothing of this step is kept: not even the running means may learn what is not finite.
            raise DetectorTrainingError(
                f"The loss is not a number at step {self.progress.step + 1}; go on from the last "
                "checkpoint with --resume and a lower --rate."
            )
        total.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), _CLIP_NORM)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self._update_average()
        parts = losses.detach().double().cpu().numpy() / len(images)
        return np.asarray(parts, np.float64).reshape(3)

    def _update_average(self) -> None:
        """Update the moving average of the weights, with a decay that grows at the start."""
        decay = 0.999 * (1 - math.exp(-(self.progress.step + 1) / 300))
        ours = self.average.state_dict()
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.dtype.is_floating_point:
                    ours[name].lerp_(value, 1 - decay)
                else:
                    ours[name].copy_(value)

    # Validation

    def detect(self, samples: Sequence[Sample]) -> Iterator[Detections]:
        """Detect boxes with the averaged network, with the server's own decoding.

        Args:
            samples: Pictures.

        Yields:
            For each picture its boxes in picture pixels, from a low score up.
        """
        frame = self.settings.frame
        classes = len(self.data.classes)
        limits = Limits(confidence_threshold=_LOWEST_SCORE)
        for start in range(0, len(samples), 16):
            pictures = [sample.load() for sample in samples[start : start + 16]]
            boxed = [letterbox(picture, frame) for picture in pictures]
            stack = torch.from_numpy(np.stack([pixels for pixels, _ in boxed]))
            with torch.inference_mode():
                tensor = stack.to(self.device).permute(0, 3, 1, 2).float() / 255
                output = self.average(tensor)[0].float().cpu().numpy()
            layout = find_layout(output[:1].shape, frame, classes=classes)
            for row, picture, (_, geometry) in zip(output, pictures, boxed, strict=True):
                height, width = picture.shape[:2]
                candidates = decode(row[None], layout, _LOWEST_SCORE)
                yield select(candidates, geometry, (width, height), limits)

    def validate(self) -> tuple[DetectionScores, list[Detections]]:
        """Metrics of the averaged network on the validation pictures, and its detections."""
        self.average.eval()
        found = list(self.detect(self.data.validation))
        return score(self.data.validation, found, Thresholds()), found


def read_checkpoint(file: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint that `DetectorTrainer.save` wrote.

    Raises:
        DetectorTrainingError: the file is absent or is something else.
    """
    try:
        state = torch.load(file, map_location=device, weights_only=True)
    except FileNotFoundError as error:
        raise DetectorTrainingError(
            f"There is no checkpoint {file}; start a training without --resume."
        ) from error
    except Exception as error:  # torch raises a dozen kinds for broken files
        raise DetectorTrainingError(
            f"{file} is not a checkpoint of train-detector ({error})."
        ) from error
    if not isinstance(state, dict) or "average" not in state:
        raise DetectorTrainingError(f"{file} is not a checkpoint of train-detector.")
    return state


def _widened(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The head's outputs (tensors and lists of tensors) as float32."""
    return {
        name: [part.float() for part in value] if isinstance(value, list) else value.float()
        for name, value in raw.items()
    }


def _optimiser(network: nn.Module, rate: float) -> torch.optim.Optimizer:
    """AdamW; biases and normalisation are not decayed."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    free = [p for p in network.parameters() if p.ndim <= 1]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": _WEIGHT_DECAY}, {"params": free, "weight_decay": 0.0}],
        lr=rate,
    )


def _half(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 here."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # Its private name is the only one there is; where it goes away, float32 is right if slower.
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())
