"""A name is the same however it is composed, and --fix erases nothing it did not read."""

import json
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from labels.check import check_folder
from labels.puzzles import read_puzzles
from labels.reading import read_annotations
from labels.texts import read_texts
from service.http.schemas import SolveRequest
from service.solving.gallery import Gallery
from service.solving.prompts import WordsPrompt

WORD = "がé"
COMPOSED, DECOMPOSED = (unicodedata.normalize(form, WORD) for form in ("NFC", "NFD"))
FORMS = pytest.mark.parametrize(
    ("disk", "said"),
    [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED), (DECOMPOSED, DECOMPOSED)],
    ids=["said decomposed", "stored decomposed", "both decomposed"],
)


@FORMS
class TestNames:
    def test_labels_txt(self, tmp_path, run, shape, tree, disk, said):
        shape(1).save(tmp_path / f"{disk}1.png")
        (tmp_path / "labels.txt").write_text(f"{said}1.png {said}\n", "utf-8")
        before = tree(tmp_path)
        (picture,) = read_texts([tmp_path]).pictures
        assert picture.label == COMPOSED
        assert run("text", "check", tmp_path, "--fix").exit_code == 0
        assert tree(tmp_path) == before

    def test_labels_json(self, tmp_path, shape, disk, said):
        shape(1).save(tmp_path / f"{disk}1.png")
        (tmp_path / "labels.json").write_text(json.dumps({f"{said}1.png": said}), "utf-8")
        assert read_texts([tmp_path]).labels == (COMPOSED,)

    def test_class_folders(self, tmp_path, shape, disk, said):
        for number, name in enumerate((disk, said)):
            (tmp_path / name).mkdir(exist_ok=True)
            shape(number).save(tmp_path / name / f"{number}.png")
        found = read_annotations(tmp_path)
        assert found.classes == (COMPOSED,)
        assert len(found.pictures) == 2

    def test_yolo(self, tmp_path, shape, disk, said):
        shape(1).save(tmp_path / f"{disk}.png")
        (tmp_path / f"{said}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
        (tmp_path / "classes.txt").write_text(f"{said}\n", "utf-8")
        found = read_annotations(tmp_path)
        assert (found.classes, found.faults, found.unlabelled) == ((COMPOSED,), (), ())
        assert len(found.pictures[0].boxes) == 1

    def test_label_studio(self, tmp_path, shape, disk, said):
        shape(1).save(tmp_path / f"{disk}.png")
        value = {"x": 10, "y": 10, "width": 20, "height": 20, "rectanglelabels": [said]}
        result = [{"type": "rectanglelabels", "value": value}]
        task = {"data": {"image": f"/data/x/{said}.png"}, "annotations": [{"result": result}]}
        (tmp_path / "export.json").write_text(json.dumps([task]), "utf-8")
        found = read_annotations(tmp_path)
        assert (found.faults, found.classes) == ((), (COMPOSED,))

    def test_puzzles(self, tmp_path, shape, disk, said):
        shape(1).save(tmp_path / f"{disk}.png")
        line = {
            "id": "1", "background": f"{said}.png", "prompt": {"words": [said]}, "words": [said],
            "targets": [[1, 1, 9, 9]],
        }  # fmt: skip
        (tmp_path / "puzzles.jsonl").write_text(json.dumps(line) + "\n", "utf-8")
        (puzzle,) = read_puzzles(tmp_path)
        assert puzzle.words == (COMPOSED,)
        assert (tmp_path / puzzle.background).is_file()

    def test_gallery_and_prompt(self, tmp_path, shape, disk, said):
        (tmp_path / disk).mkdir()
        shape(1).save(tmp_path / disk / "1.png")
        gallery = Gallery.load(tmp_path)
        assert gallery.name_of(said) == gallery.name_of(f"<{disk}>") == COMPOSED
        assert WordsPrompt((said,)).words == (COMPOSED,)
        sent = {"background": "x", "prompt": {"words": [said]}}
        assert SolveRequest.model_validate(sent).prompt.all_words == (COMPOSED,)


class TestFixErasesNothing:
    def test_numbers_in_labels_json(self, tmp_path, run, shape, tree):
        for number in range(2):
            shape(number).save(tmp_path / f"{number}.png")
        (tmp_path / "labels.json").write_text('{"0.png": 71, "1.png": true}')
        before = tree(tmp_path)
        result = run("text", "check", tmp_path, "--fix")
        assert result.exit_code == 1
        assert "gives '0.png' the label 71 as a number and not in quotes" in result.output
        assert tree(tmp_path) == before

    def test_lines_of_labelimg(self, tmp_path, run, shape, tree):
        shape(1).save(tmp_path / "a.png")
        (tmp_path / "a.txt").write_text("0 0.1 0.1 0.3 0.1 0.3 0.3\n0 0.5 0.5 0.1 0.1\n")
        (tmp_path / "classes.txt").write_text("cat\n")
        before = tree(tmp_path)
        result = run("labels", "check", tmp_path, "--fix")
        assert "a.txt, line 1:" in result.output
        assert tree(tmp_path) == before

    def test_label_files_in_another_encoding(self, tmp_path, run, shape, tree):
        shape(1).save(tmp_path / "a.png")
        (tmp_path / "a.xml").write_bytes(b"<annotation><object>")
        shape(2).save(tmp_path / "b.png")
        (tmp_path / "b.xml").write_text(
            "<annotation><object><name>x</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax>"
            "<ymax>9</ymax></bndbox></object></annotation>"
        )
        before = tree(tmp_path)
        run("labels", "check", tmp_path, "--fix")
        assert tree(tmp_path) == before

    def test_all_that_was_changed_is_listed(self, tmp_path, run, shape):
        for number in range(2):
            shape(number).save(tmp_path / f"{number}.png")
        (tmp_path / "0.txt").write_text("0 0.5 0.5 0.1 0.1\n7 0.5 0.5 0.1 0.1\n0 0.3 0.3 0 0.1\n")
        (tmp_path / "1.txt").write_text("0 0.5 0.5 0.1 0.1\n")
        (tmp_path / "2.txt").write_text("0 0.5 0.5 0.1 0.1\n")
        (tmp_path / "classes.txt").write_text("cat\n")
        result = run("labels", "check", tmp_path, "--fix")
        assert f"{tmp_path / '0.txt'} is now without line 2, 3;" in result.output
        assert f"{tmp_path / '2.txt'} was moved to" in result.output
        assert "2 files moved" in result.output


def test_the_same_class_twice_in_two_forms_is_one_line_too_many(tmp_path: Path) -> None:
    from labels.errors import LayoutError

    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    (tmp_path / "classes.txt").write_text(f"{COMPOSED}\n{DECOMPOSED}\n", "utf-8")
    with pytest.raises(LayoutError, match="twice"):
        check_folder(tmp_path)
