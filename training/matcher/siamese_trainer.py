"""`train-siamese`: the matcher, from labelled pictures, puzzle sets or drawn crops."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from training.matcher.crop_inputs import Trial
from training.matcher.imprinting import Imprinter
from training.matcher.joint_model import Weighting
from training.matcher.mixed_blocks import MixedBlocks, mixed_kinds
from training.matcher.picture_blocks import KIND, PictureBlocks, divide, picture_trials
from training.matcher.pictures import read_classes
from training.matcher.run import Settings, TrainingTask, charset_of, run_course
from training.matcher.synthetic_blocks import PLAIN_PAIRS, SyntheticBlocks, draw_trials
from training.synthetic.crops import CHARSET


def run_siamese_training(
    data: Path | None,
    out: Path,
    settings: Settings,
    *,
    start: Sequence[Path] = (),
    mix: bool = False,
    notes: Sequence[str] = (),
    resume: bool = False,
    finish: bool = False,
    skip_faulty: bool = False,
) -> bool:
    """Train a matcher and export it as `siamese.onnx` into the run's folder.

    On drawn crops the trunk also learns to name characters, which makes it tell look-alikes apart
    and gives `classifier.onnx` as well.

    Args:
        data: Class folders, `label_hash.png` pictures or a puzzle set; None for drawn crops.
        out: Folder of the run.
        settings: The user's choice.
        start: What to start from, see `run_course`; empty for scratch. Symbols that it knows keep
            their weights.
        mix: Whether half of each batch is drawn, beside the user's own pictures.
        notes: What the user should know, once the data are read.
        resume: Whether to go on with the run in `out`.
        finish: With `resume`: let the learning rate fall now.
        skip_faulty: Leave out unreadable pictures and classes of fewer than two.

    Returns:
        False where training was interrupted.

    Raises:
        TrainingError: something is wrong with the data, the folder or the weights.
        PuzzleSetError: a puzzle set does not fit its format.
    """
    if data is None:
        charset = (charset_of(out) if resume else ()) or tuple(CHARSET)
        course = synthetic_course(charset, settings, fresh=not start and not resume)
    else:
        course = _picture_course(data, settings, notes, mix=mix, skip_faulty=skip_faulty)
    return run_course(course, out, settings, start=start, resume=resume, finish=finish)


def synthetic_course(charset: tuple[str, ...], settings: Settings, *, fresh: bool) -> TrainingTask:
    """Three eighths characters, as many icons, the rest letters, digits and two-letter words.

    Args:
        charset: What the trunk also learns to name.
        settings: For the size of batches and the number of trials.
        fresh: Whether the network knows nothing yet, and needs plain crops at first.
    """
    latin = max(1, settings.batch_blocks // 4)
    icons = max(1, 3 * settings.batch_blocks // 8)
    characters = max(1, settings.batch_blocks - icons - latin)
    return TrainingTask(
        trainer="siamese",
        charset=charset,
        weighting=Weighting(pairs=1.0, symbols=1.0),
        metric="solved",
        make=SyntheticBlocks(charset, plain_pairs=PLAIN_PAIRS if fresh else 0),
        kinds={"characters": characters, "icons": icons, "latin": latin},
        trials=partial(draw_trials, settings.trials, charset),
        statement=(
            "Crops drawn by clickorder's own generator from free fonts, icon collections and "
            "photos (training split); no CAPTCHA of any site."
        ),
        imprinter=Imprinter(charset),
    )


def _picture_course(
    data: Path, settings: Settings, notes: Sequence[str], *, mix: bool, skip_faulty: bool
) -> TrainingTask:
    seed = settings.schedule.seed
    classes = read_classes(data, skip_faulty=skip_faulty, single=True)
    division = divide(classes, seed=seed, single=True)

    own = PictureBlocks(division.train, (), "siamese")

    def trials() -> list[Trial]:
        return picture_trials(division, (), settings.trials, "siamese", seed=seed)

    return TrainingTask(
        trainer="siamese",
        charset=(),
        weighting=Weighting(pairs=1.0, symbols=0.0),
        metric="match",
        make=MixedBlocks(own, SyntheticBlocks(())) if mix else own,
        kinds=mixed_kinds(settings.batch_blocks) if mix else {KIND: settings.batch_blocks},
        trials=trials,
        statement=f"{len(classes)} pictures of {len(classes.labels)} classes of the user's own.",
        notes=(*notes, *classes.skipped),
    )
