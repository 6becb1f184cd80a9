"""The trainings of one adaptation: which models, for how long, and whether they are better."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from rich.console import Console

from clickorder.adapt.models import assembled, solve
from clickorder.adapt.prompt_layout import PromptPictures
from clickorder.adapt.state import AdaptationState, AdaptOptions, Training
from clickorder.errors import CommandError
from labels.annotations import ITEM
from labels.console import say
from labels.puzzles import PuzzleSet
from service.models.backends import PROMPT_DETECTOR
from training.adapt.fine_tuning import (
    TuningPlan,
    tune_detector,
    tune_matcher,
    tune_prompt_detector,
)
from training.adapt.measures import compare_models
from training.adapt.own_pictures import OwnPictures
from training.adapt.record import Stage
from training.core.run_folder import RunFolder
from training.detector.generated import GENERATED, mixed
from training.detector.samples import DetectionData
from training.ingredients import has_ingredients
from training.matcher.pairs import BLOCK_PAIRS
from training.matcher.picture_blocks import KIND

_PROMPT_SHARE = 0.15
"""Share of the time for the detector of prompt pictures, where these are counted wrongly."""

_DETECTOR_SHARES = (0.15, 0.4)
"""Shares of the rest, where the matcher is trained too: if little is missed, and if much is."""

_MUCH_MISSED = 0.05
"""Share of puzzles in which an item is missed."""

_GENERATED = 210
"""Generated puzzles beside the user's own; an epoch of the detector sees all of them."""

FEWEST = 8
"""Pictures to learn boxes from, and items to learn to tell apart."""

_MUCH_WORSE = 2
"""Validation puzzles lost, from which on new weights are not taken."""

_PRODUCTS = {
    PROMPT_DETECTOR: (PROMPT_DETECTOR,),
    "detector": ("detector",),
    "matcher": ("siamese", "classifier"),
}


class StoppedError(CommandError):
    """Somebody stopped a training; the same command goes on."""

    exit_status = 130


