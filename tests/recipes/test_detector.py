"""From labelled pictures to a served detector, laid out as such folders are found.

Each recipe runs the commands that a user types, and asks the service that they end with.
"""

import shlex
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("detector.network", exc_type=ImportError)


@pytest.fixture
def trained(command, gently, served, unseen, tmp_path):
    """Trains on a folder, serves the run as its last line says, and solves a puzzle with it."""

    def train(data: Path, *options: str) -> str:
        run = tmp_path / "run"
        done = command("train-detector", data, "--epochs", 1, "--mix", 0, "--out", run, *gently,
                       *options)  # fmt: skip
        last = done.stderr.strip().splitlines()[-1]
        assert last == f"Serve it with: clickorder serve --models-dir {shlex.quote(str(run))}"
        with served(run) as service:
            # One file of one's own, and the shipped ones for everything else.
            assert f"detector {run / 'detector.onnx'}" in service.models
            assert "classifier, siamese, names, text, calibration shipped" in service.models
            assert service.solves_letters(unseen)
        return done.stderr

    return train


def test_labelimg_with_one_class(scenes, labelled, trained, tmp_path):
    """Everything in one class, called 1 as people do."""
    data = tmp_path / "data"
    data.mkdir()
    for scene in scenes:
        shutil.copy(scene.picture, data)
        (data / f"{scene.picture.stem}.txt").write_text(labelled(scene, [0, 0, 0, 0]))
    (data / "classes.txt").write_text("1\n")
    assert "classes: 1." in trained(data)


def test_labelimg_by_characters(puzzle_set, command, trained, tmp_path):
    """Each box named by what it shows: twenty classes of a handful each."""
    command("clickorder", "labels", "from-puzzles", puzzle_set, tmp_path / "data")
    said = trained(tmp_path / "data")
    assert "all boxes are learnt as one class item" in said
    assert "classes: item." in said
    # The names are still there to crop by.
    command("clickorder", "labels", "crop", tmp_path / "data", tmp_path / "crops")
    assert len([folder for folder in (tmp_path / "crops").iterdir() if len(folder.name) == 1]) > 10


def test_labelimg_in_two_folders(scenes, labelled, command, trained, tmp_path):
    """Labels were saved elsewhere, with their classes.txt; checking takes nothing away."""
    data = tmp_path / "data"
    (data / "pictures").mkdir(parents=True)
    (data / "my labels").mkdir()
    for scene in scenes:
        shutil.copy(scene.picture, data / "pictures")
        (data / "my labels" / f"{scene.picture.stem}.txt").write_text(labelled(scene, [0] * 4))
    (data / "my labels" / "classes.txt").write_text("1\n")
    command("clickorder", "labels", "check", data, "--fix")
    assert not (data / "quarantine").exists()
    trained(data)


def test_a_set_like_coco128(scenes, labelled, trained, tmp_path):
    """images/, labels/ and a .yaml with eighty names; validation on the training pictures."""
    data = tmp_path / "coco8"
    for part in ("images", "labels"):
        (data / part / "train2017").mkdir(parents=True)
    for number, scene in enumerate(scenes):
        shutil.copy(scene.picture, data / "images" / "train2017")
        if number:  # the first is one of the ground alone, which has no label file there
            file = data / "labels" / "train2017" / f"{scene.picture.stem}.txt"
            file.write_text(labelled(scene, [(number + at) % 80 for at in range(4)]))
    names = "".join(f"  {number}: thing{number}\n" for number in range(80))
    (data / "coco8.yaml").write_text(
        "# Ultralytics form\npath: ../datasets/coco8\ntrain: images/train2017\n"
        f"val: images/train2017\ntest:\n\nnames:\n{names}"
    )
    assert "classes of 6 boxes on average" in trained(data / "coco8.yaml")
