"""The training loop that the Siamese and the classifier trainer share."""

import math
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from training.errors import TrainingError
from training.feed import Feed
from training.imprint import Imprinter
from training.joint_model import (
    JointModel,
    Weighting,
    half_precision,
    load_checkpoint,
    same_items,
    save_checkpoint,
    to_input,
)
from training.runs import RunFolder

_LOG_EVERY = 25
_CLIP_NORM = 5.0
_SYMBOL_EPS = 1e-3
"""Adam moves a row of weights by the full rate however small its gradient. Of nine thousand symbols
a hundred are in a batch; this keeps the others from wandering off."""

_PLATEAU = 0.5
"""Share of a limited time that the rate stays up."""

Measure = Callable[[JointModel, str], dict[str, float]]


class DivergedError(TrainingError):
    """The loss is no number any more."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn: warm-up, a plateau, a decay to nothing.

    The plateau can be ended at any time: the rate then falls over the next `decay_steps`.

    Attributes:
        steps: Total number of batches.
        decay_steps: How many of them, at the end, the rate falls in.
        warmup_steps: How many of them, at the start, it rises in.
        rate: Of the plateau.
        weight_decay: Of AdamW.
        check_every: Steps between two measurements.
        save_every_s: Seconds between two checkpoints at most.
        patience: Measurements on the plateau without a better metric after which the decay begins
            at once; 0 never does so.
        seed: Of the weights and of the batches.
        minutes: Time for all of it at most, the decay being half of it; 0 for no limit.
    """

    steps: int
    decay_steps: int
    warmup_steps: int = 200
    rate: float = 2e-3
    weight_decay: float = 0.02
    check_every: int = 400
    save_every_s: float = 120.0
    patience: int = 0
    seed: int = 1
    minutes: float = 0.0

    def ending_after(self, step: int) -> "Schedule":
        """The schedule whose decay begins at a step, unless its own begins earlier."""
        return replace(self, steps=min(self.steps, step + self.decay_steps))

    def in_time(self, step: int, elapsed_s: float) -> "Schedule":
        """The schedule that ends in time, which begins its decay when half of the time is over.

        Args:
            step: Steps made, at least one.
            elapsed_s: What they took.
        """
        limit_s = 60 * self.minutes
        if elapsed_s < _PLATEAU * limit_s or step >= self.steps - self.decay_steps:
            return self
        left = max(1, int(step / elapsed_s * max(limit_s - elapsed_s, 0)))
        steps = min(self.steps, step + left)
        return replace(self, steps=steps, decay_steps=steps - step)

    def rate_at(self, step: int) -> float:
        """The learning rate of one step."""
        rise = min(1.0, (step + 1) / max(self.warmup_steps, 1))
        left = max(self.steps - step, 0)
        fall = min(1.0, left / max(self.decay_steps, 1))
        return self.rate * rise * fall


