"""The training loop of matcher, classifier and text reader."""

import math
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, Generic, Protocol, TypeVar

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from labels.console import say
from training.core.checkpoint import load_checkpoint, save_checkpoint
from training.core.device import default_device, half_precision
from training.core.distributed import (
    any_process,
    from_first,
    is_first,
    share_batch_norms,
    world_size,
)
from training.core.run_folder import RunFolder
from training.core.schedule import Schedule
from training.errors import TrainingError

_LOG_EVERY = 25
_CLIP_NORM = 5.0

B = TypeVar("B")
B_co = TypeVar("B_co", covariant=True)


class Batches(Protocol[B_co]):
    """An endless source of batches."""

    @property
    def drawn(self) -> int:
        """Number of pictures or crops made so far."""
        ...

    def batch(self) -> B_co:
        """The next batch."""
        ...


class DivergedError(TrainingError):
    """The loss is not a number any more."""


class _Losses(nn.Module):
    """The loss of a batch as the `forward` that `DistributedDataParallel` asks for."""

    def __init__(self, model: nn.Module, losses: Callable[[Any], Any]) -> None:
        super().__init__()
        self.model = model
        self._losses = losses

    def forward(self, batch: object) -> Any:
        return self._losses(batch)


class Loop(Generic[B]):
    """A training run; a subclass defines the batch, its loss and the validation metrics.

    Under `torchrun` each process has a loop of its own, and a step of theirs is a step on all of
    their batches together; see `training.core.distributed`.
    """

    unit = "pictures"
    """Name of the samples whose throughput is shown, in the plural."""

    skips_parameters = False
    """Whether the loss of some batches does not depend on all parameters."""

    prefers_newest = False
    """Whether the newer of two checkpoints with the same metric is the better one."""

    def __init__(
        self,
        model: nn.Module,
        run: RunFolder,
        schedule: Schedule,
        metric: str,
        groups: Iterable[dict[str, Any]],
        *,
        console: Console | None = None,
    ) -> None:
        """Set up the optimiser.

        Args:
            model: The model to train, on the device.
            run: Where to leave checkpoints and metrics.
            schedule: How long and how fast.
            metric: Name of the validation metric by which the best weights are chosen; larger is
                better.
            groups: Parameter groups of AdamW.
            console: Where progress is shown.
        """
        self._device = default_device()
        self._model = model
        self._run = run
        self._schedule = schedule
        self._metric = metric
        self._console = console or Console(stderr=True)
        self._optimiser = torch.optim.AdamW(
            list(groups), lr=schedule.rate, betas=(0.9, 0.98), fused=True
        )
        self.step = 0
        self.best = -math.inf
        self._since_best = 0
        self._elapsed_s = 0.0
        self._interrupted = False
        self._losses: Callable[[B], tuple[Tensor, dict[str, float], int]] = self.losses
        if world_size() > 1:
            share_batch_norms(model)
            self._losses = nn.parallel.DistributedDataParallel(
                _Losses(model, self.losses), find_unused_parameters=self.skips_parameters
            )

    def losses(self, batch: B) -> tuple[Tensor, dict[str, float], int]:
        """The loss of a batch, its parts by name for the log, and the number of samples.

        Where several processes train, parts and number are those of all their batches, and the
        mean of the losses that they return is the loss of these.
        """
        raise NotImplementedError

    def validate(self) -> dict[str, float]:
        """Validation metrics of the model, which is in evaluation mode, by name."""
        raise NotImplementedError

    def checkpoint_fields(self) -> dict[str, Any]:
        """Fields of a checkpoint that describe the model beside its weights."""
        return {}

    def on_start(self) -> None:
        """Called before the first step of a run, whether new or resumed."""

    def on_step_end(self) -> None:
        """Called after every step."""

    def stop_reason(self, measures: dict[str, float]) -> str | None:  # noqa: ARG002
        """The reason to stop before the end of the schedule; None to continue."""
        return None

    def resume(self, *, finish: bool = False) -> None:
        """Continue from the run's newest checkpoint.

        Args:
            finish: Whether to begin the learning-rate decay now.
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
            self._schedule = self._schedule.decaying_from(self.step)
        self._run.rewind(self.step)

    def fit(self, loader: Batches[B]) -> bool:
        """Train to the end of the schedule.

        Args:
            loader: Source of the batches.

        Returns:
            False if Ctrl-C or a termination signal ended it early; a checkpoint is left.

        Raises:
            DivergedError: the loss is not a number any more.
        """
        alone = world_size() == 1
        # Several processes must stop at the same step, or else one waits for the others for ever.
        numbers = (signal.SIGTERM,) if alone else (signal.SIGTERM, signal.SIGINT)
        handler = _interrupt if alone else self._note_interrupt
        before = {number: signal.signal(number, handler) for number in numbers}
        try:
            with self._bar() as bar:
                self._run_steps(loader, bar)
        except KeyboardInterrupt:
            self._save(self._run.last)
            say(
                self._console,
                f"Stopped at step {self.step}; the same command with --resume goes on from there.",
            )
            return False
        finally:
            for number, handled in before.items():
                signal.signal(number, handled)
        return True

    def _note_interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._interrupted = True

    def _bar(self) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(f"{{task.fields[rate]:.0f}} {self.unit}/s, loss {{task.fields[loss]:.2f}}"),
            TextColumn(f"{self._metric} {{task.fields[metric]:.4f}}"),
            TimeRemainingColumn(),
            console=self._console,
        )

    def _run_steps(self, loader: Batches[B], bar: Progress) -> None:
        task = bar.add_task(
            "Training",
            total=self._schedule.steps,
            completed=self.step,
            rate=0.0,
            loss=0.0,
            metric=0.0,
        )
        self.on_start()
        saved_at = logged_at = clock = time.monotonic()
        seen = summed = 0
        sums: dict[str, float] = {}
        while self.step < self._schedule.steps:
            parts, count = self._one_step(loader)
            self._elapsed_s += time.monotonic() - clock
            clock = time.monotonic()
            if world_size() > 1 and any_process(self._interrupted):
                raise KeyboardInterrupt
            if self._schedule.minutes:
                self._elapsed_s = from_first(self._elapsed_s)
                self._schedule = self._schedule.fitted_to_time(self.step, self._elapsed_s)
                bar.update(task, total=self._schedule.steps)
            seen += count
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value
            summed += 1
            if self.step % _LOG_EVERY == 0:
                now = time.monotonic()
                means = {name: value / summed for name, value in sums.items()}
                speed = seen / (now - logged_at)
                self._run.log(
                    self.step,
                    **means,
                    learning_rate=self._schedule.learning_rate_at(self.step),
                    drawn=loader.drawn,
                    **{f"{self.unit}_per_s": speed},
                )
                bar.update(task, rate=speed, loss=sum(means.values()))
                logged_at, seen, summed, sums = now, 0, 0, {}
            bar.update(task, completed=self.step)
            if self.step % self._schedule.check_every == 0 or self.step == self._schedule.steps:
                measures = self.validated()
                better = self._keep_best(measures[self._metric])
                self._since_best = 0 if better else self._since_best + 1
                self._check_patience()
                bar.update(task, metric=self.best, total=self._schedule.steps)
                self._save(self._run.last)
                enough = self.stop_reason(measures)
                if enough is not None:
                    say(self._console, enough)
                    return
                logged_at = saved_at = time.monotonic()
                seen, summed, sums = 0, 0, {}
            elif time.monotonic() - saved_at > self._schedule.save_every_s:
                self._save(self._run.last)
                saved_at = time.monotonic()

    def _check_patience(self) -> None:
        """Begin the decay once the metric has stopped improving on the plateau."""
        schedule = self._schedule
        early = self.step < schedule.steps - schedule.decay_steps
        if schedule.patience and early and self._since_best >= schedule.patience:
            self._schedule = schedule.decaying_from(self.step)
            say(
                self._console,
                f"No better {self._metric} in {schedule.patience} measurements: the learning rate "
                f"now falls, and training ends at step {self._schedule.steps}.",
            )

    def _one_step(self, loader: Batches[B]) -> tuple[dict[str, float], int]:
        batch = loader.batch()
        rate = self._schedule.learning_rate_at(self.step)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._model.train()
        with half_precision(self._device):
            loss, parts, count = self._losses(batch)
        if any_process(not bool(torch.isfinite(loss))):
            raise DivergedError(
                f"The loss is no number at step {self.step}; go on from the last checkpoint with "
                "--resume and a smaller --rate."
            )
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), _CLIP_NORM)
        self._optimiser.step()
        self.step += 1
        self.on_step_end()
        return parts, count

    def validated(self) -> dict[str, float]:
        """Validate the model and log the metrics; several processes get those of rank 0."""
        self._model.eval()
        measures = self.validate() if is_first() else {}
        measures = from_first(measures)
        self._run.log(self.step, **measures)
        return measures

    def _keep_best(self, value: float) -> bool:
        """Save the weights if they are the best so far, and say whether they are."""
        better = value > self.best
        if better or (self.prefers_newest and value == self.best):
            self.best = value
            self._save(self._run.best)
        return better

    def _save(self, path: Path) -> None:
        if not is_first():
            return
        save_checkpoint(
            path,
            {
                "model": self._model.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                **self.checkpoint_fields(),
                "step": self.step,
                "best": self.best,
                "since_best": self._since_best,
                "ends": self._schedule.steps,
                "decay_steps": self._schedule.decay_steps,
                "elapsed_s": self._elapsed_s,
            },
        )


def parameter_groups(model: nn.Module, schedule: Schedule) -> list[dict[str, Any]]:
    """Parameter groups of AdamW: weights are decayed, biases and scales are not."""
    every = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in every if p.ndim >= 2], "weight_decay": schedule.weight_decay},
        {"params": [p for p in every if p.ndim < 2], "weight_decay": 0.0},
    ]


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End a run on a termination signal as on Ctrl-C."""
    raise KeyboardInterrupt
