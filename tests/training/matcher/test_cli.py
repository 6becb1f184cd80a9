"""The commands without their heavy packages: help, and what they say where those are missing."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from training.matcher.cli import classifier_app, siamese_app

ROOT = Path(__file__).parents[3]

_WITHOUT = """
import sys
sys.path.insert(0, {root!r})
for name in ("torch", "onnx"):
    sys.modules[name] = None
from training.matcher.cli import {app}
{app}({arguments!r})
"""


def run_without_torch(app: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    code = _WITHOUT.format(root=str(ROOT), app=app, arguments=list(arguments))
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.parametrize("app", ["siamese_app", "classifier_app"])
def test_help_needs_no_torch(app: str) -> None:
    done = run_without_torch(app, "--help")
    assert done.returncode == 0, done.stderr
    assert "--synthetic" in done.stdout
    assert "--resume" in done.stdout


@pytest.mark.parametrize("app", ["siamese_app", "classifier_app"])
def test_training_without_torch_says_what_to_install(app: str) -> None:
    done = run_without_torch(app, "--synthetic")
    assert done.returncode == 2
    assert ".[train]" in done.stderr


@pytest.mark.parametrize("app", [siamese_app, classifier_app], ids=["siamese", "classifier"])
@pytest.mark.parametrize("arguments", [[], ["data", "--synthetic"]], ids=["neither", "both"])
def test_exactly_one_source_is_asked_for(app: object, arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)  # type: ignore[arg-type]
    assert result.exit_code == 2
    assert "--synthetic" in result.output


@pytest.mark.parametrize("app", [siamese_app, classifier_app], ids=["siamese", "classifier"])
def test_a_fault_in_a_puzzle_set_is_told_in_a_sentence(app: object, tmp_path: Path) -> None:
    (tmp_path / "puzzles.jsonl").write_text("{")
    arguments = [str(tmp_path), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, arguments)  # type: ignore[arg-type]
    assert result.exit_code == 2
    (sentence,) = result.stderr.splitlines()
    assert "puzzles.jsonl, line 1: The line is not JSON" in sentence
