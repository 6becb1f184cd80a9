"""`train-detector`: a detector from labelled pictures or puzzle sets."""

import os
from pathlib import Path
from typing import Annotated

import typer

from labels.console import App
from labels.errors import LabelsError
from labels.puzzles import PUZZLES_FILE
from training.errors import TrainingError

app = App(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def train(
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Puzzle sets, labelImg folders (classes.txt and a .txt for each picture, beside "
            "it or in a folder of their own) or data.yaml files. Not needed with --prompts.",
            show_default=False,
        ),
    ] = None,
    validation: Annotated[
        list[Path] | None,
        typer.Option(help="The same, to check against; else a tenth of DATA is set aside."),
    ] = None,
    prompts: Annotated[
        bool,
        typer.Option(
            "--prompts",
            help="Train the detector of prompt pictures (prompt_detector.onnx): from pictures that "
            "are drawn while it learns, and from the prompt pictures of DATA where given.",
        ),
    ] = False,
    classes: Annotated[
        str,
        typer.Option(
            help="keep the classes of the labels, one class for all boxes, or the names of those "
            "to learn, separated by commas. [default: one, where the classes say what items are "
            "(characters, icons) and not what kind a box is; else keep]",
            show_default=False,
        ),
    ] = "auto",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the run. [default: runs/detector, or runs/prompt-detector]",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    start: Annotated[
        str,
        typer.Option(
            "--from",
            help="What to start from: shipped (the weights that come with clickorder), scratch, a "
            "checkpoint (.pt) or an exported .onnx file. [default: shipped, or scratch for --size "
            "n]",
            show_default=False,
        ),
    ] = "",
    mix: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Generated puzzles to mix in, so that nothing is forgotten; 0 for none. [default: "
            "as many as there are pictures, when starting from weights, for data of one class, "
            "where `clickorder ingredients` was run]",
            show_default=False,
        ),
    ] = None,
    size: Annotated[str, typer.Option(help="Channels: slim, or n for those of YOLO11n.")] = "slim",
    frame: Annotated[
        str,
        typer.Option(
            "--input",
            help="WIDTHxHEIGHT of the network's input. [default: 384x256, or 384x96 for prompts]",
            show_default=False,
        ),
    ] = "",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the pictures at most.")] = 60,
    minutes: Annotated[float, typer.Option(min=0, help="Time at most; 0 for no limit.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Frames in a step.")] = 16,
    rate: Annotated[
        float | None,
        typer.Option(
            min=1e-6,
            help="Highest learning rate. [default: 2e-3 from scratch, 5e-4 from weights]",
            show_default=False,
        ),
    ] = None,
    patience: Annotated[int, typer.Option(min=1, help="Epochs without a better one.")] = 12,
    workers: Annotated[int, typer.Option(min=-1, help="Processes that prepare frames.")] = -1,
    threads: Annotated[
        int, typer.Option(min=0, help="CPU threads; 0 for one less than the cores.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of weights, order and variation.")] = 0,
    name: Annotated[
        str,
        typer.Option(
            help="Of the model. [default: clickorder-detector, or clickorder-prompt-detector]",
            show_default=False,
        ),
    ] = "",
    version: Annotated[str, typer.Option(help="Of the weights.")] = "1.0.0",
    statement: Annotated[
        str, typer.Option(help="What the weights were trained on, for the file's metadata.")
    ] = "",
) -> None:
    """Train a detector, keep the best weights and export them as ONNX.

    Starts from the shipped weights. Works offline, on a GPU where there is one. Ctrl-C leaves a
    checkpoint for --resume.
    """
    # ONNX Runtime reports usage to its maker unless this is set before it is loaded.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        from training.core.initial_weights import (
            DETECTOR_RATE,
            SCRATCH,
            SHIPPED,
            Role,
            starting_files,
        )
        from training.core.run_folder import RunFolder
        from training.detector.generated import GENERATED
        from training.detector.run import (
            DetectorModel,
            run_detector_training,
            run_prompt_training,
        )
        from training.detector.settings import DetectorSettings
    except ImportError as error:
        typer.echo(
            f"Training needs packages that are not installed ({error.name}); install them with "
            'pip install -e ".[train]".',
            err=True,
        )
        raise typer.Exit(2) from error
    try:
        if not data and not prompts:
            raise typer.BadParameter("name what to learn from", param_hint="DATA")
        out = out or Path("runs/prompt-detector" if prompts else "runs/detector")
        role: Role = "prompt_detector" if prompts else "detector"
        width, height = _sides(frame or ("384x96" if prompts else "384x256"))
        if size not in ("n", "slim"):
            raise typer.BadParameter(f"{size} is neither slim nor n", param_hint="--size")
        chosen = start or (SCRATCH if size == "n" else SHIPPED)
        files = () if resume else starting_files(role, chosen)
        usual = DETECTOR_RATE if files else 2e-3
        if resume:
            # What was not said again stays as it was.
            usual = float(RunFolder(out).config()["rate"])
            if mix is None and not prompts:
                mix = (out / GENERATED / PUZZLES_FILE).is_file()
        settings = DetectorSettings(
            width=width,
            height=height,
            size="n" if size == "n" else "slim",
            epochs=epochs,
            minutes=minutes,
            batch=batch,
            rate=rate or usual,
            patience=patience,
            workers=workers,
            threads=threads,
            seed=seed,
        )
        model = DetectorModel(
            name or f"clickorder-{role.replace('_', '-')}", version, statement, prompts
        )
        if prompts:
            run_prompt_training(
                data or (),
                out,
                settings,
                validation=validation or (),
                model=model,
                start=files[0] if files else None,
                drawn=mix != 0,
                resume=resume,
            )
            return
        run_detector_training(
            data or (),
            out,
            settings,
            validation=validation or (),
            model=model,
            start=files[0] if files else None,
            mix=mix if mix is not None or files else 0,
            classes=classes,
            resume=resume,
        )
    except (TrainingError, LabelsError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


def _sides(text: str) -> tuple[int, int]:
    """`"384x256"` as two numbers."""
    try:
        width, height = (int(side) for side in text.lower().split("x"))
    except ValueError as error:
        raise typer.BadParameter(
            f"{text} is not WIDTHxHEIGHT, as in 384x256", param_hint="--input"
        ) from error
    return width, height
