"""A short training on crops that lie in its folder, to files that the service loads."""

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from clickorder.cli import app as clickorder
from modelfile import ModelMetadata, OnnxSession
from siamese.errors import PrototypesError
from siamese.names import PrototypeNamer, file_sum
from siamese.vocabulary import shipped_vocabulary
from training.core.checkpoint import load_checkpoint
from training.names.cli import app
from training.names.crops import NOTHING
from training.names.loop import NamesLoop
from training.names.prototypes import run_prototypes

SHOWN = 12
"""Things that the crops show, each in a colour of its own."""

SHORT = (
    "--batch", "16", "--decay-steps", "2", "--check-every", "4", "--threads", "1",
    "--from", "scratch", "--crops", "120", "--trials", "100",
)  # fmt: skip


def write_crops(folder: Path) -> None:
    """What `kept_crops` would have drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    colours = np.random.default_rng(0).integers(0, 256, (SHOWN, 3), dtype=np.uint8)
    for name, count, seed in (("train", 120, 1), ("validation", 100, 2)):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, SHOWN, count)
        pictures = np.full((count, 64, 64, 3), 128, np.uint8)
        pictures[:, 16:48, 16:48] = colours[labels][:, None, None]
        labels[::10] = NOTHING
        if name == "train":  # names that are learnt from and never asked for
            labels[1::10] = len(shipped_vocabulary()) + rng.integers(0, 3, len(labels[1::10]))
        pictures[::10] = rng.integers(0, 256, (len(labels[::10]), 64, 64, 3), dtype=np.uint8)
        np.save(folder / f"{name}.pictures.npy", pictures)
        np.save(folder / f"{name}.labels.npy", labels)


def train(out: Path, *more: str) -> None:
    done = CliRunner().invoke(app, ["--out", str(out), *SHORT, *more])
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A finished run, with its prototypes."""
    folder = tmp_path_factory.mktemp("runs") / "names"
    write_crops(folder)
    train(folder, "--steps", "8")
    run_prototypes(folder / "names.onnx", folder / "names.npz")
    return folder


def test_a_run_leaves_a_network_that_says_what_it_is(run):
    session = OnnxSession(run / "names.onnx")
    metadata = ModelMetadata.from_properties(session.properties, source="it", kind="names")
    assert metadata.title == "clickorder-names 1.0.0"
    assert metadata.input_size == (64, 64)
    assert "solved" in " ".join(metadata.calibration)
    (found,) = session.run({"crops": np.zeros((3, 3, 64, 64), np.float32)}, ["embedding"])
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-2)


def test_its_prototypes_go_with_it(run):
    namer = PrototypeNamer.load(run / "names.onnx", run / "names.npz")
    assert len(namer.vocabulary) == len(shipped_vocabulary())
    pictures = list(np.load(run / "train.pictures.npy")[1:4])
    shares = np.exp(namer.likelihoods(pictures))
    assert shares.shape == (len(shipped_vocabulary()), 3)
    assert (shares.sum(axis=0) <= 1 + 1e-6).all()
    assert (run / "names.npz").stat().st_size < 3e6


def test_the_same_command_again_makes_the_same_prototypes(run, tmp_path):
    run_prototypes(run / "names.onnx", tmp_path / "again.npz", crops=run)
    with np.load(run / "names.npz") as one, np.load(tmp_path / "again.npz") as two:
        assert set(one) == set(two)
        assert all(np.array_equal(one[key], two[key]) for key in one)


def test_prototypes_of_a_vocabulary_of_ones_own_have_crops_of_their_own(
    run, tmp_path, colour_names
):
    words = colour_names.write(tmp_path)[2]
    for part in ("train", "validation"):
        # Those of the shipped vocabulary have other labels, and are left alone.
        pictures, labels = (np.load(run / f"{part}.{kind}.npy") for kind in ("pictures", "labels"))
        mark = file_sum(words)[:12]
        np.save(tmp_path / f"{part}-{mark}.pictures.npy", pictures)
        np.save(tmp_path / f"{part}-{mark}.labels.npy", np.where(labels < 0, NOTHING, labels % 3))
    done = CliRunner().invoke(
        clickorder,
        ["names", "prototypes", str(run / "names.onnx"), "--out", str(tmp_path / "own.npz"),
         "--crops", str(tmp_path), "--vocabulary", str(words)],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    namer = PrototypeNamer.load(run / "names.onnx", tmp_path / "own.npz", vocabulary=words)
    assert [thing.id for thing in namer.vocabulary.things] == list(colour_names.colours)
    with pytest.raises(PrototypesError, match="another vocabulary"):
        PrototypeNamer.load(run / "names.onnx", tmp_path / "own.npz")


@pytest.mark.parametrize("blocks", [0, 3])
def test_a_run_that_was_stopped_goes_on_where_it_was(blocks, tmp_path, monkeypatch):
    write_crops(tmp_path / "run")
    options = ["--steps", "6", "--frozen-blocks", str(blocks), "--views", "2"]

    def interrupt(loop):
        if loop.step == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(NamesLoop, "on_step_end", interrupt)
        stopped = CliRunner().invoke(app, ["--out", str(tmp_path / "run"), *SHORT, *options])
    assert stopped.exit_code == 130
    assert "--resume" in stopped.output
    assert not (tmp_path / "run" / "names.onnx").exists()
    first = load_checkpoint(tmp_path / "run" / "last.pt")
    train(tmp_path / "run", *options, "--resume")
    second = load_checkpoint(tmp_path / "run" / "last.pt")
    assert (first["step"], second["step"]) == (2, 6)
    first, second = first["model"], second["model"]
    same = {key for key in first if torch.equal(first[key], second[key])}
    parts = ("stem.", *(f"blocks.{at}." for at in range(blocks))) if blocks else ()
    frozen = tuple(f"network.trunk.{part}" for part in parts)
    if frozen:
        assert {key for key in first if key.startswith(frozen)} <= same
    assert ("network.trunk.stem.0.weight" in same) == bool(blocks)
    assert "network.trunk.blocks.3.first.0.weight" not in same
    assert "network.out.weight" not in same


@pytest.mark.parametrize(
    ("options", "part"),
    [
        pytest.param(("--resume",), "no checkpoint", id="nothing to resume"),
        pytest.param(("--finish",), "--resume", id="nothing to finish"),
        pytest.param(("--from", "nowhere.pt"), "nowhere", id="no initial weights"),
        pytest.param(("--frozen-blocks", "5"), "equal to 4", id="too many blocks"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(options, part, tmp_path):
    write_crops(tmp_path / "run")
    done = CliRunner().invoke(app, ["--out", str(tmp_path / "run"), *SHORT, *options])
    assert done.exit_code != 0
    assert part in done.output
