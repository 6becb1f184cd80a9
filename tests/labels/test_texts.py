"""Labelled pictures of text: read, checked, mended, divided."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labels.errors import LayoutError
from labels.quarantine import LOG_FILE
from labels.split import Shares, read_split
from labels.text_check import check_texts, fix_texts
from labels.text_report import text_check_json, text_left_to_the_user, text_tables
from labels.text_split import kept_split, split_texts
from labels.texts import TextFaultKind, TextPicture, read_texts, text_entries


def picture(path, seed=0, size=(24, 12), **options):
    """A little picture; another seed gives other pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).save(path, **options)
    return path


def labels_of(texts):
    return {found.name: found.label for found in texts.pictures}


def kinds(found):
    return [fault.kind.value for fault in found.faults]


def test_file_names(tmp_path):
    for number, name in enumerate(("7Kx2_1.png", "a/成行_2.jpg", "_3.png", "four.png", ".x_5.png")):
        picture(tmp_path / name, number)
    picture(tmp_path / "quarantine" / "old_1.png")
    (tmp_path / "notes_1.txt").write_text("no picture")
    texts = read_texts([tmp_path])
    assert labels_of(texts) == {"7Kx2_1.png": "7Kx2", "a/成行_2.jpg": "成行"}
    assert kinds(texts) == ["missing-label", "missing-label"]
    assert all(str(fault.file) in fault.sentence for fault in texts.faults)


def test_a_pattern_of_the_users_own(tmp_path):
    for name in ("0001.abc.png", "0002..png", "0003-abc.png"):
        picture(tmp_path / name)
    texts = read_texts([tmp_path], pattern=r"^\d+\.(?P<label>\w*)\.png$")
    assert labels_of(texts) == {"0001.abc.png": "abc"}
    assert kinds(texts) == ["empty-label", "missing-label"]


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [("(", "no regular expression"), (r"^(\w+)_", "does not say where the label is")],
    ids=["broken", "no-group"],
)
def test_patterns_that_cannot_be_used(tmp_path, pattern, sentence):
    with pytest.raises(LayoutError, match=sentence):
        read_texts([tmp_path], pattern=pattern)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        pytest.param("1.png 7Kx2", ("1.png", "7Kx2"), id="space"),
        pytest.param("1.png\t7Kx2", ("1.png", "7Kx2"), id="tab"),
        pytest.param("1.png,7Kx2", ("1.png", "7Kx2"), id="comma"),
        pytest.param("1.png , 7Kx2", ("1.png", "7Kx2"), id="comma-and-spaces"),
        pytest.param("my pictures/1, 2.JPG\ta, b c", ("my pictures/1, 2.JPG", "a, b c"), id="many"),
        pytest.param("1.png", ("1.png", ""), id="empty"),
        pytest.param("1.png,", ("1.png", ""), id="empty-after-comma"),
        pytest.param("a.png.png x", ("a.png.png", "x"), id="suffix-twice"),
        pytest.param("1 7Kx2", None, id="no-suffix"),
    ],
)
def test_lines(line, wanted):
    ((number, name, label),) = text_entries(line)
    assert number == 1
    assert ((name, label) if wanted else name) == wanted


names = st.text("abc /.,_", min_size=1, max_size=8).map(lambda text: f"x{text}y.png")
written = (
    st.text("aZ9, 成", min_size=1, max_size=6)
    .map(str.strip)
    .filter(lambda text: text and text[0] not in ", ")
)


@given(st.lists(st.tuples(names, written), max_size=5), st.sampled_from("\t"))
def test_any_name_and_label_come_back(pairs, between):
    content = "name\tlabel\n" + "".join(f"{n}{between}{label}\n\n" for n, label in pairs)
    assert [entry[1:] for entry in text_entries(content)] == pairs


@pytest.fixture(params=["text", "object", "list"])
def listed(request, tmp_path):
    """Two pictures in a label file, in each of its forms, with faults around them."""
    folder = tmp_path / "set"
    for number, name in enumerate(("1.png", "a/2.png", "3.png", "4.png", "5.png")):
        picture(folder / name, number)
    rows = [("1.png", "ab"), ("a\\2.png", "a\u0308b"), ("3.png", ""), ("gone.png", "x")]
    if request.param == "text":
        lines = [f"{name} {label}" for name, label in [*rows, ("1.png", "other")]]
        (folder / "labels.txt").write_text("\ufeff" + "\n".join([*lines, "nonsense", ""]))
    elif request.param == "object":
        content = json.dumps({**dict(rows), "4.png": 7})
        (folder / "labels.json").write_text(content)
    else:
        entries = [{"file": name, "text": label} for name, label in rows]
        entries += [{"name": "1.png", "label": "other"}, "nonsense"]
        (folder / "labels.json").write_text(json.dumps(entries))
    return folder, request.param


