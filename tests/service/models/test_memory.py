"""What bundles have taken is given back once they are gone, measured in a process of its own."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CODE = """
import shutil, sys, time
from pathlib import Path
import numpy as np, psutil
from service.models.backends import load_solver
from service.models.bundle import Manifest, file_sums, manifest_text
from service.models.memory import release
from service.solving.prompts import WordsPrompt
from service.models.registry import Registry
from service.models.routing import RouteRequest
from service.settings import Settings

models = Path(sys.argv[1])
registry = Registry(load_solver(Settings()), Settings(models_dir=models))
picture = np.full((200, 350, 3), 90, np.uint8)

def resident_mb():
    release()
    return psutil.Process().memory_info().rss / 2**20

def use(name):
    registry.choose(RouteRequest(model=name)).solver.solve(picture, WordsPrompt(("7",)))

use("default")
before = resident_mb()
for version in range(6):
    folder = models / "shop"
    folder.mkdir(exist_ok=True)
    for role in ("detector", "classifier", "siamese"):
        shutil.copy(f"{role}/weights/{role}.onnx", folder)
    told = {"name": "shop", "version": str(version), "sha256": file_sums(folder)}
    (folder / "bundle.json").write_text(manifest_text(Manifest.model_validate(told)))
    assert registry.scan()
    use("shop")
during = resident_mb()
shutil.rmtree(models / "shop")
assert registry.scan()
# The threads of the sessions that are gone end when they are given time to.
until = time.monotonic() + 60
while resident_mb() - before >= (during - before) / 3 and time.monotonic() < until:
    time.sleep(0.2)
print(during - before, resident_mb() - before)
"""


def test_memory_is_given_back(tmp_path: Path) -> None:
    run = [sys.executable, "-c", CODE, str(tmp_path)]
    done = subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True)
    taken, left = (float(mb) for mb in done.stdout.split()[-2:])
    assert taken > 20, "nothing was loaded, so nothing is shown"
    assert left < taken / 3