def device_of_choice() -> str:
    """`cuda` where there is one, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


class Training:
    """One run of the loop."""

    def __init__(
        self,
        model: JointModel,
        run: RunFolder,
        schedule: Schedule,
        weighting: Weighting,
        measure: Measure,
        metric: str,
        *,
        imprinter: Imprinter | None = None,
        imprint_from: int = 0,
        console: Console | None = None,
    ) -> None:
        """Set everything up.

        Args:
            model: What to train; moved to the device.
            run: Where to leave checkpoints and metrics.
            schedule: How long and how fast.
            weighting: Of the losses.
            measure: Measures the model, in evaluation mode; the names become those of metrics.
            metric: The name of the measure that decides what is best; larger is better.
            imprinter: Sets the rows of symbols, which then are not learned; prepared.
            imprint_from: Steps before which it does not.
            console: Where progress is shown.
        """
        self._device = device_of_choice()
        self._model = model.to(self._device, memory_format=torch.channels_last)
        self._run = run
        self._schedule = schedule
        self._weighting = weighting
        self._measure = measure
        self._metric = metric
        self._console = console or Console(stderr=True)
        self._imprinter = imprinter
        self._imprint_from = imprint_from
        rows = [] if model.characters is None else list(model.characters.symbols.parameters())
        own = {id(p) for p in rows}
        rest = [p for p in model.parameters() if id(p) not in own]
        rows = [p for p in rows if p.requires_grad]
        self._optimiser = torch.optim.AdamW(
            [
                {
                    "params": [p for p in rest if p.ndim >= 2],
                    "weight_decay": schedule.weight_decay,
                },
                {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
                *([{"params": rows, "weight_decay": 0.0, "eps": _SYMBOL_EPS}] if rows else []),
            ],
            lr=schedule.rate,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.step = 0
        self.best = -math.inf
        self._since_best = 0
        self._elapsed_s = 0.0

    def resume(self, *, finish: bool = False) -> None:
        """Go on from the run's newest checkpoint.

        Args:
            finish: Whether to begin the decay now.
        """
        state = load_checkpoint(self._run.last)
        self._model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])
        self.best = float(state["best"])
        self._since_best = int(state["since_best"])
        # The end that an exhausted patience had set is kept.
        ends = int(state.get("ends", self._schedule.steps))
        if ends < self._schedule.steps:
            decay = int(state.get("decay_steps", self._schedule.decay_steps))
            self._schedule = replace(self._schedule, steps=ends, decay_steps=decay)
        self._elapsed_s = float(state.get("elapsed_s", 0.0))
        if finish:
            self._schedule = self._schedule.ending_after(self.step)
        self._run.rewind(self.step)

    def fit(self, feed: Feed) -> bool:
        """Train to the end of the schedule.

        Args:
            feed: Gives the batches.

        Returns:
            False where Ctrl-C or a termination signal ended it before; a checkpoint is left.

        Raises:
            DivergedError: the loss is no number any more.
        """
        before = signal.signal(signal.SIGTERM, _interrupt)
        try:
            with self._bar() as bar:
                self._run_steps(feed, bar)
        except KeyboardInterrupt:
            self._save(self._run.last)
            self._console.print(
                f"Stopped at step {self.step}; the same command with --resume goes on from there."
            )
            return False
        finally:
            signal.signal(signal.SIGTERM, before)
        return True

    def _bar(self) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.0f} pairs/s, loss {task.fields[loss]:.2f}"),
            TextColumn(f"{self._metric} {{task.fields[metric]:.4f}}"),
            TimeRemainingColumn(),
            console=self._console,
        )

    def _run_steps(self, feed: Feed, bar: Progress) -> None:
        task = bar.add_task(
            "Training",
            total=self._schedule.steps,
            completed=self.step,
            rate=0.0,
            loss=0.0,
            metric=0.0,
        )
        if self._imprinter is not None and self.step >= self._imprint_from:
            self._model.eval()
            self._imprinter.every(self._model, self._device)
        saved_at = logged_at = clock = time.monotonic()
        pairs = summed = 0
        sums: dict[str, float] = {}
        while self.step < self._schedule.steps:
            parts, count = self._one_step(feed)
            self._elapsed_s += time.monotonic() - clock
            clock = time.monotonic()
            if self._schedule.minutes:
                self._schedule = self._schedule.in_time(self.step, self._elapsed_s)
                bar.update(task, total=self._schedule.steps)
            pairs += count
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value
            summed += 1
            if self.step % _LOG_EVERY == 0:
                now = time.monotonic()
                means = {name: value / summed for name, value in sums.items()}
                speed = pairs / (now - logged_at)
                self._run.log(
                    self.step,
                    **means,
                    learning_rate=self._schedule.rate_at(self.step),
                    pairs_per_s=speed,
                    drawn=feed.drawn,
                )
                bar.update(task, rate=speed, loss=sum(means.values()))
                logged_at, pairs, summed, sums = now, 0, 0, {}
            bar.update(task, completed=self.step)
            if self.step % self._schedule.check_every == 0 or self.step == self._schedule.steps:
                better = self._check()
                self._since_best = 0 if better else self._since_best + 1
                self._mind_patience()
                bar.update(task, metric=self.best, total=self._schedule.steps)
                self._save(self._run.last)
                logged_at = saved_at = time.monotonic()
                pairs, summed, sums = 0, 0, {}
            elif time.monotonic() - saved_at > self._schedule.save_every_s:
                self._save(self._run.last)
                saved_at = time.monotonic()

    def _mind_patience(self) -> None:
        """Begin the decay where the plateau has stopped to pay."""
        schedule = self._schedule
        early = self.step < schedule.steps - schedule.decay_steps
        if schedule.patience and early and self._since_best >= schedule.patience:
            self._schedule = schedule.ending_after(self.step)
            self._console.print(
                f"No better {self._metric} in {schedule.patience} measurements: the learning rate "
                f"now falls, and training ends at step {self._schedule.steps}."
            )

    def _one_step(self, feed: Feed) -> tuple[dict[str, float], int]:
        block = feed.batch()
        device = self._device
        rate = self._schedule.rate_at(self.step)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._model.train()
        with half_precision(device):
            loss, parts = self._model.losses(
                to_input(block.prompt, device),
                to_input(block.scene, device),
                torch.from_numpy(same_items(block)).to(device),
                torch.from_numpy(block.labels).to(device),
                self._weighting,
            )
        if not bool(torch.isfinite(loss)):
            raise DivergedError(
                f"The loss is no number at step {self.step}; go on from the last checkpoint with "
                "--resume and a smaller --rate."
            )
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), _CLIP_NORM)
        self._optimiser.step()
        self.step += 1
        self._follow()
        return parts, len(block.words)

    def _follow(self) -> None:
        """Let the rows of symbols follow the trunk."""
        if self._imprinter is None or self.step < self._imprint_from:
            return
        self._model.eval()
        if self.step == self._imprint_from:
            self._imprinter.every(self._model, self._device)
        else:
            self._imprinter.some(self._model, self._device)

    def _check(self) -> bool:
        """Measure, keep what is best, and say whether this is."""
        self._model.eval()
        if self._imprinter is not None and self.step >= self._imprint_from:
            self._imprinter.every(self._model, self._device)
        measures = self._measure(self._model, self._device)
        self._run.log(self.step, **measures)
        value = measures[self._metric]
        if not value > self.best:
            return False
        self.best = value
        self._save(self._run.best)
        return True

    def _save(self, path: Any) -> None:
        save_checkpoint(
            path,
            {
                "model": self._model.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "charset": self._model.charset,
                "step": self.step,
                "best": self.best,
                "since_best": self._since_best,
                "ends": self._schedule.steps,
                "decay_steps": self._schedule.decay_steps,
                "elapsed_s": self._elapsed_s,
            },
        )


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """A termination signal ends a run as Ctrl-C does."""
    raise KeyboardInterrupt
