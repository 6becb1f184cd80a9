"""`train-text`: a reader of whole text CAPTCHAs."""

from collections.abc import Sequence
from pathlib import Path

import typer

from labels.console import App
from training.command_line import Given, errors_as_sentences, flags_of
from training.core.options import build
from training.errors import TextTrainingError
from training.text.config import PLACES, TextRun, read_config
from training.text.settings import TextSettings, settings_of

app = App(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")


@app.command()
@flags_of(TextRun, TextSettings)
def train(given: Given) -> None:
    """Train a network that reads whole texts, and export text.onnx.

    Ctrl-C leaves a checkpoint for --resume, and exports what was best so far.

    For example:

    - `train-text pictures --length 4 --fold lower`
    - `train-text --synthetic captcha --charset numeric+upper --minutes 60`
    - `train-text --config run.yaml --resume`
    - `train-text pictures more-pictures --pack all.texts`
    """
    with errors_as_sentences("Stopped; nothing that a checkpoint holds is lost."):
        if given.get("finish") and not given.get("resume"):
            raise typer.BadParameter("--finish ends a run that is resumed; add --resume")
        if "pack" in given:
            _pack(given.get("data", ()), given["pack"], settings_of(given))
            return
        written = read_config(given["config"]) if "config" in given else {}
        # `from` is a word of Python's.
        places = {"start" if key == "from" else key: written.pop(key, None) for key in PLACES}
        places = {key: value for key, value in places.items() if value is not None}
        run = build(TextRun, {**places, **given})
        before: Given = {"settings": {}}
        if run.resume:
            from training.core.run_folder import RunFolder

            # What is not given again stays as it was.
            before = RunFolder(run.out).config()
            earlier = {key: before.get(key) or () for key in ("data", "validation")}
            run = build(TextRun, {**earlier, **places, **given})
        settings = settings_of({**before["settings"], **written, **given})
        _check_sources(settings, run.data)
        from training.text.run import run_text_training

        done = run_text_training(
            settings,
            run.out,
            data=run.data,
            validation=run.validation,
            start=run.start,
            resume=run.resume,
            finish=run.finish,
        )
    if not done:
        raise typer.Exit(130)


def _check_sources(settings: TextSettings, sources: Sequence[Path]) -> None:
    if bool(settings.synthetic) == bool(sources):
        raise TextTrainingError(
            "Give either folders of pictures or --synthetic; see train-text --help."
        )
    for path in sources:
        if not path.exists():
            raise TextTrainingError(f"There is no {path}; give a folder of pictures, or a pack.")


def _pack(data: Sequence[Path], file: Path, settings: TextSettings) -> None:
    """Write folders of pictures into one file."""
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
