"""`train-siamese` and `train-classifier`."""

from typing import Literal

import typer

from labels.console import App
from training.command_line import Given, errors_as_sentences, flags_of
from training.core.options import build
from training.matcher.settings import ClassifierRun, MatcherRun, Settings

siamese_app = App(add_completion=False, pretty_exceptions_enable=False)
classifier_app = App(add_completion=False, pretty_exceptions_enable=False)

_FROM_SCRATCH_RATE, _SYNTHETIC_RATE = 1.5e-3, 1e-3
_UNMIXED = (
    "No drawn crops are mixed in, since there is nothing to draw with here; run `clickorder "
    "ingredients` for that."
)


@siamese_app.command()
@flags_of(MatcherRun, Settings)
def train_siamese(given: Given) -> None:
    """Train the matcher that finds a prompt's items among crops, and export siamese.onnx.

    Fine-tunes the shipped weights at a low learning rate, with half of each batch drawn by the
    generator. Part of every class is held out for validation. Works offline, and uses a GPU if
    there is one. Ctrl-C leaves a checkpoint for --resume.
    """
    _train("siamese", MatcherRun, given)


@classifier_app.command()
@flags_of(ClassifierRun, Settings)
def train_classifier(given: Given) -> None:
    """Train the network that reads one character or icon, and export classifier.onnx.

    Fine-tunes the shipped weights at a low learning rate, with half of each batch drawn by the
    generator. Part of every class is held out for validation. Works offline, and uses a GPU if
    there is one. Ctrl-C leaves a checkpoint for --resume.
    """
    _train("classifier", ClassifierRun, given)


def _train(
    trainer: Literal["siamese", "classifier"], model: type[MatcherRun], given: Given
) -> None:
    with errors_as_sentences("Stopped before the first step; nothing is lost."):
        options = build(model, given)
        data, out = options.data, options.out
        if options.synthetic == (data is not None):
            raise typer.BadParameter("give either a folder of pictures or --synthetic")
        if options.hard_negatives and not options.synthetic:
            raise typer.BadParameter("--hard-negatives go with --synthetic")
        from training.core.initial_weights import MATCHER_RATE, starting_files
        from training.core.run_folder import RunFolder
        from training.ingredients import has_ingredients
        from training.matcher.run import run_training

        if options.finish and not options.resume:
            raise typer.BadParameter("--finish ends a run that is resumed; add --resume")
        mix = options.mix
        files = () if options.resume else starting_files(trainer, options.start, drawn=data is None)
        # What is known is kept best at a low rate, and few pictures need the lowest.
        usual = _FROM_SCRATCH_RATE
        if files:
            usual = _SYNTHETIC_RATE if data is None else MATCHER_RATE
        mixed = data is not None and (bool(files) and has_ingredients() if mix is None else mix)
        if options.resume:
            # What is not given again stays as it was.
            before = RunFolder(out).config()
            usual = float(before["schedule"]["rate"])
            mixed = data is not None and (len(before["kinds"]) > 1 if mix is None else mix)
        alone = bool(files) and data is not None and not mixed and mix is None
        schedule = options.schedule(options.rate or usual)
        done = run_training(
            trainer,
            data,
            out,
            build(Settings, given, schedule=schedule, batch_blocks=max(1, options.batch // 12)),
            start=files,
            mix=mixed,
            notes=(_UNMIXED,) if alone else (),
            resume=options.resume,
            finish=options.finish,
            skip_faulty=options.skip_faulty,
            hard_negatives=options.hard_negatives,
        )
    if not done:
        raise typer.Exit(130)
