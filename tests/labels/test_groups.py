import html
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import siamese
from labels.errors import LayoutError
from labels.group_overview import draw_overview
from labels.groups import Grouper
from labels.pictures import load_rgb
from labels.reading import read_annotations
from siamese import SiameseMatcher

WEIGHTS = Path(siamese.__file__).parent / "weights" / "siamese.onnx"

COLOURS = {"red": (220, 20, 20), "green": (20, 220, 20), "blue": (20, 20, 220)}


def colour(crops):
    """An embedding that anyone can follow: the mean colour."""
    return np.array([crop.reshape(-1, 3).mean(axis=0) for crop in crops], np.float32)


def crop(folder, name, kind, shade=0):
    folder.mkdir(parents=True, exist_ok=True)
    tint = tuple(min(255, value + shade) for value in COLOURS.get(kind, kind))
    Image.new("RGB", (12, 12), tint).save(folder / name)
    return folder / name


@pytest.fixture
def crops(tmp_path):
    folder = tmp_path / "crops"
    for kind, count in (("green", 3), ("red", 5), ("blue", 1)):
        for shade in range(count):
            crop(folder, f"{kind}{shade}.png", kind, shade)
    return folder


def group(crops, out, embed=colour):
    return Grouper(crops, out).run(embed, max_distance=0.2)


def layout(out):
    return {
        folder.name: sorted(path.name for path in folder.iterdir())
        for folder in sorted(out.iterdir())
        if folder.is_dir()
    }


def test_lookalikes_share_a_folder_the_largest_first(crops, tmp_path):
    done = group(crops, tmp_path / "out")
    assert (done.added, done.joined, done.fresh, done.repeated) == (9, 0, 2, 0)
    assert layout(tmp_path / "out") == {
        "_single": ["blue0.png"],
        "group-001": [f"red{n}.png" for n in range(5)],
        "group-002": [f"green{n}.png" for n in range(3)],
    }
    assert len(list(crops.iterdir())) == 9


def test_the_crops_of_a_folder_that_holds_unnamed_ones(tmp_path):
    crop(tmp_path / "crops" / "_unnamed", "a.png", "red")
    crop(tmp_path / "crops" / "并", "b.png", "red", 1)
    assert [path.name for path in Grouper(tmp_path / "crops", tmp_path / "out").crops] == ["a.png"]


def test_a_later_run_goes_by_the_folders_as_they_are_now(crops, tmp_path):
    out = tmp_path / "out"
    group(crops, out)
    (out / "group-001").rename(out / "炸")
    (out / "group-002" / "green1.png").rename(out / "炸" / "green1.png")  # A mistake of a person.
    (out / "group-002" / "green2.png").unlink()  # Not wanted: too blurred.
    crop(crops, "late-red.png", "red", 9)
    crop(crops, "late-green.png", "green", 9)
    crop(crops, "late-blue.png", "blue", 9)
    crop(crops, "late-grey.png", (99, 99, 99))
    done = group(crops, out)
    assert (done.added, done.joined, done.fresh) == (4, 2, 1)
    assert layout(out) == {
        "_single": ["late-grey.png"],
        # Single so far, it has found company; numbers are not used twice.
        "group-003": ["blue0.png", "late-blue.png"],
        "group-002": ["green0.png", "late-green.png"],
        "炸": ["green1.png", "late-red.png", *[f"red{n}.png" for n in range(5)]],
    }
    before = layout(out)
    again = group(crops, out)
    assert (again.added, again.joined, again.fresh) == (0, 0, 0)
    assert layout(out) == before


def test_another_crop_of_the_same_name_gets_its_own(crops, tmp_path):
    group(crops, tmp_path / "out")
    crop(crops, "red0.png", "red", 20)
    group(crops, tmp_path / "out")
    folder = tmp_path / "out" / "group-001"
    assert (folder / "red0.png").exists()
    assert load_rgb(folder / "red0.png")[0, 0].tolist() == [220, 20, 20]
    assert load_rgb(folder / "red0~2.png")[0, 0].tolist() == [240, 40, 40]


