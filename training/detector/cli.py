"""`train-detector`: a detector from labelled pictures or puzzle sets."""

import os
from pathlib import Path

import typer

from labels.console import App
from labels.puzzles import PUZZLES_FILE
from training.command_line import Given, errors_as_sentences, flags_of
from training.core.options import build
from training.detector.settings import DetectorRun, DetectorSettings

app = App(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@flags_of(DetectorRun, DetectorSettings)
def train(given: Given) -> None:
    """Train a detector, keep the best weights and export them as ONNX.

    Fine-tunes the shipped weights unless told otherwise. Works offline, and uses a GPU if there is
    one. Ctrl-C leaves a checkpoint for --resume.
    """
    # ONNX Runtime reports usage to its maker unless this is set before it is loaded.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    with errors_as_sentences("Stopped; nothing that a checkpoint holds is lost."):
        options = build(DetectorRun, given)
        if not options.data and not options.prompts:
            raise typer.BadParameter("name what to learn from", param_hint="DATA")
        from training.core.initial_weights import (
            DETECTOR_RATE,
            SCRATCH,
            SHIPPED,
            Role,
            starting_files,
        )
        from training.core.run_folder import RunFolder
        from training.detector.generated import GENERATED
        from training.detector.result import DetectorModel
        from training.detector.run import (
            TrainingPlan,
            run_detector_training,
            run_prompt_training,
        )

        prompts, resume, mix = options.prompts, options.resume, options.mix
        out = options.out or Path("runs/prompt-detector" if prompts else "runs/detector")
        role: Role = "prompt_detector" if prompts else "detector"
        width, height = _sides(options.frame or ("384x96" if prompts else "384x256"))
        size = given.get("size", "slim")
        if size not in ("n", "slim"):
            raise typer.BadParameter(f"{size} is neither slim nor n", param_hint="--size")
        chosen = options.start or (SCRATCH if size == "n" else SHIPPED)
        files = () if resume else starting_files(role, chosen)
        usual = {"rate": DETECTOR_RATE} if files else {}
        if resume:
            # What is not given again stays as it was.
            usual = {"rate": RunFolder(out).config()["rate"]}
            if mix is None and not prompts:
                mix = (out / GENERATED / PUZZLES_FILE).is_file()
        settings = build(DetectorSettings, {**usual, **given}, width=width, height=height)
        model = DetectorModel(
            options.name or f"clickorder-{role.replace('_', '-')}",
            options.version,
            options.statement,
            prompts,
        )
        plan = TrainingPlan(
            out,
            settings,
            validation=options.validation,
            model=model,
            start=files[0] if files else None,
            classes=options.classes,
            resume=resume,
        )
        if prompts:
            run_prompt_training(options.data, plan, drawn=mix != 0)
        else:
            run_detector_training(options.data, plan, mix=mix if mix is not None or files else 0)


def _sides(text: str) -> tuple[int, int]:
    """`"384x256"` as two numbers."""
    try:
        width, height = (int(side) for side in text.lower().split("x"))
    except ValueError as error:
        raise typer.BadParameter(
            f"{text} is not WIDTHxHEIGHT, as in 384x256", param_hint="--input"
        ) from error
    return width, height
