"""Parts that are complete, disjoint, free of near-duplicates, and stay what they are."""

import json
import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner, Result

from clickorder.cli import app
from labels.annotations import LabelledBox, LabelledPicture, Layout
from labels.check import check_folder
from labels.duplicates import Fingerprint, near_groups
from labels.errors import LayoutError
from labels.reading import read_annotations
from labels.split import PARTS, Member, Shares, Split, divide, read_split, split_folder, write_split
from labels.split_export import write_parts

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["labels", "split", *map(str, arguments)])


def split_of(folder: Path, **more) -> Split:
    report = check_folder(folder)
    return split_folder(report.annotations, report.prints, **more)


def named(split: Split) -> dict[str, str]:
    return {path.name: part for path, part in split.parts.items()}


# Pictures that exist only as numbers: those of one `look` are near, equal numbers are copies.
# Hashes of different looks are apart by far more bits than near pictures can be.
LOOKS = [random.Random(look).getrandbits(64) for look in range(40)]


def made(number: int, look: int) -> Fingerprint:
    return Fingerprint(f"{number:04}", LOOKS[look], 1.0, bytes(32 * 32 * 3))


@st.composite
def crowds(draw: st.DrawFn) -> list[tuple[LabelledPicture, str, Fingerprint]]:
    """Pictures with paths, labels and looks; the first numbers are drawn first."""
    count = draw(st.integers(1, 40))
    whole = draw(st.booleans())
    crowd = []
    for number in range(count):
        labels = draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=3))
        picture = LabelledPicture(
            Path(f"{number}.png"),
            9,
            9,
            () if whole else tuple(LabelledBox(0, 0, 1, 1, label) for label in labels),
            labels[0] if whole else None,
        )
        crowd.append((picture, picture.path.name, made(number, draw(st.integers(0, 39)))))
    return crowd


def parts_of(crowd, known=None, shares=None, seed=0) -> dict[str, str]:
    pictures, names, prints = zip(*crowd, strict=True)
    split = divide(pictures, names, prints, known or {}, shares or Shares(), seed)
    assert not split.left_out
    return {path.name: part for path, part in split.parts.items()}


def kept(crowd, parts: dict[str, str]) -> dict[str, Member]:
    return {name: Member(parts[name], one.pixels) for _, name, one in crowd}


SHARES = st.sampled_from([Shares(), Shares(0.3, 0), Shares(0, 0.5), Shares(0, 0)])


@settings(deadline=None)
@given(crowds(), SHARES, st.integers(0, 5))
def test_the_partition_is_complete_disjoint_and_keeps_lookalikes_together(
    crowd, shares: Shares, seed: int
) -> None:
    parts = parts_of(crowd, shares=shares, seed=seed)
    assert parts.keys() == {name for _, name, _ in crowd}
    assert set(parts.values()) <= {part for part in PARTS if shares.of(part) > 0}
    for group in near_groups([one for _, _, one in crowd]):
        assert len({parts[crowd[index][1]] for index in group}) == 1


@settings(deadline=None)
@given(crowds(), st.data())
def test_adding_pictures_moves_none(crowd, data: st.DataObject) -> None:
    old = crowd[: data.draw(st.integers(1, len(crowd)))]
    before = parts_of(old)
    after = parts_of(data.draw(st.permutations(crowd)), kept(old, before), seed=1)
    assert after.keys() == {name for _, name, _ in crowd}
    assert {name: after[name] for name in before} == before
    for group in near_groups([one for _, _, one in crowd]):
        assert len({after[crowd[index][1]] for index in group}) == 1


@settings(deadline=None)
@given(crowds(), st.data())
def test_renaming_moves_none(crowd, data: st.DataObject) -> None:
    before = parts_of(crowd)
    others = data.draw(st.permutations([f"{n}.png" for n in range(len(crowd))]))
    renamed = [
        (LabelledPicture(Path(name), 9, 9, picture.boxes, picture.label), name, one)
        for (picture, _, one), name in zip(crowd, others, strict=True)
    ]
    wanted = {name: before[old] for (_, old, _), name in zip(crowd, others, strict=True)}
    assert parts_of(renamed, kept(crowd, before), seed=3) == wanted
    assert parts_of(renamed) == wanted, "a new split depends on the pixels only"


