"""What the commands that solve or serve set before anything is loaded."""

import os
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest
from typer.testing import CliRunner

from clickorder.cli import app

ROOT = Path(__file__).resolve().parents[3]
_CODE = """
import os, sys
from typer.testing import CliRunner
from clickorder.cli import app
assert "numpy" not in sys.modules, "too late"
done = CliRunner().invoke(app, ["evaluate", "no-such-set"])
assert done.exit_code and "numpy" in sys.modules, "a command that needs NumPy ran"
import numpy, threadpoolctl
pools = [p for p in threadpoolctl.threadpool_info() if p["internal_api"] == "openblas"]
print(os.environ["OPENBLAS_NUM_THREADS"], *{pool["num_threads"] for pool in pools})
"""


@pytest.mark.parametrize(("given", "threads"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "2"}, "2")])
def test_numpy_multiplies_in_one_thread_unless_told_otherwise(given, threads):
    kept = {name: v for name, v in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", _CODE],
        env=kept | {"PYTHONPATH": os.pathsep.join(sys.path)} | given,
        capture_output=True,
        text=True,
        check=True,
    )
    variable, *pools = done.stdout.split()
    assert variable == threads
    assert given or set(pools) <= {"1"}  # more threads than cores are not taken


@pytest.mark.parametrize(
    "command",
    [["serve", "--port", "0"], ["solve", "{}", "--words", "并"], ["evaluate", "{}"]],
    ids=["serve", "solve", "evaluate"],
)
def test_a_gpu_that_onnx_runtime_cannot_use_is_refused_at_the_start(command, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    place = ROOT / "benchmarks/puzzles/text-words"
    if command[0] == "solve":
        place /= "text-words-00001.jpg"
    arguments = [argument.format(place) for argument in command]
    result = CliRunner().invoke(app, [*arguments, "--device", "cuda"])
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("clickorder: The device cuda needs an ONNX Runtime with CUDA")
