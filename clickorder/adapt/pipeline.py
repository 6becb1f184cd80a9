"""`clickorder adapt`: from a folder of labelled pictures to fine-tuned models and a report.

What it leaves in its folder:

    bundle/              detector.onnx, siamese.onnx, classifier.onnx, calibration.json
    report.html          one page: before and after, curves, failures, what to label next
    adapt.json           what was asked for and which models are done, to go on from
    detector/, matcher/  run folders of the trainings
    puzzles/             the pictures as puzzles, where the labels are no puzzle set
    generated/           generated puzzles, mixed in so that nothing is forgotten
"""

import contextlib
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from rich.console import Console

from classifier import OnnxClassifier
from clickorder.adapt.puzzles import part_of, puzzles_of
from clickorder.adapt.state import AdaptationState, Training, Wishes, fingerprint_of
from clickorder.errors import CommandError
from clickorder.local import LocalSolver
from clickorder.terminal import through
from detector import YoloDetector
from labels.annotations import ITEM, Annotations, Layout
from labels.check import Report, check_folder
from labels.click_order import read_order, with_order
from labels.console import say
from labels.pictures import UNREADABLE, load_rgb
from labels.prelabel import Proposer
from labels.puzzles import PuzzleSet
from labels.split import PARTS, Shares, split_folder
from service.models.backends import PROMPT_DETECTOR, model_files
from service.settings import Settings
from service.solving.calibration import Calibrations
from training.adapt.fine_tuning import TuningPlan, tune_detector, tune_matcher
from training.adapt.measures import compare, compare_models
from training.adapt.own_pictures import OwnPictures, own_pictures
from training.adapt.record import Adaptation, Stage
from training.adapt.report import write_report
from training.core.run_folder import RunFolder
from training.detector.data import DetectionData
from training.detector.generated import GENERATED, mixed
from training.evaluation.evaluate import Outcome, evaluate
from training.ingredients import has_ingredients
from training.matcher.pairs import BLOCK_PAIRS
from training.matcher.picture_blocks import KIND

BUNDLE = "bundle"
REPORT_FILE = "report.html"

_DETECTOR_SHARES = (0.15, 0.4)
"""Of the time, where both are trained: where it misses little, and where it misses much."""

_MUCH_MISSED = 0.05
"""Share of puzzles in which an item is missed or the prompt's are counted wrongly."""

_LOOKED_AT = 80
"""Puzzles learned from on which it is found out how much is missed."""

_GENERATED = 210
"""Generated puzzles beside the user's own; an epoch of the detector sees all of them."""

_FEWEST = 8
"""Pictures to learn boxes from, and items to learn to tell apart."""

_MUCH_WORSE = 2
"""Validation puzzles lost, from which on new weights are not taken."""

_PRODUCTS = {"detector": ("detector",), "matcher": ("siamese", "classifier")}
_ROLES = ("detector", "siamese", "classifier")

_FEW_COUNTS, _MANY_COUNTS = 12, 40
"""Prompt pictures from which their number of items is known: where all have the same one, and where
they have several."""


def adapt(folder: Path, out: Path, wishes: Wishes, console: Console) -> Adaptation:
    """Check, divide, fine-tune, measure, and write bundle and report.

    Args:
        folder: Labelled pictures, of any layout.
        out: Where everything goes; what an interrupted run left there is gone on with.
        wishes: What the user chose.
        console: Where progress is shown.

    Raises:
        CommandError: there is too little to learn from, `out` belongs to something else, or
            somebody stopped a training.
        LabelsError: the folder cannot be read.
        TrainingError: a training cannot be done.
        OSError: a file cannot be read or written.
    """
    began = perf_counter()
    report = check_folder(
        folder, wishes.layout, lambda steps, n: through("Looking at pictures", steps, n)
    )
    annotations = _ordered(report.annotations)
    wanted = Shares(wishes.validation, wishes.test)
    split = split_folder(annotations, report.prints, wanted, wishes.seed)
    parts = {part: frozenset(split.of(part)) for part in PARTS}
    if len(parts["train"]) < _FEWEST:
        raise CommandError(
            f"{folder} has {len(annotations.pictures)} labelled pictures, of which "
            f"{len(parts['train'])} are to learn from; label at least a dozen."
        )
    state = AdaptationState.open(out, folder, fingerprint_of(annotations, parts, wishes))
    notes = _notes(report, wishes, parts)
    for note in notes:
        say(console, note, "yellow")
    puzzles = puzzles_of(annotations, out)
    tests = part_of(puzzles, annotations, parts["test"] or parts["validation"])
    stages = _Stages(
        own_pictures(annotations, parts["train"]),
        own_pictures(annotations, parts["validation"]),
        part_of(puzzles, annotations, parts["validation"]),
        out,
        wishes,
        state,
        console,
    )
    files = _starting_models(wishes.models_dir)
    start = _assembled(files, out / "start")
    before = _solve(start, tests, wishes, console)
    looked_at = part_of(puzzles, annotations, sorted(parts["train"])[:_LOOKED_AT])
    done = []
    for role, minutes in stages.plan(start, looked_at).items():
        stage, files = stages.run(role, files, minutes)
        done.append(stage)
    bundle = _assembled(files, out / BUNDLE)
    count = _prompt_count(part_of(puzzles, annotations, parts["train"]))
    if count is not None:
        file = bundle / "calibration.json"
        known = Calibrations.load(file) if file.is_file() else Calibrations()
        replace(known, prompt_count=count).save(file)
        shown = str(count[0]) if count[0] == count[1] else f"{count[0]} to {count[1]}"
        console.print(f"The prompt pictures show {shown} items each, which the bundle knows now.")
    after = _solve(bundle, tests, wishes, console)
    compared = compare(before, after)
    if tests is None:
        held = own_pictures(annotations, parts["test"] or parts["validation"])
        compared = compare_models(start, bundle, held, tuple(annotations.counts))
    record = Adaptation(
        folder=folder,
        bundle=bundle,
        kind=_kind(annotations),
        parts={part: len(paths) for part, paths in parts.items()},
        faults=tuple(fault.sentence for fault in report.faults),
        compared=compared,
        stages=tuple(done),
        outcomes=tuple(after),
        class_counts={name: n for name, n in annotations.counts.items() if n and name != ITEM},
        unlabelled=_least_certain_first(bundle, annotations, wishes),
        seconds=perf_counter() - began,
        hardware=_hardware(),
        versions=dict(LocalSolver(_settings(bundle, wishes)).models),
        notes=notes,
    )
    write_report(record, out / REPORT_FILE)
    return record