@dataclass(frozen=True, slots=True)
class Trainings:
    """The trainings of one adaptation.

    Attributes:
        learned: To learn from.
        held: To measure on while training.
        prompts: Prompt pictures, found only where they are needed.
        checks: Puzzles by which it is decided whether new weights are taken.
        out: Where everything goes.
        options: What the user chose.
        state: What is done already.
        console: Where progress is shown.
    """

    learned: OwnPictures
    held: OwnPictures
    prompts: PromptPictures
    checks: PuzzleSet | None
    out: Path
    options: AdaptOptions
    state: AdaptationState
    console: Console

    def plan(self, models: Path, puzzles: PuzzleSet | None) -> dict[str, float]:
        """What the data support and need, and for how many minutes it is trained.

        Args:
            models: To start from.
            puzzles: Some of those that are learned from; None where there are none.
        """
        whole = self.options.minutes
        items = [item for group in self.learned.groups for item in group]
        asked = [item for item in items if item.word is not None or item.prompt is not None]
        # One name for everything says no more than that it is an item.
        told_apart = len({item.word for item in asked}) > 1 and len(asked) >= FEWEST
        if len(self.learned.scenes) < FEWEST:
            if not told_apart:
                raise CommandError(
                    f"There are too few boxes to learn from, and fewer than {FEWEST} items with "
                    "two names or more; label some."
                )
            return {"matcher": whole}
        if not told_apart:
            return {"detector": whole}
        if puzzles is None:
            share = _DETECTOR_SHARES[1]
            return {"detector": whole * share, "matcher": whole * (1 - share)}
        scores = [o.score for o in solve(models, puzzles, self.options, self.console)]
        minutes: dict[str, float] = {}
        miscounted = [score.count_right is False for score in scores]
        prompts_apart = (models / f"{PROMPT_DETECTOR}.onnx").is_file()
        if prompts_apart and any(miscounted) and len(self.prompts.learned) >= FEWEST:
            minutes[PROMPT_DETECTOR] = whole * _PROMPT_SHARE
            say(
                self.console,
                f"Items of {sum(miscounted)} of {len(scores)} prompts are counted wrongly; their "
                f"detector gets {_PROMPT_SHARE:.0%} of the time, on {len(self.prompts.learned)} "
                "prompt pictures.",
            )
        missed = [
            not score.all_found or (wrong and not prompts_apart)
            for score, wrong in zip(scores, miscounted, strict=True)
        ]
        rest = whole - sum(minutes.values())
        if not any(missed):
            say(
                self.console,
                f"The detector stays as it is: it misses nothing in {len(missed)} pictures.",
            )
            return minutes | {"matcher": rest}
        share = _DETECTOR_SHARES[sum(missed) / len(missed) > _MUCH_MISSED]
        say(
            self.console,
            f"The detector misses something in {sum(missed)} of {len(missed)} pictures to learn "
            f"from, and gets {rest * share / whole:.0%} of the time.",
        )
        return minutes | {"detector": rest * share, "matcher": rest * (1 - share)}

    def run(
        self, role: str, files: Mapping[str, Path], minutes: float
    ) -> tuple[Stage, dict[str, Path]]:
        """Fine-tune one model, and take it where it is not much worse."""
        folder = self.out / role
        training = self.state.training(role)
        if training is None:
            start = perf_counter()
            generated = self._train(role, files, minutes, folder)
            training = Training(perf_counter() - start, generated)
            self.state.done(role, training)
        new = {**files, **{name: folder / f"{name}.onnx" for name in _PRODUCTS[role]}}
        kept, why = self._decide(files, new, folder)
        say(self.console, f"{role.replace('_', ' ')}: {why}.")
        if role == PROMPT_DETECTOR:
            count = len(self.prompts.learned)
        else:
            count = len(self.learned.scenes if role == "detector" else self.learned.groups)
        stage = Stage(role, training.seconds, count, training.generated, kept, why, folder)
        return stage, new if kept else dict(files)

    def _train(self, role: str, files: Mapping[str, Path], minutes: float, folder: Path) -> int:
        """Fine-tune, or go on; gives how many generated pictures or crops were learned from."""
        plan = TuningPlan(
            minutes,
            self.options.threads,
            self.options.seed,
            mix=self.options.mix and has_ingredients(),
        )
        resume = (folder / "last.pt").is_file()
        if role == PROMPT_DETECTOR:
            result = tune_prompt_detector(
                self.prompts.learned,
                self.prompts.held,
                files[PROMPT_DETECTOR],
                folder,
                plan,
                resume=resume,
                console=self.console,
            )
            stopped = result.stopped
            generated = _drawn_prompts(RunFolder(folder)) if plan.mix else 0
        elif role == "detector":
            own, held = self.learned.scenes, self.held.scenes
            data = DetectionData((ITEM,), own, held or own, (self.out.name,))
            if plan.mix:
                data = mixed(data, _GENERATED, self.out / GENERATED, seed=plan.seed)
            result = tune_detector(
                data, files["detector"], folder, plan, resume=resume, console=self.console
            )
            stopped, generated = result.stopped, len(data.train) - len(own)
        else:
            start = files["siamese"], files["classifier"]
            stopped = not tune_matcher(
                self.learned, self.held, start, folder, plan, resume=resume, console=self.console
            )
            generated = _drawn_crops(RunFolder(folder))
        if stopped:
            raise StoppedError(f"Stopped; the same command goes on where it was, in {self.out}.")
        return generated

    def _decide(
        self, old: Mapping[str, Path], new: Mapping[str, Path], folder: Path
    ) -> tuple[bool, str]:
        """Whether new weights are taken, and why."""
        if self.checks is None:
            found = compare_models(
                assembled(old, folder / "models-before"),
                assembled(new, folder / "models-after"),
                self.held,
                tuple(self.learned.words),
            )
            for one in found:
                before, after, count = one.before.right, one.after.right, one.after.n
                kept = before - after < _MUCH_WORSE
                return kept, (
                    f"{after} of {count} on the validation part ({one.name}), {before} before: "
                    f"{'taken' if kept else 'not taken'}"
                )
            return True, "taken; nothing was held back to compare with"
        before, after = (
            sum(
                outcome.score.solved
                for outcome in solve(
                    assembled(files, folder / name), self.checks, self.options, self.console
                )
            )
            for name, files in (("models-before", old), ("models-after", new))
        )
        kept = before - after < _MUCH_WORSE
        return kept, (
            f"solved {after} of {len(self.checks)} validation pictures, {before} before: "
            f"{'taken' if kept else 'not taken'}"
        )


def _drawn_prompts(run: RunFolder) -> int:
    """How many drawn prompt pictures a finished run has seen: every second one is the user's."""
    steps = max((int(row["step"]) for row in run.metrics()), default=0)
    return steps * int(run.config()["batch"]) // 2


def _drawn_crops(run: RunFolder) -> int:
    """How many pairs of drawn crops a finished run has seen."""
    kinds = run.config()["kinds"]
    steps = max((int(row["step"]) for row in run.metrics()), default=0)
    drawn = sum(int(n) for kind, n in kinds.items() if kind != KIND)
    return BLOCK_PAIRS * steps * drawn
