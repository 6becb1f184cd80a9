"""`clickorder models`: manifests written, and bundles tried as the service tries them."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from onnx import load_model, save_model
from PIL import Image
from typer.testing import CliRunner

from clickorder.cli import app
from service.models.bundle import Bundle
from siamese.names import Prototypes, file_sum

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


def test_weights_in_a_second_file_belong_to_the_bundle(folder: Path) -> None:
    path = folder / "siamese.onnx"
    save_model(load_model(path), path, save_as_external_data=True, location="siamese.onnx.data")
    assert run("pack", folder, "--name", "shop", "--version", "1")[0] == 0
    bundle = Bundle.read(folder)
    assert "siamese.onnx.data" in bundle.manifest.sha256
    assert folder / "siamese.onnx.data" in bundle.files
    assert run("check", folder)[0] == 0
    data = folder / "siamese.onnx.data"
    data.write_bytes(data.read_bytes()[:-1] + b"?")
    code, output = run("check", folder)
    assert code != 0
    assert "siamese.onnx.data is not the file that the manifest names" in " ".join(output.split())


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


@pytest.fixture
def named(colour_names, tmp_path: Path) -> Path:
    """A bundle of nothing but names of its own, packed."""
    folder = tmp_path / "things"
    folder.mkdir()
    colour_names.write(folder)
    code, output = run("pack", folder, "--name", "things", "--version", "1")
    assert (code, output.split(": ")[1]) == (0, "things 1, 3 files.\n")
    return folder


def test_names_of_its_own_can_be_served(named: Path) -> None:
    code, output = run("check", named)
    assert code == 0, output
    assert "names: tiny 0.1" in output
    assert "3 things that words name" in output


def without_prototypes(folder: Path, _) -> None:
    (folder / "names.npz").unlink()


def without_network(folder: Path, _) -> None:
    (folder / "names.onnx").unlink()
    shutil.copy(WEIGHTS, folder)


def nothing_but_the_vocabulary(folder: Path, _) -> None:
    (folder / "names.onnx").unlink()
    (folder / "names.npz").unlink()
    shutil.copy(WEIGHTS, folder)


def another_network(folder: Path, colour_names) -> None:
    colour_names.network(folder / "names.onnx", version="0.2")


def another_vocabulary(folder: Path, _) -> None:
    words = folder / "vocabulary.jsonl"
    words.write_text(words.read_text("utf-8").replace("Xsea", "mar"), encoding="utf-8")


def the_shipped_vocabulary(folder: Path, _) -> None:
    (folder / "vocabulary.jsonl").unlink()


def a_line_that_is_no_thing(folder: Path, _) -> None:
    words = folder / "vocabulary.jsonl"
    words.write_text('{"id": "sea"}')
    stored = Prototypes.load(folder / "names.npz")
    dataclasses.replace(stored, vocabulary=file_sum(words)).save(folder / "names.npz")


def no_prototypes_in_it(folder: Path, _) -> None:
    (folder / "names.npz").write_bytes(b"nothing")


def another_kind_of_network(folder: Path, _) -> None:
    shutil.copy(WEIGHTS, folder / "names.onnx")
    stored = Prototypes.load(folder / "names.npz")
    sum_ = file_sum(folder / "names.onnx")
    dataclasses.replace(stored, network=sum_).save(folder / "names.npz")


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (without_prototypes, "names.onnx needs its prototypes, names.npz, beside it"),
        (without_network, "names.npz is of no use without the network"),
        (nothing_but_the_vocabulary, "vocabulary.jsonl is of no use without the network"),
        (another_network, "was made with another names.onnx"),
        (another_vocabulary, "was made with another vocabulary.jsonl"),
        (the_shipped_vocabulary, "was made with another vocabulary.jsonl"),
        (a_line_that_is_no_thing, "vocabulary.jsonl, line 1, must have id, en, zh, es"),
        (no_prototypes_in_it, "names.npz is no file of prototypes"),
        (another_kind_of_network, "names.onnx is a siamese and not a names"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_names_that_do_not_belong_together_are_refused_in_a_sentence(
    named: Path, colour_names, harm, sentence: str
) -> None:
    harm(named, colour_names)
    code, output = run("check", named)
    assert code == 1, "the manifest is of the files as they were"
    code, output = run("pack", named, "--name", "things", "--version", "2")
    if code == 0:
        code, output = run("check", named)
    assert code == 1
    message = " ".join(output.split())
    assert sentence in message
    assert message.count(". ") == 0, message