class StoppedError(CommandError):
    """Somebody stopped a training; the same command goes on."""

    exit_code = 130


@dataclass(frozen=True, slots=True)
class _Stages:
    """The trainings of one adaptation.

    Attributes:
        learned: To learn from.
        held: To measure on while training.
        checks: Puzzles by which it is decided whether new weights are taken.
        out: Where everything goes.
        wishes: What the user chose.
        state: What is done already.
        console: Where progress is shown.
    """

    learned: OwnPictures
    held: OwnPictures
    checks: PuzzleSet | None
    out: Path
    wishes: Wishes
    state: AdaptationState
    console: Console

    def plan(self, models: Path, puzzles: PuzzleSet | None) -> dict[str, float]:
        """What the data support and need, and for how many minutes it is trained.

        Args:
            models: To start from.
            puzzles: Some of those that are learned from; None where there are none.
        """
        whole = self.wishes.minutes
        items = [item for group in self.learned.groups for item in group]
        asked = [item for item in items if item.word is not None or item.prompt is not None]
        # One name for everything says no more than that it is an item.
        told_apart = len({item.word for item in asked}) > 1 and len(asked) >= _FEWEST
        if len(self.learned.scenes) < _FEWEST:
            if not told_apart:
                raise CommandError(
                    f"There are too few boxes to learn from, and fewer than {_FEWEST} items with "
                    "two names or more; label some."
                )
            return {"matcher": whole}
        if not told_apart:
            return {"detector": whole}
        share = _DETECTOR_SHARES[1]
        if puzzles is not None:
            scores = [o.score for o in _solve(models, puzzles, self.wishes, self.console)]
            missed = [not score.all_found or score.count_right is False for score in scores]
            told = f"{sum(missed)} of {len(missed)} pictures to learn from"
            if not any(missed):
                say(
                    self.console,
                    f"The detector stays as it is: it misses nothing in {len(missed)} pictures.",
                )
                return {"matcher": whole}
            share = _DETECTOR_SHARES[sum(missed) / len(missed) > _MUCH_MISSED]
            say(
                self.console,
                f"The detector misses something in {told}, and gets {share:.0%} of the time.",
            )
        return {"detector": whole * share, "matcher": whole * (1 - share)}

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
        say(self.console, f"{role}: {why}.")
        count = len(self.learned.scenes if role == "detector" else self.learned.groups)
        stage = Stage(role, training.seconds, count, training.generated, kept, why, folder)
        return stage, new if kept else dict(files)

    def _train(self, role: str, files: Mapping[str, Path], minutes: float, folder: Path) -> int:
        """Fine-tune, or go on; gives how many generated pictures or crops were learned from."""
        plan = TuningPlan(
            minutes,
            self.wishes.threads,
            self.wishes.seed,
            mix=self.wishes.mix and has_ingredients(),
        )
        resume = (folder / "last.pt").is_file()
        if role == "detector":
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
                _assembled(old, folder / "models-before"),
                _assembled(new, folder / "models-after"),
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
                for outcome in _solve(
                    _assembled(files, folder / name), self.checks, self.wishes, self.console
                )
            )
            for name, files in (("models-before", old), ("models-after", new))
        )
        kept = before - after < _MUCH_WORSE
        return kept, (
            f"solved {after} of {len(self.checks)} validation pictures, {before} before: "
            f"{'taken' if kept else 'not taken'}"
        )


