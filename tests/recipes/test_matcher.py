"""From crops in folders to a served matcher or classifier."""

import base64
from pathlib import Path

import pytest

pytest.importorskip("torch")

# A measurement at the end, on few small puzzles.
_BRIEFLY = ("--steps", 4, "--decay-steps", 2, "--check-every", 4, "--trials", 10, "--no-mix")


def asked(folder: Path, names) -> dict[str, object]:
    """A prompt of icons: the first picture of some classes."""
    pictures = [(folder / name / "0.png").read_bytes() for name in names]
    return {"icons": [base64.b64encode(picture).decode() for picture in pictures]}


def test_class_folders_with_chinese_names(icons, icon_scene, command, gently, served, tmp_path):
    """One folder deeper than usual, as in `dataset/image_background/...`."""
    data = icons(tmp_path / "dataset" / "image_background", 5)
    run = tmp_path / "run"
    command("train-siamese", tmp_path / "dataset", "--out", run, *_BRIEFLY, *gently)
    with served(run) as service:
        assert f"siamese {run / 'siamese.onnx'}" in service.models
        wanted = [2, 0, 3]
        names = [name_of(at) for at in wanted]
        assert service.solves(icon_scene, asked(data, names), wanted)
    # As a bundle with a gallery, the names themselves can be asked for.
    gallery(data, run)
    command(
        "clickorder", "models", "pack", run, "--name", "shapes", "--version", "1.0", "--default"
    )
    models = tmp_path / "models"
    models.mkdir()
    run.rename(models / "shapes")
    with served(models) as service:
        assert service.solves(icon_scene, {"words": names}, wanted)


def test_one_picture_a_class(icons, icon_scene, command, gently, served, tmp_path):
    data = icons(tmp_path / "data", 1)
    run = tmp_path / "run"
    done = command("train-siamese", data, "--out", run, *_BRIEFLY, *gently)
    assert "6 of 6 classes have a single picture, of which variations are drawn" in done.stderr
    with served(run) as service:
        wanted = [1, 3]
        names = [name_of(at) for at in wanted]
        assert service.solves(icon_scene, asked(data, names), wanted)


def test_the_folder_of_dddd_trainer_for_a_classifier(
    scenes, unseen, command, gently, served, tmp_path
):
    """labels.txt beside images/, a character each."""
    from PIL import Image

    data, lines = tmp_path / "project", []
    (data / "images").mkdir(parents=True)
    for scene in scenes:
        with Image.open(scene.picture) as picture:
            for at, (letter, box) in enumerate(zip(scene.letters, scene.boxes, strict=True)):
                name = f"{scene.picture.stem}-{at}.png"
                picture.crop(box).save(data / "images" / name)
                lines.append(f"{name}\t{letter}\n")
    (data / "labels.txt").write_text("".join(lines))
    run = tmp_path / "run"
    command("train-classifier", data, "--skip-faulty", "--out", run, *_BRIEFLY, *gently)
    with served(run) as service:
        assert f"classifier {run / 'classifier.onnx'}" in service.models
        assert service.solves_letters(unseen)


def name_of(at: int) -> str:
    """The name of a shape of the scene, by its place there."""
    return ("圆", "方", "三角", "星")[at]


def gallery(data: Path, run: Path) -> None:
    for folder in data.iterdir():
        place = run / "gallery" / folder.name
        place.mkdir(parents=True)
        (place / "1.png").write_bytes((folder / "0.png").read_bytes())
