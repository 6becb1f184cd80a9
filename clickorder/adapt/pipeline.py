"""`clickorder adapt`: from a folder of labelled pictures to fine-tuned models and a report.

What it leaves in its folder:

    bundle/              detector.onnx, prompt_detector.onnx, siamese.onnx, classifier.onnx,
                         calibration.json, and a gallery/ where puzzles ask for things by their
                         names
    report.html          one page: before and after, curves, failures, what to label next
    adapt.json           what was asked for and which models are done, to go on from
    detector/, prompt_detector/, matcher/
                         run folders of the trainings
    puzzles/             the pictures as puzzles, where the labels are no puzzle set
    generated/           generated puzzles, mixed in so that nothing is forgotten
"""

import contextlib
import os
import platform
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from rich.console import Console

from classifier import OnnxClassifier
from clickorder.adapt.models import assembled, settings_of, solve, starting_models
from clickorder.adapt.name_gallery import learn_gallery
from clickorder.adapt.prompt_layout import PromptPictures, prompt_count, prompt_slots
from clickorder.adapt.puzzles import part_of, puzzles_of
from clickorder.adapt.state import AdaptationState, AdaptOptions, fingerprint_of
from clickorder.adapt.trainings import FEWEST, Trainings
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
from service.solving.calibration import Calibrations
from training.adapt.measures import compare, compare_models
from training.adapt.own_pictures import own_pictures
from training.adapt.record import Adaptation
from training.adapt.report import write_report
from training.ingredients import has_ingredients

BUNDLE = "bundle"
REPORT_FILE = "report.html"

_LOOKED_AT = 80
"""Puzzles learned from on which it is found out how much is missed."""


def adapt(folder: Path, out: Path, options: AdaptOptions, console: Console) -> Adaptation:
    """Check, divide, fine-tune, measure, and write bundle and report.

    Args:
        folder: Labelled pictures, of any layout.
        out: Where everything goes; what an interrupted run left there is gone on with.
        options: What the user chose.
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
        folder, options.layout, lambda steps, n: through("Looking at pictures", steps, n)
    )
    annotations = _ordered(report.annotations)
    wanted = Shares(options.validation, options.test)
    split = split_folder(annotations, report.prints, wanted, options.seed)
    parts = {part: frozenset(split.of(part)) for part in PARTS}
    if len(parts["train"]) < FEWEST:
        raise CommandError(
            f"{folder} has {len(annotations.pictures)} labelled pictures, of which "
            f"{len(parts['train'])} are to learn from; label at least a dozen."
        )
    state = AdaptationState.open(out, folder, fingerprint_of(annotations, parts, options))
    notes = _notes(report, options, parts)
    for note in notes:
        say(console, note, "yellow")
    puzzles = puzzles_of(annotations, out)
    tests = part_of(puzzles, annotations, parts["test"] or parts["validation"])
    files = starting_models(options.models_dir)
    start = assembled(files, out / "start")
    solver = LocalSolver(settings_of(start, options))
    checks = part_of(puzzles, annotations, parts["validation"])
    stages = Trainings(
        own_pictures(annotations, parts["train"]),
        own_pictures(annotations, parts["validation"]),
        PromptPictures(part_of(puzzles, annotations, parts["train"]), checks, solver),
        checks,
        out,
        options,
        state,
        console,
    )
    before = solve(start, tests, options, console)
    looked_at = part_of(puzzles, annotations, sorted(parts["train"])[:_LOOKED_AT])
    done = []
    for role, minutes in stages.plan(start, looked_at).items():
        stage, files = stages.run(role, files, minutes)
        done.append(stage)
    bundle = assembled(files, out / BUNDLE)
    learned = part_of(puzzles, annotations, parts["train"])
    _learn_layout(bundle, learned, options, console)
    named = learn_gallery(bundle, learned, checks, solver, options, console)
    if named is not None:
        say(console, named)
        notes += (named,)
    after = solve(bundle, tests, options, console)
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
        unlabelled=_least_certain_first(bundle, annotations, options),
        seconds=perf_counter() - began,
        hardware=_hardware(),
        versions=dict(LocalSolver(settings_of(bundle, options)).models),
        notes=notes,
    )
    write_report(record, out / REPORT_FILE)
    return record


def _learn_layout(
    bundle: Path, puzzles: PuzzleSet | None, options: AdaptOptions, console: Console
) -> None:
    """Let a bundle know how many items the prompt pictures show, and where."""
    count = prompt_count(puzzles)
    if count is None:
        return
    slots = prompt_slots(puzzles, LocalSolver(settings_of(bundle, options)))
    file = bundle / "calibration.json"
    known = Calibrations.load(file) if file.is_file() else Calibrations()
    replace(known, prompt_count=count, slots=slots).save(file)
    shown = str(count[0]) if count[0] == count[1] else f"{count[0]} to {count[1]}"
    where = ", always in the same places" if slots else ""
    console.print(
        f"The prompt pictures show {shown} items each{where}, which the bundle knows now."
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


def _least_certain_first(
    bundle: Path, annotations: Annotations, options: AdaptOptions
) -> tuple[Path, ...]:
    """Pictures without labels, those first that the new models are least sure of."""
    if not annotations.unlabelled:
        return ()
    threads = options.threads
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


def _notes(
    report: Report, options: AdaptOptions, parts: Mapping[str, frozenset[Path]]
) -> tuple[str, ...]:
    """What the user should know before training starts, and in the report."""
    notes = []
    if report.faults:
        notes.append(
            f"{len(report.faults)} faults in the labels; see "
            f"`clickorder labels check {report.annotations.folder}`."
        )
    if options.mix and not has_ingredients():
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


def _hardware() -> str:
    cores = os.cpu_count() or 1
    return f"{platform.machine()}, {cores} core{'s' * (cores > 1)}, {platform.system()}"
