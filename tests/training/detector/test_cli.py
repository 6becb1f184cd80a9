"""The command without its heavy packages: help, and what it says where they are missing."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from training.detector.cli import app

ROOT = Path(__file__).parents[3]

_WITHOUT = """
import sys
sys.path.insert(0, {root!r})
for name in ("torch", "ultralytics", "onnx"):
    sys.modules[name] = None
from training.detector.cli import app
app({arguments!r})
"""


def run_without_torch(*arguments: str) -> "subprocess.CompletedProcess[str]":
    code = _WITHOUT.format(root=str(ROOT), arguments=list(arguments))
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=False
    )


def test_help_needs_no_torch() -> None:
    done = run_without_torch("--help")
    assert done.returncode == 0, done.stderr
    assert "--resume" in done.stdout


def test_training_without_torch_says_what_to_install(tmp_path: Path) -> None:
    done = run_without_torch(str(tmp_path))
    assert done.returncode == 2
    assert ".[train]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--input", "384"], "is not WIDTHxHEIGHT"),
        (["--input", "384x"], "is not WIDTHxHEIGHT"),
        (["--input", "100x64"], "multiples of 32"),
        (["--size", "huge"], "neither slim nor n"),
        ([], "neither a folder nor"),
    ],
)
def test_bad_arguments(tmp_path: Path, options: list[str], sentence: str) -> None:
    result = CliRunner().invoke(app, [str(tmp_path / "absent"), *options])
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.replace("│", " ").split())


def test_a_fault_in_a_puzzle_set_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "puzzles.jsonl").write_text("{")
    result = CliRunner().invoke(app, [str(tmp_path), "--out", str(tmp_path / "run")])
    assert result.exit_code == 2
    (sentence,) = result.stderr.splitlines()
    assert "puzzles.jsonl, line 1: The line is not JSON" in sentence