def test_label_files(listed):
    folder, form = listed
    texts = read_texts([folder])
    assert labels_of(texts) == {"1.png": "ab", "a/2.png": unicodedata.normalize("NFC", "a\u0308b")}
    found = sorted(kinds(texts))
    wanted = ["empty-label", "malformed-line", "missing-label", "missing-label", "missing-picture"]
    assert found == (wanted if form == "object" else ["contradiction", *wanted])
    missing = next(f for f in texts.faults if f.kind is TextFaultKind.MISSING_PICTURE)
    assert missing.line == 4
    assert "gone.png" in missing.sentence


def test_label_files_are_mended_and_kept(listed, snapshot):
    folder, _ = listed
    before = snapshot(folder)
    bad = folder / "1.png"
    bad.write_bytes(b"no picture")
    report = check_texts(read_texts([folder]))
    also = [TextFaultKind.MISSING_LABEL, TextFaultKind.EMPTY_LABEL]
    assert len(fix_texts(report, also)) == 5  # four pictures and the label file
    after = check_texts(read_texts([folder]))
    assert [(found.name, len(found.label)) for found in after.pictures] == [("a/2.png", 2)]
    # What was not understood may be right, and stays to be mended by hand.
    (fault,) = after.faults
    assert fault.kind is TextFaultKind.MALFORMED_LINE
    assert len(fix_texts(after, also)) == 0
    # Everything is still there.
    file = next(name for name in before if name.startswith("labels."))
    kept = snapshot(folder / "quarantine")
    assert kept[file] == before[file]
    assert kept["1.png"] == b"no picture"
    assert {"3.png", "4.png", "5.png"} <= set(kept)
    log = (folder / "quarantine" / LOG_FILE).read_text().splitlines()
    assert len(log) == 5


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        pytest.param({"labels.txt": b"", "labels.json": b"{}"}, "has both", id="both"),
        pytest.param({"labels.json": b"{"}, "is not JSON", id="broken"),
        pytest.param({"labels.json": b"3"}, "neither an object", id="number"),
        pytest.param({"labels.txt": b"\xff\xfe\xff"}, "not UTF-8", id="encoding"),
    ],
)
def test_label_files_that_cannot_be_read(tmp_path, files, sentence):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(LayoutError, match=sentence):
        read_texts([tmp_path])


def test_several_folders(tmp_path):
    for number, name in enumerate(("a/x_1.png", "a/b/y_1.png", "c/z_1.png")):
        picture(tmp_path / name, number)
    texts = read_texts([tmp_path / "a" / "b", tmp_path / "a", tmp_path / "c", tmp_path / "c"])
    assert [(found.folder.name, found.label) for found in texts.pictures] == [
        ("a", "y"), ("a", "x"), ("c", "z"),
    ]  # fmt: skip
    with pytest.raises(LayoutError, match="is no folder"):
        read_texts([tmp_path / "d"])


@pytest.fixture
def faulty(tmp_path) -> Path:
    """A folder with each fault that looking at pictures finds."""
    folder = tmp_path / "set"
    for number in range(4):
        picture(folder / f"ab{number}_{number}.png", number)
    picture(folder / "abc_small.png", 10, (9, 9))
    picture(folder / "abc_png.jpg", 11, format="PNG")
    picture(folder / "a?c_x.png", 12)
    picture(folder / "ab0_copy.bmp", 0)
    picture(folder / "zz_contradiction.png", 1)
    (folder / "abc_broken.png").write_bytes(b"no picture")
    (folder / "nolabel.png").write_bytes(b"no picture either")
    return folder


def test_a_check(faulty):
    report = check_texts(read_texts([faulty]), charset="abcz0123", size=(24, 12))
    assert {kind.value: count for kind, count in report.by_kind.items()} == {
        "unreadable-picture": 2,
        "wrong-suffix": 1,
        "wrong-size": 1,
        "unknown-character": 1,
        "contradiction": 1,
        "copy": 1,
    }
    assert report.sizes == {(24, 12): 8, (9, 9): 1}
    assert list(report.sizes) == [(24, 12), (9, 9)]
    assert report.lengths == {2: 1, 3: 8}
    assert report.characters["b"] == 7
    assert len(report.pictures) == 9
    content = text_check_json(report)
    assert len(json.dumps(content)) > 100
    assert content["fault_counts"]["copy"] == 1
    assert len(text_tables(report)) == 2
    assert "--also wrong-suffix --also wrong-size" in text_left_to_the_user(report)[0]


