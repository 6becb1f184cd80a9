from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labels.puzzles import Puzzle, PuzzleWriter
from labels.texts import read_texts
from training.matcher.picture_blocks import picture_trials, split_classes
from training.matcher.pictures import PicturesError, content_box, load_picture, read_classes


def save(path: Path, value: int = 0, size: tuple[int, int] = (20, 20)) -> Path:
    """A picture of noise, another one for each value and place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = [value, *"/".join(path.parts[-4:]).encode()]
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


def test_class_folders(tmp_path: Path) -> None:
    for label in ("cat", "猫"):
        for number in range(3):
            save(tmp_path / label / f"{number}.png", number)
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    classes = read_classes(tmp_path)
    assert classes.labels == ("cat", "猫")
    assert [s.path.name for s in classes.samples["cat"]] == ["0.png", "1.png", "2.png"]
    assert len(classes) == 6
    assert classes.skipped == ()


def test_dddd_trainer_naming_takes_the_last_underscore(tmp_path: Path) -> None:
    for name in ("7K_0a1.png", "7K_0a2.jpg", "a_b_1.png", "a_b_2.png"):
        save(tmp_path / name)
    assert read_classes(tmp_path).labels == ("7K", "a_b")


def test_a_puzzle_set_gives_targets_and_prompt_icons(tmp_path: Path) -> None:
    with PuzzleWriter(tmp_path) as writer:
        for number in range(2):
            save(tmp_path / f"{number}.png", size=(200, 100))
            for icon in ("star", "car"):
                save(tmp_path / f"{number}.{icon}.png")
            writer.write(
                Puzzle(
                    id=str(number),
                    background=f"{number}.png",
                    prompt={"icons": (f"{number}.star.png", f"{number}.car.png")},
                    words=("star", "car" if number else "bus"),
                    targets=((10, 10, 40, 40), (60, 10, 90, 40)),
                )
            )
    classes = read_classes(tmp_path)
    assert classes.labels == ("bus", "car", "star")
    star = classes.samples["star"]
    assert sum(s.prompt for s in star) == 2
    assert {s.box for s in star if not s.prompt} == {(10, 10, 40, 40)}


def faulty(tmp_path: Path) -> Path:
    for label in ("good", "fine"):
        for number in range(2):
            save(tmp_path / label / f"{number}.png")
    (tmp_path / "empty").mkdir()
    save(tmp_path / "single" / "only.png")
    (tmp_path / "good" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\nrest is missing")
    return tmp_path


def test_every_fault_is_named_before_training(tmp_path: Path) -> None:
    with pytest.raises(PicturesError) as caught:
        read_classes(faulty(tmp_path))
    message = str(caught.value)
    assert "torn.png is not a readable picture" in message
    assert "'empty' is empty" in message
    assert "'single' has one picture (only.png)" in message
    assert "--skip-faulty" in message


def test_faults_can_be_left_out(tmp_path: Path) -> None:
    classes = read_classes(faulty(tmp_path), skip_faulty=True)
    assert classes.labels == ("fine", "good")
    assert [s.path.name for s in classes.samples["good"]] == ["0.png", "1.png"]
    assert len(classes.skipped) == 3


def test_a_picture_cut_short_is_unreadable(tmp_path: Path) -> None:
    for label in "ab":
        for number in range(3):
            save(tmp_path / label / f"{number}.jpg", size=(64, 64))
    whole = tmp_path / "a" / "1.jpg"
    whole.write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(PicturesError, match=r"1\.jpg is not a readable picture"):
        read_classes(tmp_path)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ((), "neither class folders"),
        (("plain.png",), "neither class folders"),
        (("a/1.png", "a/2.png"), "1 classes with at least two pictures"),
    ],
    ids=["empty folder", "no labels", "one class"],
)
def test_what_cannot_be_trained_on(tmp_path: Path, names: tuple[str, ...], sentence: str) -> None:
    for name in names:
        save(tmp_path / name)
    with pytest.raises(PicturesError, match=sentence):
        read_classes(tmp_path)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(PicturesError, match="is no folder"):
        read_classes(tmp_path / "nowhere")


def test_transparent_pictures_are_shown_on_white(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (30, 30), (0, 0, 0, 0))
    picture.paste((200, 0, 0, 255), (10, 5, 20, 25))
    picture.save(tmp_path / "icon.png")
    pixels = load_picture(tmp_path / "icon.png")
    assert pixels.shape == (30, 30, 3)
    assert tuple(pixels[0, 0]) == (255, 255, 255)
    assert content_box(pixels) == (10, 5, 20, 25)


def test_the_content_of_an_even_picture_is_all_of_it() -> None:
    assert content_box(np.full((8, 12, 3), 7, np.uint8)) == (0, 0, 12, 8)


def drawn(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 20, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize(
    ("places", "labels"),
    [
        (["images_background/{}"], ("bus", "狮子")),
        (["dataset/images_background/{}"], ("bus", "狮子")),
        (["background/{}", "evaluation/{}"],
         ("background/bus", "background/狮子", "evaluation/bus", "evaluation/狮子")),
        (["images_background/greek/{}", "images_background/latin/{}"],
         ("greek/bus", "greek/狮子", "latin/bus", "latin/狮子")),
    ],
    ids=["one deeper", "two deeper", "two parts", "alphabets"],
)  # fmt: skip
def test_class_folders_may_lie_deeper(tmp_path: Path, places, labels) -> None:
    seed = 0
    for place in places:
        for name in ("bus", "狮子"):
            for number in range(2):
                drawn(tmp_path / place.format(name) / f"{number}.png", seed)
                seed += 1
    classes = read_classes(tmp_path)
    assert classes.labels == labels
    assert "lie deeper" in classes.skipped[0]


def test_the_list_of_dddd_trainer_beside_its_images(tmp_path: Path) -> None:
    lines = []
    for number, label in enumerate("成成行行"):
        drawn(tmp_path / "images" / f"{number}.jpg", number)
        lines.append(f"{number}.jpg\t{label}\n")
    (tmp_path / "labels.txt").write_text("".join(lines), encoding="utf-8")
    assert {label: len(s) for label, s in read_classes(tmp_path).samples.items()} == {
        "成": 2, "行": 2
    }  # fmt: skip
    texts = read_texts([tmp_path])
    assert (texts.labels, texts.faults) == (("成", "成", "行", "行"), ())


def test_one_picture_of_each_class_is_enough_where_variations_are_drawn(tmp_path: Path) -> None:
    for number, name in enumerate(("bus", "lion", "owl")):
        drawn(tmp_path / name / "1.png", number)
    with pytest.raises(PicturesError, match="has one picture"):
        read_classes(tmp_path)
    classes = read_classes(tmp_path, single=True)
    assert len(classes) == 3
    (said,) = classes.skipped
    assert said.startswith("3 of 3 classes have a single picture, of which variations are drawn")
    division = split_classes(classes, seed=1, single=True)
    assert division.augmented
    (trial,) = picture_trials(division, (), 1, "siamese", seed=2)
    # What is measured on is not what was learnt from.
    assert not np.array_equal(trial.prompt[0], trial.scene[0])