@settings(deadline=None)
@given(crowds())
def test_the_order_of_files_is_of_no_account(crowd) -> None:
    assert parts_of(crowd[::-1]) == parts_of(crowd)


def crowd_of(labels: str) -> list[tuple[LabelledPicture, str, Fingerprint]]:
    bits = random.Random(9)
    return [
        (
            LabelledPicture(Path(f"{n}.png"), 9, 9, label=label),
            f"{n}.png",
            Fingerprint(f"{n:04}", bits.getrandbits(64), 1.0, bytes(32 * 32 * 3)),
        )
        for n, label in enumerate(labels)
    ]


def test_classes_are_divided_alike() -> None:
    crowd = crowd_of("a" * 100 + "b" * 40 + "c" * 20)
    parts = parts_of(crowd)
    found = Counter((picture.label, parts[name]) for picture, name, _ in crowd)
    assert found["a", "train"] == 70
    assert found["b", "train"] == 28
    assert found["c", "train"] == 14
    for label, count in {"a": 15, "b": 6, "c": 3}.items():
        assert abs(found[label, "validation"] - count) <= 1
        assert abs(found[label, "test"] - count) <= 1


def test_where_each_label_is_its_own_the_shares_are_kept() -> None:
    crowd = crowd_of("".join(chr(0x4E00 + n) for n in range(100)))
    assert Counter(parts_of(crowd).values()) == {"train": 70, "validation": 15, "test": 15}


def test_another_seed_divides_otherwise() -> None:
    crowd = crowd_of("a" * 60)
    assert parts_of(crowd, seed=0) == parts_of(crowd, seed=0)
    assert parts_of(crowd, seed=0) != parts_of(crowd, seed=1)


@pytest.mark.parametrize("shares", [(-0.1, 0.1), (0.5, 0.5), (float("nan"), 0.1)])
def test_shares_that_leave_nothing_to_train_on(shares: tuple[float, float]) -> None:
    with pytest.raises(LayoutError, match="nothing to train on"):
        Shares(*shares)