def _ordered(annotations: Annotations) -> Annotations:
    """With the order of clicks, where a file beside the labels has it."""
    if annotations.layout is not Layout.YOLO:
        return annotations
    return with_order(annotations, read_order(annotations.folder))


def _kind(annotations: Annotations) -> str:
    if annotations.layout is Layout.PUZZLES:
        return "puzzles"
    boxed = any(picture.boxes for picture in annotations.pictures)
    return "boxes" if boxed else "classes"


def _starting_models(models_dir: Path | None) -> dict[str, Path]:
    """The files to start from.

    Raises:
        CommandError: one of the three is not there, or is no file of ours.
    """
    files = model_files(models_dir)
    place = models_dir or "the shipped weights"
    for role in _ROLES:
        if role not in files:
            raise CommandError(
                f"There is no {role}.onnx in {place}; all three of {', '.join(_ROLES)} are needed "
                "to start from."
            )
    if "charsets" in files:
        raise CommandError(
            f"The classifier in {place} is an export of dddd_trainer; start from one of ours."
        )
    return files


def _prompt_count(puzzles: PuzzleSet | None) -> tuple[int, int] | None:
    """The least and the greatest number of items of a site's prompt pictures.

    None where too few pictures tell: one more would be likely to have another number.
    """
    shown = () if puzzles is None else puzzles.puzzles
    counts = [len(p.targets) for p in shown if p.known and p.kind in ("image", "region")]
    if not counts:
        return None
    least, greatest = min(counts), max(counts)
    needed = _FEW_COUNTS if least == greatest else _MANY_COUNTS
    return (least, greatest) if len(counts) >= needed else None


def _assembled(files: Mapping[str, Path], folder: Path) -> Path:
    """A folder of models that the service loads."""
    folder.mkdir(parents=True, exist_ok=True)
    for role in (*_ROLES, PROMPT_DETECTOR, "calibration"):
        if role in files:
            name = "calibration.json" if role == "calibration" else f"{role}.onnx"
            torn = folder / f".{name}.part"
            shutil.copyfile(files[role], torn)
            torn.replace(folder / name)
    return folder


def _least_certain_first(
    bundle: Path, annotations: Annotations, wishes: Wishes
) -> tuple[Path, ...]:
    """Pictures without labels, those first that the new models are least sure of."""
    if not annotations.unlabelled:
        return ()
    threads = wishes.threads
    proposer = Proposer(
        YoloDetector.load(bundle / "detector.onnx", threads=threads),
        OnnxClassifier.load(bundle / "classifier.onnx", threads=threads),
        [name for name in annotations.classes if name != ITEM],
    )
    sure = {}
    for path in through("Looking at unlabelled pictures", annotations.unlabelled):
        with contextlib.suppress(*UNREADABLE):
            sure[path] = proposer.propose(load_rgb(path), path.name).confidence
    return tuple(sorted(annotations.unlabelled, key=lambda path: (sure.get(path, 1.0), path)))


def _settings(models: Path, wishes: Wishes) -> Settings:
    threads = wishes.threads or os.cpu_count() or 1
    return Settings(backend="own", models_dir=models, threads=threads, workers=1)


def _solve(
    models: Path, puzzles: PuzzleSet | None, wishes: Wishes, console: Console
) -> list[Outcome]:
    if puzzles is None:
        return []
    return evaluate([puzzles], LocalSolver(_settings(models, wishes)), console=console)


def _notes(report: Report, wishes: Wishes, parts: Mapping[str, frozenset[Path]]) -> tuple[str, ...]:
    """What the user should know before training starts, and in the report."""
    notes = []
    if report.faults:
        notes.append(
            f"{len(report.faults)} faults in the labels; see "
            f"`clickorder labels check {report.annotations.folder}`."
        )
    if wishes.mix and not has_ingredients():
        notes.append(
            "No generated pictures are mixed in, since there is nothing to draw with here; run "
            "`clickorder ingredients` first to forget less."
        )
    if not parts["test"]:
        notes.append(
            "Before and after are measured on the validation part, by which it was also decided "
            "whether to take the new weights; a test part (--test) would be fairer."
        )
    if report.annotations.unlabelled:
        notes.append(f"{len(report.annotations.unlabelled)} pictures have no labels yet.")
    return tuple(notes)


def _drawn_crops(run: RunFolder) -> int:
    """How many pairs of drawn crops a finished run has seen."""
    kinds = run.config()["kinds"]
    steps = max((int(row["step"]) for row in run.metrics()), default=0)
    drawn = sum(int(n) for kind, n in kinds.items() if kind != KIND)
    return BLOCK_PAIRS * steps * drawn


def _hardware() -> str:
    cores = os.cpu_count() or 1
    return f"{platform.machine()}, {cores} core{'s' * (cores > 1)}, {platform.system()}"
