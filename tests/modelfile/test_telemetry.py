"""What is solved here is nobody else's business: ONNX Runtime reports nothing of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOLVING = f"""
from clickorder.cli import app
app(["solve", "--puzzle", {str(ROOT / "benchmarks/puzzles/text-words")!r} + ":0001"])
"""
LOADING = f"""
from modelfile import OnnxSession
OnnxSession({str(ROOT / "siamese/weights/siamese.onnx")!r})
"""


def left_in_home(code: str, home: Path) -> list[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ORT_", "XDG_"))}
    environment.pop("CI", None)  # ONNX Runtime takes it for its own, and reports nothing
    environment |= {"HOME": str(home), "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    return [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()]


@pytest.mark.parametrize("code", [LOADING, SOLVING], ids=["a session", "a puzzle"])
def test_nothing_is_left_to_report(tmp_path: Path, code: str) -> None:
    assert left_in_home(code, tmp_path) == []
