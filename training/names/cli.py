"""`train-names`."""

import typer

from labels.console import App
from training.command_line import Given, errors_as_sentences, flags_of
from training.core.options import build
from training.names.settings import NamesRun

app = App(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@flags_of(NamesRun)
def train_names(given: Given) -> None:
    """Train the network that finds drawings by their names, and export names.onnx.

    It learns from icons of the collections of `clickorder ingredients` whose names the vocabulary
    has, as scenes show them. Its trunk begins with the matcher's weights; the matcher itself stays
    as it is. Works offline, and uses a GPU if there is one. Ctrl-C leaves a checkpoint for
    --resume.
    """
    with errors_as_sentences("Stopped before the first step; nothing is lost."):
        options = build(NamesRun, given)
        from training.names.run import run_training

        if options.finish and not options.resume:
            raise typer.BadParameter("--finish ends a run that is resumed; add --resume")
        done = run_training(options)
    if not done:
        raise typer.Exit(130)
