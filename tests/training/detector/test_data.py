"""Reading labelled pictures: what is learned from, and what is refused by name."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labels.errors import PuzzleSetError
from training.detector.data import read_detection_data
from training.detector.samples import DetectionData
from training.errors import DetectionDataError


def picture(path: Path, size: tuple[int, int] = (100, 50)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (120, 160, 90)).save(path)
    return path


def labelled_folder(folder: Path, count: int = 4, classes: str = "item\n") -> Path:
    """A folder as labelImg leaves it."""
    for number in range(count):
        picture(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    (folder / "classes.txt").write_text(classes, encoding="utf-8")
    return folder


def puzzle_line(number: int, prompt: dict[str, object], **more: object) -> str:
    puzzle = {
        "id": f"p{number}",
        "background": f"{number}.png",
        "prompt": prompt,
        "words": ["成"],
        "targets": [[10, 5, 30, 25]],
        "distractors": [[50, 20, 70, 40]],
        **more,
    }
    return json.dumps(puzzle, ensure_ascii=False) + "\n"


class TestFolders:
    def test_boxes_are_in_pixels(self, tmp_path: Path) -> None:
        data = read_detection_data([labelled_folder(tmp_path)])
        assert data.classes == ("item",)
        assert len(data.train) == 3
        assert len(data.validation) == 1
        np.testing.assert_allclose(data.train[0].boxes, [[40, 15, 60, 35]], atol=1e-4)

    def test_the_same_pictures_are_set_aside_each_time(self, tmp_path: Path) -> None:
        labelled_folder(tmp_path, count=30)
        first, second = read_detection_data([tmp_path]), read_detection_data([tmp_path])
        held = [sample.picture for sample in first.validation]
        assert len(held) == 3
        assert held == [sample.picture for sample in second.validation]
        assert not set(held) & {sample.picture for sample in first.train}

    def test_an_empty_label_file_is_a_picture_without_items(self, tmp_path: Path) -> None:
        labelled_folder(tmp_path)
        for name in ("8", "9"):
            picture(tmp_path / f"{name}.png")
            (tmp_path / f"{name}.txt").write_text("")
        data = read_detection_data([tmp_path])
        boxes = {s.picture.name: len(s.boxes) for s in (*data.train, *data.validation)}
        assert boxes["9.png"] == 0

    def test_a_turned_picture_is_measured_as_displayed(self, tmp_path: Path) -> None:
        labelled_folder(tmp_path)
        exif = Image.Exif()
        exif[0x0112] = 6  # a quarter turn
        Image.new("RGB", (100, 50)).save(tmp_path / "0.jpg", exif=exif)
        (tmp_path / "0.png").unlink()
        data = read_detection_data([tmp_path], [tmp_path])
        turned = next(s for s in data.train if s.picture.suffix == ".jpg")
        np.testing.assert_allclose(turned.boxes, [[20, 30, 30, 70]], atol=1e-4)
        assert turned.load().shape == (100, 50, 3)

    def test_transparent_parts_are_white(self, tmp_path: Path) -> None:
        labelled_folder(tmp_path)
        Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(tmp_path / "0.png")
        data = read_detection_data([tmp_path], [tmp_path])
        assert data.train[0].load().min() == 255


def break_label(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "1.txt").write_text(text) and None


def spoil_picture(folder: Path) -> None:
    (folder / "2.png").write_bytes(b"no picture")


def cut_picture(folder: Path) -> None:
    whole = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 100, 3), np.uint8))
    whole.save(folder / "2.png")
    content = (folder / "2.png").read_bytes()
    (folder / "2.png").write_bytes(content[: len(content) // 2])


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no label file": (lambda f: (f / "1.txt").unlink(), r"1\.png has no label file 1\.txt"),
    "not numbers": (break_label("0 a b c d"), r"1\.txt, line 1: '0 a b c d'"),
    "five shares": (break_label("0 0.1 0.1 0.1 0.1 0.1"), r"1\.txt, line 1"),
    "unknown class": (break_label("3 0.5 0.5 0.1 0.1"), r"1\.txt, line 1: the class number 3"),
    "pixels": (break_label("0 50 25 20 20"), r"1\.txt, line 1: the box 50 25 20 20"),
    "not finite": (break_label("0 nan 0.5 0.1 0.1"), r"1\.txt, line 1: the box nan"),
    "no width": (break_label("0 0.5 0.5 0 0.1"), r"1\.txt, line 1: the box 0\.5 0\.5 0 0\.1"),
    "second line": (break_label("0 0.5 0.5 0.1 0.1\n0 2"), r"1\.txt, line 2"),
    "no picture": (spoil_picture, r"2\.png cannot be read as a picture"),
    "half a picture": (cut_picture, r"2\.png cannot be read as a picture"),
    "no classes": (lambda f: (f / "classes.txt").write_text("\n"), r"classes\.txt names no class"),
    "class twice": (
        lambda f: (f / "classes.txt").write_text("a\nb\na\n"),
        r"classes\.txt names the class a twice",
    ),
    "no class list": (lambda f: (f / "classes.txt").unlink(), r"has none of puzzles\.jsonl"),
}


@pytest.mark.parametrize(("spoil", "sentence"), FAULTS.values(), ids=FAULTS.keys())
def test_faults_are_reported_by_name(
    tmp_path: Path, spoil: Callable[[Path], object], sentence: str
) -> None:
    labelled_folder(tmp_path)
    spoil(tmp_path)
    with pytest.raises(DetectionDataError, match=sentence):
        read_detection_data([tmp_path])


def test_a_class_without_boxes_is_refused_where_classes_are_kept(tmp_path: Path) -> None:
    labelled_folder(tmp_path, classes="item\nlion\n")
    with pytest.raises(DetectionDataError, match="The class lion has no box"):
        read_detection_data([tmp_path], classes="keep")


def test_several_faults_are_reported_at_once(tmp_path: Path) -> None:
    labelled_folder(tmp_path, count=30)
    for number in range(20):
        (tmp_path / f"{number}.txt").unlink()
    with pytest.raises(DetectionDataError) as caught:
        read_detection_data([tmp_path])
    lines = str(caught.value).splitlines()
    assert len(lines) == 13
    assert "8 more" in lines[-1]


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_pictures(tmp_path: Path, count: int) -> None:
    labelled_folder(tmp_path, count=count)
    with pytest.raises(DetectionDataError, match=r"only 1 labelled picture|holds no picture"):
        read_detection_data([tmp_path])


def test_a_path_that_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(DetectionDataError, match="neither a folder nor"):
        read_detection_data([tmp_path / "absent"])


def test_sets_with_other_classes_do_not_mix(tmp_path: Path) -> None:
    first = labelled_folder(tmp_path / "a", classes="tiger\n")
    second = labelled_folder(tmp_path / "b", classes="lion\n")
    with pytest.raises(DetectionDataError, match="has the classes lion"):
        read_detection_data([first, second])


class TestPuzzles:
    def read(self, folder: Path, lines: list[str]) -> DetectionData:
        picture(folder / "other" / "0.png")
        (folder / "other" / "puzzles.jsonl").write_text(
            puzzle_line(0, {"words": ["成"]}), encoding="utf-8"
        )
        (folder / "puzzles.jsonl").write_text("".join(lines), encoding="utf-8")
        return read_detection_data([folder], [folder / "other"])

    def test_targets_and_distractors_are_items(self, tmp_path: Path) -> None:
        picture(tmp_path / "1.png")
        data = self.read(tmp_path, [puzzle_line(1, {"words": ["成"]})])
        assert data.classes == ("item",)
        np.testing.assert_array_equal(data.train[0].boxes, [[10, 5, 30, 25], [50, 20, 70, 40]])
        assert not data.train[0].strip

    def test_a_prompt_picture_is_a_picture_of_its_own(self, tmp_path: Path) -> None:
        picture(tmp_path / "1.png")
        picture(tmp_path / "1.prompt.png", (60, 20))
        meta = {"prompt_boxes": [[5, 2, 20, 18]]}
        data = self.read(tmp_path, [puzzle_line(1, {"image": "1.prompt.png"}, meta=meta)])
        scene, strip = sorted(data.train, key=lambda sample: sample.strip)
        assert len(scene.boxes) == 2
        assert strip.picture.name == "1.prompt.png"
        np.testing.assert_array_equal(strip.boxes, [[5, 2, 20, 18]])

    def test_a_region_is_part_of_the_scene_and_a_strip(self, tmp_path: Path) -> None:
        picture(tmp_path / "1.png", (100, 80))
        meta = {"prompt_boxes": [[5, 62, 20, 78]]}
        data = self.read(tmp_path, [puzzle_line(1, {"region": [0, 60, 100, 80]}, meta=meta)])
        scene, strip = sorted(data.train, key=lambda sample: sample.strip)
        assert [5, 62, 20, 78] in scene.boxes.tolist()
        np.testing.assert_array_equal(strip.boxes, [[5, 2, 20, 18]])
        assert strip.load().shape == (20, 100, 3)

    def test_a_region_whose_items_nobody_boxed_teaches_nothing(self, tmp_path: Path) -> None:
        picture(tmp_path / "1.png", (100, 80))
        picture(tmp_path / "2.png")
        lines = [
            puzzle_line(1, {"region": [0, 60, 100, 80]}),
            puzzle_line(2, {"words": ["成"]}),
        ]
        data = self.read(tmp_path, lines)
        assert [sample.picture.name for sample in data.train] == ["2.png"]

    def test_prompt_boxes_that_are_none(self, tmp_path: Path) -> None:
        picture(tmp_path / "1.png")
        with pytest.raises(PuzzleSetError, match=r"meta\.prompt_boxes"):
            self.read(
                tmp_path, [puzzle_line(1, {"words": ["成"]}, meta={"prompt_boxes": [[1, 2]]})]
            )


class TestYaml:
    def write(self, folder: Path, text: str) -> Path:
        for part, count in (("train", 3), ("val", 2)):
            for number in range(count):
                picture(folder / "images" / part / f"{number}.png")
                label = folder / "labels" / part / f"{number}.txt"
                label.parent.mkdir(parents=True, exist_ok=True)
                label.write_text("1 0.5 0.5 0.2 0.4\n0 0.2 0.2 0.1 0.1\n")
        (folder / "data.yaml").write_text(text)
        return folder / "data.yaml"

    @pytest.mark.parametrize("names", ["{0: cat, 1: dog}", "[cat, dog]"])
    def test_images_and_labels_side_by_side(self, tmp_path: Path, names: str) -> None:
        text = f"train: images/train\nval: images/val\nnames: {names}\n"
        file = self.write(tmp_path, text)
        for path in (file, tmp_path):
            data = read_detection_data([path])
            assert data.classes == ("cat", "dog")
            assert (len(data.train), len(data.validation)) == (3, 2)
            assert data.train[0].classes.tolist() == [1, 0]

    def test_as_coco128_has_it(self, tmp_path: Path) -> None:
        """Under another name, with the path it once had, and pictures without label file."""
        self.write(tmp_path, "")
        (tmp_path / "data.yaml").unlink()
        (tmp_path / "coco128.yaml").write_text(
            "path: ../datasets/coco128\ntrain: images/train\nval: images/train\ntest:\n"
            "names:\n  0: cat\n  1: dog\n"
        )
        picture(tmp_path / "images" / "train" / "ground.png")
        data = read_detection_data([tmp_path])
        assert data.classes == ("cat", "dog")
        assert sorted(len(sample.boxes) for sample in data.train) == [0, 2, 2, 2]
        assert len(data.validation) == 4

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("train: images/train\n", "train and names"),
            ("train: [a\n", "cannot be read as YAML"),
            ("train: images/train\nnames: {1: cat, 2: dog}\n", "numbered from 0"),
            ("train: images/gone\nnames: [cat, dog]\n", "not a folder of pictures"),
        ],
    )
    def test_faults(self, tmp_path: Path, text: str, sentence: str) -> None:
        with pytest.raises(DetectionDataError, match=sentence):
            read_detection_data([self.write(tmp_path, text)])