def test_mending_moves_and_deletes_nothing(faulty, snapshot):
    before = snapshot(faulty)
    report = check_texts(read_texts([faulty]), charset="abcz0123", size=(24, 12))
    assert len(fix_texts(report)) == 4
    after = check_texts(read_texts([faulty]), charset="abcz0123", size=(24, 12))
    assert sorted(kinds(after)) == ["contradiction", "wrong-size", "wrong-suffix"]
    assert len(fix_texts(after, [TextFaultKind.WRONG_SIZE, TextFaultKind.CONTRADICTION])) == 1
    left = check_texts(read_texts([faulty]))
    assert sorted(kinds(left)) == ["contradiction", "wrong-suffix"]
    kept = snapshot(faulty / "quarantine")
    assert snapshot(faulty) == {
        **{name: content for name, content in before.items() if (faulty / name).exists()},
        **{f"quarantine/{name}": content for name, content in kept.items()},
    }
    kept.pop(LOG_FILE)
    assert kept == {name: before[name] for name in kept}
    assert len(kept) == 5


def test_a_clean_folder_has_no_faults(tmp_path):
    for number in range(3):
        picture(tmp_path / f"ab{number}_x.png", number)
    report = check_texts(read_texts([tmp_path]), charset="ab012", size=(24, 12))
    assert report.faults == ()
    assert len(text_tables(report)) == 1
    assert text_left_to_the_user(report) == []


def named(folder, count):
    return [TextPicture(folder / f"{n}.png", f"{n}", folder) for n in range(count)]


def digests_of(pictures):
    return {found.path: f"{found.label:0>8}" for found in pictures}


@given(
    first=st.integers(0, 80),
    more=st.integers(0, 80),
    test=st.floats(0, 0.5),
    validation=st.floats(0, 0.4),
    seed=st.integers(0, 9),
)
def test_added_pictures_move_none(tmp_path_factory, first, more, test, validation, seed):
    folder = tmp_path_factory.mktemp("set")
    pictures, shares = named(folder, first + more), Shares(validation, test)
    before = split_texts(pictures[:first], digests_of(pictures), shares, seed)
    assert before.new == first
    for part in ("test", "validation"):
        assert len(before.of(part)) == round(shares.of(part) * first)
    after = split_texts(pictures[::-1], digests_of(pictures), shares, seed)
    assert after.new == more
    assert all(after.parts[found] == part for found, part in before.parts.items())
    assert len(after.of("test")) >= round(test * (first + more))
    again = split_texts(pictures, digests_of(pictures), Shares(0.1, 0.6), seed + 1)
    assert again.new == 0
    assert again.parts == after.parts
    assert kept_split(pictures).parts == after.parts


def test_another_seed_divides_otherwise(tmp_path):
    splits = []
    for seed in range(2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        pictures = named(folder, 100)
        parts = split_texts(pictures, digests_of(pictures), Shares(0, 0.3), seed)
        splits.append({found.label for found in parts.of("test")})
    assert splits[0] != splits[1]
    assert len(splits[0]) == len(splits[1]) == 30


def test_copies_and_renamed_pictures_keep_their_part(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    pictures = named(one, 40)
    before = split_texts(pictures, digests_of(pictures), Shares(0, 0.5))
    digests = digests_of(pictures)
    held = before.of("test")[0]
    copy = TextPicture(two / "copy.png", "x", two)
    renamed = TextPicture(one / "renamed.png", held.label, one)
    for new in (copy, renamed):
        digests[new.path] = digests[held.path]
    rest = [found for found in pictures if found != held]
    after = split_texts([*rest, copy, renamed], digests, Shares(0, 0.5))
    assert after.parts[copy] == after.parts[renamed] == "test"
    assert after.new == 0
    assert set(read_split(two)) == {"copy.png"}
    # The old name is forgotten, as the picture has a new one.
    assert held.name not in read_split(one)
    # What is only away for now is not.
    split_texts(rest[:5], digests, Shares(0, 0.5))
    assert rest[-1].name in read_split(one)


def test_pictures_without_a_part_are_trained_on(tmp_path):
    pictures = named(tmp_path, 30)
    split_texts(pictures[:20], digests_of(pictures), Shares(0, 0.5))
    kept = kept_split(pictures)
    assert kept.new == 10
    assert len(kept.of("test")) == 10
    assert len(kept.of("train")) == 20
    (tmp_path / "split.json").write_text("{")
    with pytest.raises(LayoutError, match="cannot be read"):
        kept_split(pictures)
