"""The epochs of one training of a detector."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from labels.console import say
from training.core.run_folder import RunFolder
from training.detector.settings import StepReport
from training.detector.trainer import DetectorTrainer


def run_epochs(trainer: DetectorTrainer, run: RunFolder, console: Console) -> bool:
    """Train until the last epoch, the time limit, the patience or a signal ends it.

    Args:
        trainer: What to train, from where it stands.
        run: Where to leave checkpoints and metrics.
        console: Where progress is shown.

    Returns:
        Whether a signal ended it.
    """
    settings, done = trainer.settings, trainer.progress
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with (
        _interruptible() as stopped,
        Progress(*columns, console=console, speed_estimate_period=300) as bars,
    ):
        bar = bars.add_task("Training", total=1.0)
        metric = ""

        def report(tick: StepReport) -> None:
            text = (
                f"epoch {done.epoch + 1}/{settings.epochs}, {done.batch}/{tick.batches}, "
                f"loss {sum(tick.losses):.2f}, {tick.frames_per_s:.0f} frames/s{metric}"
            )
            bars.update(bar, completed=tick.share, description=text)

        def checkpoint() -> None:
            trainer.save(run.last)

        while done.epoch < settings.epochs and not trainer.out_of_time and not stopped():
            if done.epoch - done.best_epoch >= settings.patience:
                say(bars.console, f"No better epoch in {settings.patience}: stopping early.")
                break
            losses = trainer.train_epoch(report, checkpoint, stopped)
            if losses is None:
                break
            scores, _ = trainer.validate()
            if scores.fitness > done.best:
                done.best, done.best_epoch = scores.fitness, done.epoch
                trainer.save(run.best)
            run.log(
                done.step,
                epoch=done.epoch,
                elapsed_s=round(done.elapsed_s, 1),
                **losses,
                **asdict(scores),
                fitness=scores.fitness,
            )
            checkpoint()
            metric = f", AP50 {scores.ap50:.3f}"
            say(bars.console, f"Epoch {done.epoch}: {scores.summary}.")
        checkpoint()
        return stopped()


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and termination end the training after the step that is under way.

    A second signal ends it at once.
    """
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