def test_copies_and_broken_files_are_told(crops, tmp_path):
    (crops / "copy.png").write_bytes((crops / "red0.png").read_bytes())
    (crops / "broken.png").write_bytes(b"no picture")
    done = group(crops, tmp_path / "out")
    assert (done.added, done.repeated) == (9, 1)
    (fault,) = done.faults
    assert "broken.png cannot be read as a picture" in fault


def test_each_crop_is_told_once(crops, tmp_path):
    steps = []
    for _ in range(2):
        Grouper(crops, tmp_path / "out").run(colour, advance=lambda: steps.append(1))
        assert len(steps) == 9
        steps.clear()


@pytest.mark.parametrize(
    ("folder", "out", "sentence"),
    [
        pytest.param("nowhere", "out", "is no folder", id="missing"),
        pytest.param("empty", "out", "has no crops, and no folder _unnamed", id="empty"),
        pytest.param("crops", "crops", "lies among the crops", id="the-same"),
        pytest.param("crops", "crops/out", "lies among the crops", id="inside"),
    ],
)
def test_folders_that_cannot_be_used(crops, tmp_path, folder, out, sentence):
    (tmp_path / "empty").mkdir()
    with pytest.raises(LayoutError, match=sentence):
        Grouper(tmp_path / folder, tmp_path / out)


@pytest.mark.parametrize("text", ["{", "[]", '{"seen": [], "plan": {"a": 1}, "last": 0}'])
def test_a_memory_that_is_something_else(crops, tmp_path, text):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".groups.json").write_text(text)
    with pytest.raises(LayoutError, match=r"\.groups\.json cannot be read .*take it away"):
        group(crops, tmp_path / "out")


def test_a_plan_whose_crop_has_gone_is_dropped(crops, tmp_path):
    out = tmp_path / "out"
    group(crops, out)
    state = json.loads((out / ".groups.json").read_text())
    state["plan"] = {"0" * 64: {"source": str(tmp_path / "gone.png"), "folder": "group-009"}}
    state["seen"].append("0" * 64)
    (out / ".groups.json").write_text(json.dumps(state))
    before = layout(out)
    group(crops, out)
    assert layout(out) == before
    assert "0" * 64 not in json.loads((out / ".groups.json").read_text())["seen"]


def test_overviews_follow_the_folders(crops, tmp_path):
    out = tmp_path / "out"
    group(crops, out)
    assert draw_overview(out) == {"group-001": 5, "group-002": 3, "_single": 1}
    (out / "group-001").rename(out / "a & b")
    mine = crop(out / "_sheets", "mine.png", "red")
    assert draw_overview(out) == {"a & b": 5, "group-002": 3, "_single": 1}
    sheets = sorted(path.name for path in (out / "_sheets").iterdir())
    assert sheets == ["_single.png", "a & b.png", "group-002.png", mine.name]
    page = (out / "index.html").read_text("utf-8")
    assert "2 groups, 9 crops" in page
    assert html.escape("a & b") in page
    assert "_sheets/a%20%26%20b.png" in page
    assert "group-001" not in page
    # Overviews and what is single are no classes.
    assert read_annotations(out).classes == ("a & b", "group-002")


def test_the_shipped_matcher_groups_letters(tmp_path):
    """Three letters on grounds of many colours; each group has one of them only."""
    folder = tmp_path / "crops"
    folder.mkdir()
    random, font = np.random.default_rng(3), ImageFont.load_default(36)
    for letter in "AKM":
        for number in range(6):
            ground = tuple(random.integers(150, 250, 3).tolist())
            picture = Image.new("RGB", (52, 52), ground)
            ink = tuple(random.integers(0, 90, 3).tolist())
            ImageDraw.Draw(picture).text((12, 4), letter, fill=ink, font=font)
            turned = picture.rotate(random.integers(-15, 15), fillcolor=ground)
            turned.save(folder / f"{letter}-{number}.png")
    Grouper(folder, tmp_path / "out").run(SiameseMatcher.load(WEIGHTS).embed)
    found = layout(tmp_path / "out")
    single = found.pop("_single", [])
    assert len(single) <= 3
    assert all(len({name[0] for name in names}) == 1 for names in found.values())
    assert 3 <= len(found) <= 5