class TestFolder:
    def test_parts_are_kept(self, yolo_folder: Path, draw) -> None:
        first = named(split_of(yolo_folder))
        assert len(first) == 6
        text = (yolo_folder / "split.json").read_bytes()
        for number in range(6, 30):
            draw(yolo_folder / f"{number}.png", number)
            shutil.copy(yolo_folder / "0.txt", yolo_folder / f"{number}.txt")
        later = split_of(yolo_folder, seed=8)
        assert later.new == 24
        assert {name: named(later)[name] for name in first} == first
        assert set(named(later).values()) == set(PARTS)
        assert (yolo_folder / "split.json").read_bytes() != text
        assert split_of(yolo_folder).new == 0

    def test_a_renamed_picture_keeps_its_part(self, yolo_folder: Path) -> None:
        first = named(split_of(yolo_folder))
        for number in range(6):  # also onto names that others had
            for suffix in (".png", ".txt"):
                (yolo_folder / f"{number}{suffix}").rename(yolo_folder / f"x{number}{suffix}")
        for number in range(6):
            for suffix in (".png", ".txt"):
                (yolo_folder / f"x{number}{suffix}").rename(
                    yolo_folder / f"{(number + 1) % 6}{suffix}"
                )
        later = split_of(yolo_folder, seed=5)
        assert later.new == 0
        assert {name: named(later)[f"{(int(name[0]) + 1) % 6}.png"] for name in first} == first
        assert read_split(yolo_folder).keys() == {f"{n}.png" for n in range(6)}

    def test_a_picture_that_was_away_keeps_its_part(self, yolo_folder: Path, tmp_path) -> None:
        first = named(split_of(yolo_folder))
        for name in ("3.png", "3.txt"):
            (yolo_folder / name).rename(tmp_path / name)
        assert "3.png" not in named(split_of(yolo_folder))
        for name in ("3.png", "3.txt"):
            (tmp_path / name).rename(yolo_folder / name)
        assert named(split_of(yolo_folder, seed=4)) == first

    def test_a_picture_that_was_touched_up_keeps_its_part(self, yolo_folder: Path, draw) -> None:
        first = named(split_of(yolo_folder))
        for number in range(6):
            draw(yolo_folder / f"{number}.png", number + 50)
        later = split_of(yolo_folder, seed=4)
        assert (named(later), later.new) == (first, 0)

    def test_a_copy_joins_its_original(self, yolo_folder: Path) -> None:
        first = named(split_of(yolo_folder))
        for number in range(6):
            with Image.open(yolo_folder / f"{number}.png") as picture:
                picture.save(yolo_folder / f"a{number}.jpg", quality=80)
            shutil.copy(yolo_folder / "0.txt", yolo_folder / f"a{number}.txt")
        later = named(split_of(yolo_folder, seed=6))
        assert {name: later[f"a{name[0]}.jpg"] for name in first} == first

    def test_a_bridge_between_parts_has_none(self, yolo_folder: Path) -> None:
        with Image.open(yolo_folder / "0.png") as picture:
            for name, by in (("dark.png", 14), ("darker.png", 28)):
                picture.point(lambda value, by=by: value - by).save(yolo_folder / name)
                shutil.copy(yolo_folder / "0.txt", yolo_folder / f"{Path(name).stem}.txt")
        bridge = yolo_folder / "dark.png"
        bridge.rename(yolo_folder.parent / "dark.png")
        report = check_folder(yolo_folder)
        assert report.faults[0].file == yolo_folder / "dark.txt"
        known = {
            path.name: Member("test" if path.name == "darker.png" else "train", one.pixels)
            for path, one in report.prints.items()
        }
        write_split(yolo_folder, known)
        (yolo_folder.parent / "dark.png").rename(bridge)
        split = split_of(yolo_folder)
        assert split.left_out == (bridge,)
        assert named(split) == {name: member.part for name, member in known.items()}

    def test_lookalikes_that_met_late_do_not_stay_apart(self, yolo_folder: Path) -> None:
        with Image.open(yolo_folder / "0.png") as picture:
            picture.save(yolo_folder / "copy.jpg", quality=90)
        shutil.copy(yolo_folder / "0.txt", yolo_folder / "copy.txt")
        prints = check_folder(yolo_folder).prints
        write_split(
            yolo_folder,
            {
                path.name: Member("test" if path.name == "copy.jpg" else "train", one.pixels)
                for path, one in prints.items()
            },
        )
        split = split_of(yolo_folder)
        assert split.left_out == (yolo_folder / "0.png",)
        assert named(split)["copy.jpg"] == "test"

    def test_what_is_unreadable_or_has_no_label_has_no_part(self, yolo_folder: Path) -> None:
        (yolo_folder / "1.png").write_bytes(b"no picture")
        (yolo_folder / "2.txt").unlink()
        assert named(split_of(yolo_folder)).keys() == {"0.png", "3.png", "4.png", "5.png"}

    @pytest.mark.parametrize(
        "text",
        ["{", "[]", '{"pictures": {"a": {}}}', '{"pictures": {"a": {"part": "x", "pixels": ""}}}'],
    )
    def test_a_broken_file_is_named_and_stays(self, yolo_folder: Path, text: str) -> None:
        (yolo_folder / "split.json").write_text(text)
        with pytest.raises(LayoutError, match=r"split\.json"):
            split_of(yolo_folder)
        assert (yolo_folder / "split.json").read_text() == text


def counts(out: Path, pattern: str) -> dict[str, int]:
    return {part: len(list((out / part).rglob(pattern))) for part in PARTS}


def export_of_label_studio(folder: Path) -> None:
    tasks = [{"data": {"image": f"{n}.png"}, "annotations": [{"result": []}]} for n in range(12)]
    (folder / "tasks.json").write_text(json.dumps(tasks))


def class_folders(folder: Path) -> None:
    for number in range(12):
        (folder / "ab"[number % 2]).mkdir(exist_ok=True)
        (folder / f"{number}.png").rename(folder / "ab"[number % 2] / f"{number}.png")


def yolo_files(folder: Path) -> None:
    (folder / "classes.txt").write_text("item\n")
    for number in range(12):
        (folder / f"{number}.txt").write_text("0 0.5 0.5 0.1 0.1\n0 0.2 0.5 0.1 0.1\n")
    order = {f"{number}.png": [1, 0] for number in range(12)}
    (folder / "order.json").write_text(json.dumps(order))


