import os
import subprocess
import sys

import pytest

HEAVY = ("torch", "ultralytics", "cv2", "ddddocr", "scipy", "matplotlib")


@pytest.mark.parametrize("module", ["service.app", "service.serve"])
def test_serving_imports_nothing_of_training(module):
    code = f"import sys, {module}; print(*[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""


def test_solving_loads_nothing_of_training():
    code = f"""
import sys
import numpy as np
from service.models.backends import load_solver
from service.solving.prompts import WordsPrompt
from service.settings import Settings

solver = load_solver(Settings(backend="ddddocr"))
solver.solve(np.zeros((60, 90, 3), np.uint8), WordsPrompt(("一",)))
print(*[m for m in {(*HEAVY, "training")} if m in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""


def test_settings_are_not_read_at_import():
    code = "import service.app, service.serve"
    subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(sys.path), "CLICKORDER_PORT": "not a number"},
        check=True,
    )
