"""`clickorder text generate`: labelled pictures on disk, with light packages only."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from clickorder.cli import app
from labels.texts import read_texts

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("torch", "torchvision", "ultralytics", "cv2", "onnx", "matplotlib", "fontTools", "brotli")


def run(*arguments):
    return CliRunner().invoke(app, ["text", "generate", *map(str, arguments)])


def without(modules, code):
    """A new interpreter in which some packages are not installed."""
    setup = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    setup += f"sys.modules.update(dict.fromkeys({modules!r}))\n"
    return subprocess.run(
        [sys.executable, "-c", setup + code], capture_output=True, text=True, timeout=600
    )


def test_pictures_and_their_labels(tmp_path):
    done = run("--out", tmp_path / "a", "--count", 12, "--charset", "numeric", "--length", "3-5")
    assert done.exit_code == 0, done.output
    found = read_texts([tmp_path / "a"])
    assert (len(found.pictures), found.faults) == (12, ())
    assert {len(label) for label in found.labels} <= {3, 4, 5}
    assert set("".join(found.labels)) <= set("0123456789")
    for picture in found.pictures:
        assert picture.path.name.startswith(f"{picture.label}_")
        with Image.open(picture.path) as file:
            assert file.size == (160, 60)
    # Without the list, the names say the same.
    (tmp_path / "a" / "labels.txt").unlink()
    assert read_texts([tmp_path / "a"]).labels == found.labels


def test_a_seed_draws_the_same_again_and_another_one_does_not(tmp_path):
    folders = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run("--out", tmp_path / name, "--count", 3, "--seed", seed, "--size", "128x64")
        folders.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()})
    assert folders[0] == folders[1]
    assert not folders[0].keys() & folders[2].keys() - {"labels.txt"}


def test_one_colour_of_several_has_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CLICKORDER_CACHE", str(tmp_path / "no-fonts"))
    done = run("--out", tmp_path / "a", "--synthetic", "two-colours", "--count", 8, "--charset",
               "lower", "--fold", "upper")  # fmt: skip
    assert done.exit_code == 0, done.output
    found = read_texts([tmp_path / "a"])
    assert len(found.pictures) == 8
    assert all(label.isupper() for label in found.labels)
    for picture in found.pictures:
        with Image.open(picture.path) as file:
            pixels = np.asarray(file.convert("RGB")).reshape(-1, 3)
        assert len(np.unique(pixels, axis=0)) > 2
        assert picture.path.parent.name.isascii()
        assert picture.path.parent != tmp_path / "a"


def test_labels_that_are_no_file_names(tmp_path):
    done = run("--out", tmp_path / "a", "--charset", "/:_.", "--count", 5)
    assert done.exit_code == 0, done.output
    found = read_texts([tmp_path / "a"])
    assert (len(found.pictures), found.faults) == (5, ())
    assert set("".join(found.labels)) <= set("/:_.")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--synthetic", "paintings"], "synthetic has 'paintings'"),
        (["--charset", "成"], "draws no Chinese"),
        (["--length", "0"], "length is '0'"),
        (["--size", "big"], "draw is 'big'"),
    ],
)
def test_refusals_are_one_sentence(tmp_path, arguments, part):
    done = run("--out", tmp_path / "a", *arguments)
    assert done.exit_code in (1, 2)
    (line,) = done.stderr.splitlines()
    assert part in line


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine").touch()
    done = run("--out", tmp_path)
    assert done.exit_code != 0
    assert "is not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_captcha_package_is_all_it_needs(tmp_path):
    code = "from clickorder.cli import app\n"
    code += f"app(['text', 'generate', '--count', '2', '--out', {str(tmp_path / 'a')!r}])"
    done = without(HEAVY, code)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "a").glob("*.png"))) == 2
    done = without((*HEAVY, "captcha"), code.replace("'a'", "'b'").replace("/a'", "/b'"))
    assert done.returncode != 0
    assert '".[texts]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_quantising_and_the_plot_need_no_torch():
    heavy = ("torch", "torchvision", "ultralytics", "cv2", "captcha", "resvg_py")
    code = "import training.core.quantisation\nfrom clickorder.bench.plot import draw_boxes\n"
    code += "from matplotlib.figure import Figure\nimport clickorder.bench.pictures"
    done = without(heavy, code)
    assert done.returncode == 0, done.stderr
