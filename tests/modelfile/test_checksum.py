"""Manifests of model files."""

import hashlib
from pathlib import Path

import pytest

from modelfile import MANIFEST, ModelChecksumError, read_manifest, verify_manifest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted(ROOT.glob("*/weights/*.onnx"))


def models(folder: Path, manifest: str) -> Path:
    file = folder / "siamese.onnx"
    file.write_bytes(b"weights")
    (folder / MANIFEST).write_text(manifest, encoding="utf-8")
    return file


GOOD = hashlib.sha256(b"weights").hexdigest()


@pytest.mark.parametrize(
    "manifest",
    [
        f"{GOOD}  siamese.onnx\n",
        f"{GOOD.upper()} *siamese.onnx\n{'0' * 64}  other.onnx\n",
        f"{'0' * 64}  other.onnx\n",
        "",
    ],
    ids=["text", "binary-and-upper-case", "names-others-only", "empty"],
)
def test_a_file_that_fits_its_manifest_passes(tmp_path: Path, manifest: str) -> None:
    verify_manifest(models(tmp_path, manifest))


def test_a_folder_without_manifest_passes(tmp_path: Path) -> None:
    file = models(tmp_path, "")
    (tmp_path / MANIFEST).unlink()
    verify_manifest(file)
    assert read_manifest(tmp_path) == {}


def test_another_file_is_refused(tmp_path: Path) -> None:
    file = models(tmp_path, f"{GOOD}  siamese.onnx\n")
    file.write_bytes(b"weight5")
    with pytest.raises(ModelChecksumError, match=GOOD):
        verify_manifest(file)


@pytest.mark.parametrize("line", ["abc  siamese.onnx", GOOD, "siamese.onnx"])
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    file = models(tmp_path, f"{'1' * 64}  other.onnx\n{line}\n")
    with pytest.raises(ModelChecksumError, match="line 2"):
        verify_manifest(file)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_shipped_weights_are_those_of_their_manifest(file: Path) -> None:
    assert file.name in read_manifest(file.parent)
    verify_manifest(file)


def test_all_weights_are_shipped() -> None:
    assert [file.name for file in SHIPPED] == [
        "captcha-digits4.onnx",
        "captcha-lower4.onnx",
        "captcha-upper4-6.onnx",
        "captcha-upper4.onnx",
        "classifier.onnx",
        "text.onnx",
        "detector.onnx",
        "prompt_detector.onnx",
        "names.onnx",
        "siamese.onnx",
    ]
    assert sum(file.stat().st_size for file in SHIPPED) < 30e6
    for file in SHIPPED:
        cards = {
            "text": "TEXT",
            "prompt_detector": "PROMPT",
            "captcha": "READERS",
            "names": "NAMES",
        }
        kind = cards.get(file.stem.partition("-")[0])
        name = f"{kind}-CARD.md" if kind else "CARD.md"
        card = (file.parent / name).read_text("utf-8")
        assert all(f"## {part}" in card for part in ("Data", "Figures", "Licence", "Not for"))
