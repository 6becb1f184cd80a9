import numpy as np
import pytest
from PIL import Image

from labels.annotations import ITEM, Annotations, LabelledBox, LabelledPicture, Layout
from labels.crops import Fate, crop_pictures
from labels.errors import LayoutError
from labels.pictures import load_rgb

COLOURS = np.arange(40 * 30 * 3, dtype=np.uint32).reshape(30, 40, 3) * 7 % 256


def picture(folder, name, *boxes, tint=0):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(((COLOURS + tint) % 256).astype(np.uint8)).save(path)
    return LabelledPicture(path, 40, 30, boxes)


def crop(folder, out, *pictures, **options):
    classes = tuple(sorted({box.label for one in pictures for box in one.boxes}))
    annotations = Annotations(folder, Layout.YOLO, pictures, classes)
    return list(crop_pictures(annotations, out, **options))


def files(out):
    return {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}


def contents(out):
    return {name: path.read_bytes() for name, path in files(out).items()}


A = LabelledBox(10, 5, 20, 15, "并")
B = LabelledBox(30, 20, 40, 30, "bi:alarm")
C = LabelledBox(1, 1, 6, 9, ITEM)


def test_each_box_lies_in_the_folder_of_its_class(tmp_path):
    one = picture(tmp_path / "in", "a.png", A, B, C)
    (done,) = crop(tmp_path / "in", tmp_path / "out", one, margin=0.0)
    folders = [made.path.parent.name for made in done.crops]
    assert folders == ["并", "bi%3Aalarm", "_unnamed"]
    assert {made.fate for made in done.crops} == {Fate.NEW}
    pixels = load_rgb(one.path)
    for made, (x1, y1, x2, y2) in zip(
        done.crops, [(10, 5, 20, 15), (30, 20, 40, 30), (1, 1, 6, 9)], strict=True
    ):
        assert (load_rgb(made.path) == pixels[y1:y2, x1:x2]).all()


def test_the_margin_is_cut_at_the_border(tmp_path):
    one = picture(tmp_path / "in", "a.png", A, B)
    (done,) = crop(tmp_path / "in", tmp_path / "out", one, margin=0.2)
    assert [load_rgb(made.path).shape[:2] for made in done.crops] == [(14, 14), (12, 12)]


def test_a_second_run_adds_only_what_is_new(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    crop(folder, out, picture(folder, "a.png", A, B))
    before = contents(out)
    times = {name: path.stat().st_mtime_ns for name, path in files(out).items()}
    # A box before the others shifts their numbers; another picture has the same stem.
    one, other = picture(folder, "a.png", C, A, B), picture(folder, "more/a.png", A, tint=9)
    done = crop(folder, out, one, other, margin=0.5)
    fates = [[made.fate for made in each.crops] for each in done]
    assert fates == [[Fate.NEW, Fate.KNOWN, Fate.KNOWN], [Fate.NEW]]
    after = contents(out)
    assert before.items() < after.items()
    assert len(after) == 4
    assert all(files(out)[name].stat().st_mtime_ns == time for name, time in times.items())


def test_a_picture_moved_by_hand_is_left_there(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    (done,) = crop(folder, out, picture(folder, "a.png", A, C))
    (out / "炸").mkdir()
    unnamed = done.crops[1].path
    moved = unnamed.rename(out / "炸" / unnamed.name)
    (done,) = crop(folder, out, picture(folder, "a.png", A, C))
    assert [(made.fate, made.path) for made in done.crops][1] == (Fate.KNOWN, moved)
    assert not unnamed.exists()


def test_a_box_named_since_takes_its_crop_along(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    (before,) = crop(folder, out, picture(folder, "a.png", C))
    named = LabelledBox(*C.xyxy, label="并")
    (done,) = crop(folder, out, picture(folder, "a.png", named))
    assert [made.fate for made in done.crops] == [Fate.NAMED]
    assert list(files(out)) == [f"并/{before.crops[0].path.name}"]


def test_a_box_renamed_since_leaves_its_crop_and_says_so(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    (before,) = crop(folder, out, picture(folder, "a.png", A))
    (done,) = crop(folder, out, picture(folder, "a.png", LabelledBox(*A.xyxy, label="细")))
    (made,) = done.crops
    assert (made.fate, made.path) == (Fate.ELSEWHERE, before.crops[0].path)
    assert len(files(out)) == 1


def test_a_broken_picture_hides_no_other(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    bad, good = picture(folder, "a.png", A), picture(folder, "b.png", A)
    bad.path.write_bytes(bad.path.read_bytes()[:60])
    first, second = crop(folder, out, bad, good)
    assert first.crops == ()
    assert first.fault is not None
    assert "a.png cannot be read as a picture" in first.fault
    assert [made.fate for made in second.crops] == [Fate.NEW]


def test_a_crop_that_cannot_be_written_is_no_fault_of_the_picture(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    out.mkdir()
    (out / "并").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="并"):
        crop(folder, out, picture(folder, "a.png", A))


def test_nothing_to_cut_out(tmp_path):
    with pytest.raises(LayoutError, match=r"\(yolo\) has no boxes to cut out"):
        crop(tmp_path / "in", tmp_path / "out", picture(tmp_path / "in", "a.png"))