def voc_files(folder: Path) -> None:
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    for number in range(12):
        (folder / f"{number}.xml").write_text(
            f"<annotation><object><name>a</name>{box}</object></annotation>"
        )


def puzzle_lines(folder: Path) -> None:
    lines = []
    for number in range(12):
        with Image.open(folder / f"{number}.png") as picture:
            picture.crop((0, 0, 30, 30)).save(folder / f"{number}.icon.png")
        puzzle = {
            "id": str(number),
            "background": f"{number}.png",
            "prompt": {"icons": [f"{number}.icon.png"]},
            "words": ["x"],
            "targets": [[1, 1, 9, 9]],
        }
        lines.append(json.dumps(puzzle) + "\n")
    (folder / "puzzles.jsonl").write_text("".join(lines))


def names(folder: Path) -> None:
    for number in range(12):
        (folder / f"{number}.png").rename(folder / f"{'ab'[number % 2]}_{number}.png")


LAYOUTS = {
    Layout.YOLO: yolo_files,
    Layout.VOC: voc_files,
    Layout.LABEL_STUDIO: export_of_label_studio,
    Layout.CLASSES: class_folders,
    Layout.NAMED: names,
    Layout.PUZZLES: puzzle_lines,
}


class TestParts:
    @pytest.mark.parametrize("layout", Layout)
    def test_each_layout_stays_what_it_is(
        self, tmp_path: Path, draw, snapshot, layout: Layout
    ) -> None:
        folder, out = tmp_path / "data", tmp_path / "parts"
        for number in range(12):
            draw(folder / f"{number}.png", number)
        LAYOUTS[layout](folder)
        before = snapshot(folder)
        result = run(folder, "--out", out)
        assert result.exit_code == 0, result.output
        assert {k: v for k, v in snapshot(folder).items() if k != "split.json"} == before
        whole = {p.path.relative_to(folder): p for p in read_annotations(folder).pictures}
        found: dict[Path, LabelledPicture] = {}
        for part in PARTS:
            annotations = read_annotations(out / part)
            assert annotations.layout is layout
            assert (annotations.faults, annotations.unlabelled) == ((), ())
            mine = {p.path.relative_to(out / part): p for p in annotations.pictures}
            assert mine.keys().isdisjoint(found)
            found |= mine
        assert found.keys() == whole.keys()
        for name, picture in found.items():
            assert (picture.boxes, picture.label) == (whole[name].boxes, whole[name].label)
            assert picture.path.samefile(whole[name].path), "a link takes no room"
        if layout is Layout.YOLO:
            orders = [json.loads((out / p / "order.json").read_text()) for p in PARTS]
            assert sum(map(len, orders)) == 12
            label = next((out / "train").glob("[0-9]*.txt"))
            assert not label.samefile(folder / label.name), "an editor would write into both"

    def test_bringing_parts_up_to_date(self, yolo_folder: Path, tmp_path: Path, draw) -> None:
        out = tmp_path / "parts"
        assert run(yolo_folder, "--out", out).exit_code == 0
        first = named(split_of(yolo_folder))
        for suffix in (".png", ".txt"):
            (yolo_folder / f"0{suffix}").rename(yolo_folder / f"new{suffix}")
        (yolo_folder / "1.txt").write_text("0 0.4 0.5 0.2 0.4\n")
        old = (out / first["1.png"] / "1.txt").read_bytes()
        result = run(yolo_folder, "--out", out)
        assert "3 files placed" in result.stdout
        assert "3 that do not belong there" in result.stdout
        assert (out / first["0.png"] / "new.png").exists()
        assert not (out / first["0.png"] / "0.png").exists()
        assert (out / first["1.png"] / "1.txt").read_text() == "0 0.4 0.5 0.2 0.4\n"
        assert (out / "quarantine" / first["1.png"] / "1.txt").read_bytes() == old
        assert (out / "quarantine" / first["0.png"] / "0.png").exists()
        assert "0 files placed" in run(yolo_folder, "--out", out).stdout

    def test_copies_where_there_are_no_links(
        self, yolo_folder: Path, tmp_path: Path, monkeypatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(18, "Invalid cross-device link")

        monkeypatch.setattr("os.link", refuse)
        split = split_of(yolo_folder)
        written = write_parts(read_annotations(yolo_folder), split, tmp_path / "parts")
        used = len(set(split.parts.values()))
        assert written.placed == 12 + used  # and a list of classes in each
        assert sum(counts(tmp_path / "parts", "*.png").values()) == 6

    def test_folders_that_are_not_ours_stay_as_they_are(
        self, yolo_folder: Path, tmp_path: Path, snapshot
    ) -> None:
        mine = tmp_path / "mine"
        mine.mkdir()
        (mine / "letter.txt").write_text("dear")
        other = tmp_path / "other"
        shutil.copytree(yolo_folder, other)
        assert run(other, "--out", tmp_path / "parts").exit_code == 0
        for out, words in (
            (mine, "is not empty"),
            (mine / "letter.txt", "is not empty"),
            (tmp_path / "parts", "holds parts of"),
            (yolo_folder / "parts", "lie in each other"),
            (tmp_path, "lie in each other"),
        ):
            before = snapshot(tmp_path)
            result = run(yolo_folder, "--out", out)
            assert result.exit_code == 1
            (line,) = result.stderr.splitlines()
            assert words in line
            assert snapshot(tmp_path) == before


class TestCommand:
    def test_without_out_only_split_json_is_written(self, yolo_folder: Path, snapshot) -> None:
        before = snapshot(yolo_folder)
        result = run(yolo_folder, "--validation", 0.5, "--test", 0)
        assert result.exit_code == 0, result.output
        assert "6 pictures are new" in result.stdout
        after = snapshot(yolo_folder)
        assert after.keys() - before.keys() == {"split.json"}
        parts = json.loads(after["split.json"])["pictures"]
        assert Counter(one["part"] for one in parts.values()) == {"train": 3, "validation": 3}

    def test_what_has_no_part_is_told(self, yolo_folder: Path) -> None:
        (yolo_folder / "1.txt").unlink()
        result = run(yolo_folder)
        assert result.exit_code == 0
        assert "1 pictures have no label" in result.stdout

    def test_shares_that_make_no_sense(self, yolo_folder: Path) -> None:
        result = run(yolo_folder, "--test", 1)
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1


KILLED = """
import sys, time
from pathlib import Path
from labels import split_export
from labels.check import check_folder
from labels.split import split_folder

def slow(function):
    # Gives a kill the time to come before, between and after.
    def call(*arguments, **options):
        time.sleep(0.002)
        return function(*arguments, **options)
    return call

folder, out = map(Path, sys.argv[1:])
for name in ("rename", "replace", "unlink"):
    setattr(Path, name, slow(getattr(Path, name)))
split_export.os.link = slow(split_export.os.link)
report = check_folder(folder)
print("begun", flush=True)
split = split_folder(report.annotations, report.prints)
split_export.write_parts(report.annotations, split, out)
"""


def test_killed_and_run_again_it_is_as_if_never_interrupted(
    tmp_path: Path, draw, snapshot, python
) -> None:
    start = tmp_path / "start"
    for number in range(24):
        draw(start / "deep" / f"{number}.png", number)
        (start / "deep" / f"{number}.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (start / "classes.txt").write_text("item\n")
    early = Path(shutil.copytree(start, tmp_path / "early"))
    assert run(early, "--out", tmp_path / "early-parts").exit_code == 0
    wanted, parts = snapshot(early), snapshot(tmp_path / "early-parts")
    chance, amid = random.Random(2), 0
    for number in range(4):
        folder = Path(shutil.copytree(start, tmp_path / f"killed{number}"))
        out = tmp_path / f"parts{number}"
        for _ in range(2):
            with python.start(KILLED, folder, out) as process:
                assert process.stdout.readline() == "begun\n"
                time.sleep(chance.uniform(0, 0.12))
                process.kill()
            amid += out.is_dir() and 1 < len(snapshot(out)) < len(parts)
            assert snapshot(start).items() <= snapshot(folder).items()
        assert run(folder, "--out", out).exit_code == 0
        assert snapshot(folder) == wanted
        found = snapshot(out)
        assert found.keys() == parts.keys()
        assert all(found[name] == parts[name] for name in parts if name != "parts.json")
    assert amid, "no kill came in the midst of writing; change the times"
