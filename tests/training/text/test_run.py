"""Whole small runs of the text reader's trainer."""

import json
import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from classifier.text_reader import TextReader
from training.core.checkpoint import load_checkpoint
from training.core.loop import DivergedError
from training.core.run_folder import RunError, RunFolder
from training.core.schedule import Schedule
from training.errors import TextTrainingError
from training.text.blocks import TextBlock
from training.text.cli import app
from training.text.data import pack_entries, read_records
from training.text.loop import Augmentation, StoppingCriteria, TextTraining
from training.text.measures import Alphabet
from training.text.onnx_import import state_of_onnx
from training.text.pack import write_pack
from training.text.run import run_text_training
from training.text.settings import TextSettings, settings_of

ROOT = Path(__file__).parents[3]
UPPER4 = ROOT / "classifier/weights/captcha-upper4.onnx"

SMALL = {
    "size": "48x24", "batch": 16, "threads": 1, "augment": 0.0, "rate": 3e-3, "warmup": 10,
    "dropout": 0.0,
}  # fmt: skip


def small(**more: object) -> TextSettings:
    return settings_of({**SMALL, **more})


def draw(text: str, rng: np.random.Generator) -> Image.Image:
    """Bars: a high one for 1, a low one for 0, on noisy paper."""
    picture = rng.integers(200, 256, (24, 48, 3), dtype=np.uint8)
    for at, character in enumerate(text):
        left = 4 + 14 * at + int(rng.integers(0, 4))
        rows = slice(3, 11) if character == "1" else slice(13, 21)
        picture[rows, left : left + 6] = 30
    return Image.fromarray(picture)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred pictures of two or three bars."""
    home = tmp_path_factory.mktemp("bars")
    rng = np.random.default_rng(1)
    for number in range(200):
        text = "".join(rng.choice(list("01"), size=int(rng.integers(2, 4))))
        draw(text, rng).save(home / f"{text}_{number:03}.png")
    return home


@pytest.fixture(scope="module")
def ctc_run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "ctc"
    assert run_text_training(small(steps=120, check_every=40), out, data=[folder])
    return out


def readings(run: Path) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(99)
    texts = ["01", "110", "000", "111", "10", "011"]
    pictures = [np.asarray(draw(text, rng)) for text in texts]
    return texts, [r.text for r in TextReader.load(run / "text.onnx").read(pictures)]


def test_a_run_leaves_everything_behind(ctc_run: Path) -> None:
    for name in ("config.json", "last.pt", "best.pt", "curves.png", "mistakes.png", "text.onnx"):
        assert (ctc_run / name).is_file(), name
    rows = RunFolder(ctc_run).metrics()
    assert rows[-1]["step"] == 120
    assert any("loss" in row for row in rows)
    assert {"accuracy", "character_accuracy", "cost"} <= set(rows[-1])
    config = json.loads((ctc_run / "config.json").read_text())
    assert (config["trainer"], config["characters"]) == ("text", "01")


def test_the_exported_file_reads_new_pictures(ctc_run: Path) -> None:
    texts, read = readings(ctc_run)
    assert sum(a == b for a, b in zip(texts, read, strict=True)) >= 5, read
    metadata = TextReader.load(ctc_run / "text.onnx").metadata
    assert metadata is not None
    assert (metadata.kind, metadata.decoding, metadata.charset) == ("text", "ctc", ("", "0", "1"))
    assert metadata.calibration["held_out_accuracy"] > 0.8
    assert (metadata.options["shortest"], metadata.options["longest"]) == (2, 3)


@pytest.mark.parametrize("head", ["fixed", "ctc"])
def test_the_other_heads_learn_too(head: str, folder: Path, tmp_path: Path) -> None:
    run_text_training(small(head=head, steps=150, check_every=50), tmp_path / "r", data=[folder])
    texts, read = readings(tmp_path / "r")
    assert sum(a == b for a, b in zip(texts, read, strict=True)) >= 4, read


def test_a_pack_too_large_for_memory_trains_as_well(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "bars.texts"
    write_pack(pack_entries(read_records([folder], r"^(?P<label>[^_]+)_", skip_faulty=False), 0.1),
               file)  # fmt: skip
    out = tmp_path / "run"
    assert run_text_training(small(steps=6, check_every=3, memory_mb=0), out, data=[file])
    assert (out / "text.onnx").is_file()


@pytest.mark.parametrize(
    "more",
    [
        {"synthetic": "captcha", "charset": "numeric", "draw": "96x48"},
        {"synthetic": "two-colours", "charset": "AB", "grey": False},
        {"synthetic": "captcha", "charset": "ab", "fit": "pad", "binarise": True, "fold": "upper"},
    ],
    ids=["captcha", "two-colours", "padded"],
)
def test_drawn_pictures_are_learnt_from(more: dict[str, object], tmp_path: Path) -> None:
    settings = small(steps=4, check_every=2, trials=12, size="64x32", augment=0.5, **more)
    assert run_text_training(settings, tmp_path / "run")
    reader = TextReader.load(tmp_path / "run" / "text.onnx")
    assert reader.takes_colour == ("two-colours" in settings.synthetic)
    assert len(reader.read([np.full((48, 96, 3), 255, np.uint8)])) == 1
    assert reader.charset.symbols[1:] == tuple(settings.characters())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--epochs", "3"], "no epochs"),
        (["--length", "20", "--size", "64x64"], "is wider"),
        (["--charset", "nowhere.txt"], "nowhere.txt cannot be read"),
    ],
    ids=["endless", "narrow", "no-charset"],
)
def test_what_does_not_fit_is_told_before_anything_is_written(
    arguments: list[str], sentence: str, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    result = CliRunner().invoke(app, ["--synthetic", "captcha", "--out", str(out), *arguments])
    assert result.exit_code == 2
    assert sentence in " ".join(result.stderr.split())
    assert not out.exists()


def test_training_ends_when_it_is_good_enough(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = small(steps=5000, check_every=20, end_acc=0.3)
    assert run_text_training(settings, out, data=[folder])
    assert int(load_checkpoint(out / "last.pt")["step"]) < 2000
    assert RunFolder(out).metrics()[-1]["accuracy"] >= 0.3


@pytest.mark.parametrize(
    ("enough", "measures", "reached"),
    [
        (StoppingCriteria(), (1.0, 0.0), False),
        (StoppingCriteria(0.9), (0.9, 5.0), True),
        (StoppingCriteria(0.9), (0.8, 0.0), False),
        (StoppingCriteria(0.9, 0.1), (1.0, 0.2), False),
        (StoppingCriteria(0.9, 0.1), (0.9, 0.1), True),
        (StoppingCriteria(cost=0.1), (0.0, 0.1), True),
    ],
    ids=["nothing-asked", "accuracy", "too-low", "cost-too-high", "both", "cost-alone"],
)
def test_what_is_enough(
    enough: StoppingCriteria, measures: tuple[float, float], reached: bool
) -> None:
    assert enough.reached({"accuracy": measures[0], "cost": measures[1]}) == reached


@pytest.mark.parametrize("file", ["", "best.pt", "text.onnx"])
def test_other_weights_are_taken_over_by_character(
    file: str, ctc_run: Path, folder: Path, tmp_path: Path
) -> None:
    out, start = tmp_path / "wider", ctc_run / file
    settings = small(steps=1, check_every=1, warmup=1, rate=1e-6, charset="x10")
    assert run_text_training(settings, out, data=[folder], start=start)
    texts, read = readings(out)
    assert sum(a == b for a, b in zip(texts, read, strict=True)) >= 4, read
    assert json.loads((out / "config.json").read_text())["from"] == str(start)


def test_a_shipped_reader_is_a_start(folder: Path, tmp_path: Path) -> None:
    out, console = tmp_path / "run", Console(file=StringIO(), width=500)
    settings = small(steps=1, check_every=1, warmup=1, rate=1e-6, size="128x64")
    run_text_training(settings, out, data=[folder], start=Path("captcha-upper4"), console=console)
    assert "begin anew" not in console.file.getvalue()
    state, known = load_checkpoint(out / "last.pt")["model"], state_of_onnx(UPPER4)["model"]
    for name in ("stem.0.weight", "row.0.weight", "head.context.1.inner.0.weight"):
        torch.testing.assert_close(state[name], known[name], atol=1e-3, rtol=0)


def test_layers_that_do_not_fit_are_told(folder: Path, tmp_path: Path) -> None:
    console = Console(file=StringIO(), width=500)
    settings = small(steps=1, check_every=1, warmup=1)
    run_text_training(
        settings, tmp_path / "run", data=[folder], start=Path("shipped"), console=console
    )
    assert "stem.0.weight, row.0.weight) and begin anew" in console.file.getvalue()


@pytest.mark.parametrize("start", ["captcha-uper4", "missing.pt", "runs/missing"])
def test_a_start_that_is_not_there_is_told(start: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TextTrainingError, match=Path(start).name):
        run_text_training(small(steps=1), tmp_path / "out", data=[folder], start=Path(start))
    assert not (tmp_path / "out").exists()


def test_an_interrupted_run_resumes_to_a_complete_one(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = [
        str(folder), "--out", str(out), "--steps", "100000", "--check-every", "3", "--size",
        "48x24", "--batch", "16", "--threads", "1",
    ]  # fmt: skip
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        f"from training.text.cli import app; app({arguments!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 600
    while not (out / "best.pt").is_file() and time.monotonic() < deadline:
        time.sleep(0.2)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 130, said
    assert "--resume" in said
    # What was best so far can be used.
    assert TextReader.load(out / "text.onnx").charset.symbols == ("", "0", "1")
    stopped_at = int(load_checkpoint(out / "last.pt")["step"])
    with pytest.raises(RunError, match="--resume"):
        run_text_training(small(steps=stopped_at + 3), out, data=[folder])
    more = small(steps=stopped_at + 3, check_every=3)
    assert run_text_training(more, out, data=[folder], resume=True)
    assert int(load_checkpoint(out / "last.pt")["step"]) == stopped_at + 3
    steps = [row["step"] for row in RunFolder(out).metrics()]
    assert steps == sorted(steps)
    other = small(steps=stopped_at + 9, head="ctc")
    with pytest.raises(TextTrainingError, match="another head"):
        run_text_training(other, out, data=[folder], resume=True)


def test_a_loss_that_is_no_number_stops_with_a_sentence(tmp_path: Path) -> None:
    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = torch.nn.Parameter(torch.tensor(float("nan")))

        def forward(self, image: "torch.Tensor") -> "torch.Tensor":
            return torch.ones(len(image), 8, 3) * self.factor

    class OneBatch:
        drawn = 0

        def batch(self) -> TextBlock:
            return block

    block = TextBlock(np.zeros((2, 1, 8, 8), np.uint8), ("a", "b"))
    run = RunFolder.start(tmp_path, {}, resume=False)
    training = TextTraining(
        Network(), run, Schedule(steps=5, decay_steps=1), Alphabet("ab"), block, Augmentation(0),
        enough=StoppingCriteria(), facts={},
    )  # fmt: skip
    with pytest.raises(DivergedError, match="smaller --rate"):
        training.fit(OneBatch())
    assert not run.last.is_file()
