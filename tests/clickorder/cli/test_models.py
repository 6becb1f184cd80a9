"""`clickorder models`: manifests written, and bundles tried as the service tries them."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from clickorder.cli import app
from service.models.bundle import Bundle

ROOT = Path(__file__).resolve().parents[3]
WEIGHTS = ROOT / "siamese/weights/siamese.onnx"
PUZZLES = ROOT / "benchmarks/puzzles/icon-list"


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["models", *map(str, words)])
    return result.exit_code, result.output


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "gallery/rocket").mkdir(parents=True)
    Image.new("RGB", (30, 30), "white").save(folder / "gallery/rocket/1.png")
    shutil.copy(WEIGHTS, folder)
    return folder


def test_a_packed_bundle_can_be_served(folder: Path) -> None:
    code, output = run(
        "pack", folder, "--name", "shop", "--version", "1.2", "--site", "a", "--site", "b",
        "--type", "icons", "--size", "344x220", "--prompt", "icons", "--default",
    )  # fmt: skip
    assert (code, output.split(": ")[1]) == (0, "shop 1.2, 2 files.\n")
    manifest = Bundle.read(folder).manifest
    assert manifest.serves.model_dump() == {
        "sites": ("a", "b"),
        "types": ("icons",),
        "sizes": ((344, 220),),
        "prompts": ("icons",),
    }
    assert manifest.default
    code, output = run("check", folder)
    assert code == 0
    assert output.startswith("shop 1.2 can be served:\n")
    assert "siamese: clickorder-siamese" in output
    assert "word <rocket>" in output


def test_a_packed_selftest_is_solved_before_a_bundle_is_served(folder: Path) -> None:
    # The first puzzle that the shipped models solve; not every one is.
    assert run("pack", folder, "--name", "shop", "--version", "1", "--selftest", PUZZLES,
               "--count", 2)[0] == 0  # fmt: skip
    puzzles = folder / "selftest/puzzles.jsonl"
    assert len(puzzles.read_text().splitlines()) == 2
    line = json.loads(puzzles.read_text().splitlines()[0])
    line["targets"] = [[0, 0, 5, 5] for _ in line["targets"]]
    puzzles.write_text(json.dumps(line) + "\n")
    code, output = run("check", folder)
    assert code == 1
    assert "SHA-256 differs" in output
    assert run("pack", folder, "--name", "shop", "--version", "1")[0] == 0
    code, output = run("check", folder)
    assert code == 1
    assert f"do not solve puzzle {line['id']}" in output


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--name", "a b", "--version", "1"), "--name is not valid"),
        (("--name", "a", "--version", ""), "--version is not valid"),
        (("--name", "a", "--version", "1", "--size", "10"), "--size '10' is not WIDTHxHEIGHT"),
        (("--name", "a", "--version", "1", "--prompt", "song"), "song"),
    ],
    ids=lambda value: str(value)[-30:],
)
def test_options_that_do_not_fit(folder: Path, options: tuple[str, ...], sentence: str) -> None:
    code, output = run("pack", folder, *options)
    assert code == 2
    assert sentence in output
    assert not (folder / "bundle.json").exists()


def test_a_folder_that_is_none_or_empty(tmp_path: Path) -> None:
    code, output = run("pack", tmp_path / "nowhere", "--name", "a", "--version", "1")
    assert code == 2
    assert "is no folder" in output
    code, output = run("check", tmp_path)
    assert code == 1
    assert "bundle.json cannot be read" in output


def test_a_damaged_network_is_refused(folder: Path) -> None:
    (folder / "siamese.onnx").write_bytes(WEIGHTS.read_bytes()[:1000])
    assert run("pack", folder, "--name", "shop", "--version", "1")[0] == 0
    code, output = run("check", folder)
    assert code == 1
    assert "siamese.onnx is not an ONNX model" in output
