"""`train-text` without its heavy packages: help, packing, and what it says of slips."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from training.text.cli import app
from training.text.pack import TextPack

ROOT = Path(__file__).parents[3]

_WITHOUT = """
import sys
sys.path.insert(0, {root!r})
for name in ("torch", "onnx"):
    sys.modules[name] = None
from training.text.cli import app
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
    for flag in ("--head", "--resume", "--end-acc", "--synthetic"):
        assert flag in done.stdout


def test_training_without_torch_says_what_to_install() -> None:
    done = run_without_torch("--synthetic", "captcha")
    assert done.returncode == 2
    assert ".[train]" in done.stderr
    assert "Traceback" not in done.stderr


def test_packing_needs_no_torch(tmp_path: Path) -> None:
    for name in ("ab_1.png", "cd_2.png", "ef_3.png"):
        picture = Image.new("RGB", (8, 4))
        picture.putpixel((2, 2), (255, 255, 255))
        picture.save(tmp_path / name)
    file = tmp_path / "packed" / "all.texts"
    done = run_without_torch(str(tmp_path), "--pack", str(file), "--held-out", "0.4")
    assert done.returncode == 0, done.stderr
    assert "3 pictures in" in done.stdout
    assert [entry[1] for entry in TextPack(file).entries] == ["ab", "cd", "ef"]
    again = run_without_torch(str(tmp_path), "--pack", str(file))
    assert again.returncode == 2
    assert "there already" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Give either folders of pictures or --synthetic"),
        (["there", "--synthetic", "captcha"], "Give either folders of pictures or --synthetic"),
        (["absent"], "There is no absent"),
        (["--synthetic", "captcha", "--head", "lstm"], "choose of ctc-conv, ctc, fixed"),
        (["--synthetic", "captcha", "--finish"], "--finish ends a run that is resumed"),
        (["--config", "nowhere.yaml"], "nowhere.yaml cannot be read"),
        (["--pack", "x.texts"], "nothing to pack"),
    ],
    ids=lambda value: "-".join(value).replace("--", "") if isinstance(value, list) else "",
)
def test_slips_are_told_in_a_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2, result.output
    said = " ".join(result.output.replace("│", " ").split())
    assert sentence in said
    assert "Traceback" not in said
    assert not (tmp_path / "runs").exists()
