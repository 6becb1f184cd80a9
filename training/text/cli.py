"""`train-text`: a reader of whole text CAPTCHAs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labels.console import App
from training.errors import TextTrainingError, TrainingError

if TYPE_CHECKING:
    from training.text.settings import TextSettings

app = App(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")

_WHERE = {"data", "validation", "out", "config", "resume", "finish", "start", "pack"}
_PICTURES, _TEXTS = "Pictures", "Texts"
_LEARNING, _ENDING, _MODEL = "Learning", "Ending", "Model"


@app.command()
def train(
    context: typer.Context,
    data: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders of labelled pictures, or packs; none with --synthetic."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A YAML file; its keys are the flags, and flags win."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run. [default: runs/text]")
    ] = None,
    validation: Annotated[
        list[Path] | None,
        typer.Option(help="To measure on; else as `clickorder text split` divided, or 5 %."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    finish: Annotated[
        bool, typer.Option("--finish", help="With --resume: let the learning rate fall now.")
    ] = False,
    start: Annotated[
        Path | None, typer.Option("--from", help="A run folder or checkpoint to start from.")
    ] = None,
    pack: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write DATA into one file (.texts), and train nothing."),
    ] = None,
    synthetic: Annotated[
        str | None,
        typer.Option(
            help="Draw pictures without end: captcha (of the captcha package), two-colours, "
            "strips; several with shares: captcha:2,strips:1.",
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    draw: Annotated[
        str | None,
        typer.Option(help="WIDTHxHEIGHT that is drawn.", rich_help_panel=_PICTURES),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(help="WIDTHxHEIGHT of the input [128x64].", rich_help_panel=_PICTURES),
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option(help="stretch, or pad to keep the shape.", rich_help_panel=_PICTURES),
    ] = None,
    grey: Annotated[
        bool | None,
        typer.Option("--grey/--colour", help="[grey]", rich_help_panel=_PICTURES),
    ] = None,
    binarise: Annotated[
        bool | None,
        typer.Option("--binarise/--no-binarise", help="Otsu.", rich_help_panel=_PICTURES),
    ] = None,
    smooth: Annotated[
        int | None, typer.Option(help="Median window in pixels.", rich_help_panel=_PICTURES)
    ] = None,
    blur: Annotated[
        float | None, typer.Option(help="Gaussian in pixels.", rich_help_panel=_PICTURES)
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(help="Finds (?P<label>...) in a file name.", rich_help_panel=_TEXTS),
    ] = None,
    charset: Annotated[
        str | None,
        typer.Option(
            help="numeric, lower, upper, alphabet, alphanumeric, common-chinese (2,000), chinese "
            "(3,755), sums with +, the characters themselves, or a file. [default: what "
            "labels have, or numeric+upper]",
            rich_help_panel=_TEXTS,
        ),
    ] = None,
    often: Annotated[
        str | None,
        typer.Option(
            help="Characters to draw four times as often, as 0O where these are confused.",
            rich_help_panel=_TEXTS,
        ),
    ] = None,
    exclude: Annotated[
        str | None, typer.Option(help="Characters to leave out.", rich_help_panel=_TEXTS)
    ] = None,
    replace: Annotated[
        str | None,
        typer.Option(help="In pairs: O0I1 reads O as 0.", rich_help_panel=_TEXTS),
    ] = None,
    fold: Annotated[
        str | None, typer.Option(help="lower or upper.", rich_help_panel=_TEXTS)
    ] = None,
    length: Annotated[
        str | None, typer.Option(help="Characters: 4, or 4-6.", rich_help_panel=_TEXTS)
    ] = None,
    skip_faulty: Annotated[
        bool | None,
        typer.Option("--skip-faulty", help="Leave out what is faulty.", rich_help_panel=_TEXTS),
    ] = None,
    held_out: Annotated[
        float | None, typer.Option(help="Share to measure on [0.05].", rich_help_panel=_TEXTS)
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(help="Drawn pictures to measure on [2000].", rich_help_panel=_TEXTS),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(help="ctc-conv, ctc (with a GRU) or fixed.", rich_help_panel=_MODEL),
    ] = None,
    trunk: Annotated[
        str | None, typer.Option(help="slim, or usual.", rich_help_panel=_MODEL)
    ] = None,
    dropout: Annotated[float | None, typer.Option(rich_help_panel=_MODEL)] = None,
    name: Annotated[str | None, typer.Option(rich_help_panel=_MODEL)] = None,
    version: Annotated[str | None, typer.Option(rich_help_panel=_MODEL)] = None,
    statement: Annotated[
        str | None,
        typer.Option(help="What it was trained on.", rich_help_panel=_MODEL),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Pictures in a step [64].", rich_help_panel=_LEARNING)
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Highest rate [2e-3].", rich_help_panel=_LEARNING)
    ] = None,
    warmup: Annotated[int | None, typer.Option(rich_help_panel=_LEARNING)] = None,
    decay_steps: Annotated[
        int | None,
        typer.Option(help="In which the rate falls [2/5].", rich_help_panel=_LEARNING),
    ] = None,
    weight_decay: Annotated[float | None, typer.Option(rich_help_panel=_LEARNING)] = None,
    augment: Annotated[
        float | None,
        typer.Option(help="0 for none, 1 for small sets.", rich_help_panel=_LEARNING),
    ] = None,
    uses: Annotated[
        int | None,
        typer.Option(help="Of a drawn picture, at most [4].", rich_help_panel=_LEARNING),
    ] = None,
    seed: Annotated[int | None, typer.Option(rich_help_panel=_LEARNING)] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that draw or read.", rich_help_panel=_LEARNING)
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            help="CPU threads; 0 for one less than the cores [0].", rich_help_panel=_LEARNING
        ),
    ] = None,
    memory_mb: Annotated[int | None, typer.Option(rich_help_panel=_LEARNING)] = None,
    steps: Annotated[
        int | None, typer.Option(help="Batches in all.", rich_help_panel=_ENDING)
    ] = None,
    epochs: Annotated[
        float | None, typer.Option(help="Passes over DATA.", rich_help_panel=_ENDING)
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Time at most.", rich_help_panel=_ENDING)
    ] = None,
    check_every: Annotated[
        int | None, typer.Option(help="Batches between measurements.", rich_help_panel=_ENDING)
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Measurements without a better one before the rate falls.",
            rich_help_panel=_ENDING,
        ),
    ] = None,
    end_acc: Annotated[
        float | None,
        typer.Option(help="Accuracy that is enough, 0..1.", rich_help_panel=_ENDING),
    ] = None,
    end_cost: Annotated[
        float | None, typer.Option(help="Cost that is enough.", rich_help_panel=_ENDING)
    ] = None,
) -> None:
    """Train a network that reads whole texts, and export text.onnx.

    Ctrl-C leaves a checkpoint for --resume, and exports what was best so far.

    For example:

    - `train-text pictures --length 4 --fold lower`
    - `train-text --synthetic captcha --charset numeric+upper --minutes 60`
    - `train-text --config run.yaml --resume`
    - `train-text pictures more-pictures --pack all.texts`
    """
    given = {
        key: value
        for key, value in context.params.items()
        if key not in _WHERE and value is not None
    }
    from classifier.errors import ClassifierError
    from labels.errors import LabelsError
    from modelfile import ModelFileError
    from training.core.run_folder import RunFolder
    from training.synthetic.errors import SyntheticError
    from training.text.settings import read_config, settings_of

    if finish and not resume:
        raise typer.BadParameter("--finish ends a run that is resumed; add --resume")
    try:
        if pack is not None:
            _pack(data or [], pack, settings_of(given))
            return
        written = read_config(config) if config is not None else {}
        folder = out or _paths(written.pop("out", None), Path("runs/text"))[0]
        # What was not said again stays as it was.
        before = RunFolder(folder).config() if resume else {"settings": {}}
        sources = data or _paths(written.pop("data", before.get("data")))
        others = validation or _paths(written.pop("validation", before.get("validation")))
        origin = start or next(iter(_paths(written.pop("from", None))), None)
        settings = settings_of({**before["settings"], **written, **given})
        _check_sources(settings, sources)
        from training.text.run import run_text_training

        done = run_text_training(
            settings,
            folder,
            data=sources,
            validation=others,
            start=origin,
            resume=resume,
            finish=finish,
        )
    except ImportError as error:
        typer.echo(
            f"Training needs packages that are not installed ({error.name}); install them with "
            'pip install -e ".[train]".',
            err=True,
        )
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        typer.echo("Stopped; nothing that a checkpoint holds is lost.", err=True)
        raise typer.Exit(130) from error
    except (TrainingError, LabelsError, SyntheticError, ModelFileError, ClassifierError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    if not done:
        raise typer.Exit(130)


def _check_sources(settings: "TextSettings", sources: list[Path]) -> None:
    if bool(settings.synthetic) == bool(sources):
        raise TextTrainingError(
            "Give either folders of pictures or --synthetic; see train-text --help."
        )
    for path in sources:
        if not path.exists():
            raise TextTrainingError(f"There is no {path}; give a folder of pictures, or a pack.")


def _paths(value: object, default: Path | None = None) -> list[Path]:
    """The paths that a file names, one or a list of them."""
    if value is None:
        return [] if default is None else [default]
    return [Path(str(item)) for item in (value if isinstance(value, list) else [value])]


def _pack(data: list[Path], file: Path, settings: "TextSettings") -> None:
    """Write folders into one file."""
    from rich.console import Console

    from training.text.data import pack_entries, read_records
    from training.text.pack import write_pack

    if not data:
        raise TextTrainingError("There is nothing to pack; give folders of pictures.")
    records = read_records(data, settings.pattern, skip_faulty=settings.skip_faulty)
    entries = pack_entries(records, settings.held_out)
    with Console(stderr=True).status(f"Packing {len(entries)} pictures"):
        write_pack(entries, file)
    held = sum(out for _, _, out, _ in entries)
    typer.echo(
        f"{len(entries)} pictures in {file} ({file.stat().st_size / 1e6:.1f} MB), {held} of them "
        "to measure on."
    )
