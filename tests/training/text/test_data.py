"""Folders and packs of labelled pictures, and what is held back of them."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from classifier.charsets import LabelRule
from labels.split import Member, write_split
from training.errors import TextTrainingError
from training.text.data import TextRecord, hold_out, labelled, pack_entries, read_records
from training.text.pack import TextPack, write_pack

PATTERN = r"^(?P<label>[^_]+)_"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    home = tmp_path / "pictures"
    home.mkdir()
    for number in range(40):
        picture = Image.fromarray(rng.integers(0, 256, (12, 30, 3), dtype=np.uint8))
        picture.save(home / f"a{number % 10}_{number:03}.png")
    return home


def records(names: list[str], held_out: bool | None = None) -> list[TextRecord]:
    return [TextRecord(name, "a", held_out, Path(name)) for name in names]


def test_a_pack_holds_what_the_folder_does(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.texts"
    loose = read_records([folder], PATTERN, skip_faulty=False)
    write_pack(pack_entries(loose, 0.2), file)
    packed = read_records([file], PATTERN, skip_faulty=False)
    assert [(r.name, r.label) for r in packed] == [(r.name, r.label) for r in loose]
    assert [r.held_out for r in packed] == hold_out(loose, 0.2)
    first, second = (
        labelled(found, LabelRule(), "a0123456789", skip_faulty=False) for found in (loose, packed)
    )
    # As a worker gets it.
    second = pickle.loads(pickle.dumps(second))
    for at in (0, 7, 39):
        np.testing.assert_array_equal(first.picture(at), second.picture(at))
    assert first.texts == second.texts


def test_a_pack_is_never_overwritten(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.texts"
    file.write_bytes(b"mine")
    entries = pack_entries(read_records([folder], PATTERN, skip_faulty=False), 0.1)
    with pytest.raises(TextTrainingError, match="there already"):
        write_pack(entries, file)
    assert file.read_bytes() == b"mine"
    with pytest.raises(TextTrainingError, match="does not end in"):
        write_pack(entries, tmp_path / "all.db")


def test_a_pack_that_cannot_be_written_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    entries = pack_entries(read_records([folder], PATTERN, skip_faulty=False), 0.1)
    gone = [*entries[:3], ("x", "x", False, folder / "gone_1.png")]
    with pytest.raises(TextTrainingError, match="cannot be written"):
        write_pack(gone, tmp_path / "all.texts")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures"]


@pytest.mark.parametrize("content", [b"", b"not a database" * 100], ids=["empty", "words"])
def test_what_is_no_pack_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.texts"
    file.write_bytes(content)
    with pytest.raises(TextTrainingError, match="pack"):
        TextPack(file)


def test_a_split_that_was_made_is_kept(folder: Path) -> None:
    held = {f"a{number % 10}_{number:03}.png" for number in range(3)}
    write_split(folder, {name: Member("test", f"{number}") for number, name in enumerate(held)})
    found = read_records([folder], PATTERN, skip_faulty=False)
    chosen = {r.name for r, out in zip(found, hold_out(found, 0.5), strict=True) if out}
    assert chosen == held


def test_without_a_split_about_the_share_is_held_out() -> None:
    chosen = hold_out(records([f"{number}.png" for number in range(4000)]), 0.05)
    assert 140 < sum(chosen) < 260


@given(st.lists(st.text(min_size=1, max_size=6), min_size=3, max_size=30, unique=True), st.data())
def test_more_pictures_move_none_to_the_other_side(names: list[str], data: st.DataObject) -> None:
    share = data.draw(st.floats(0.2, 0.8))
    some = data.draw(st.integers(2, len(names)))
    every = dict(zip(names, hold_out(records(names), share), strict=True))
    fewer = dict(zip(names[:some], hold_out(records(names[:some]), share), strict=True))
    moved = [name for name in fewer if fewer[name] != every[name]]
    # But where none was below the share, and one had to be.
    assert not moved or sum(fewer.values()) == 1


def test_one_of_few_is_held_out() -> None:
    assert sum(hold_out(records(["a", "b"]), 1e-6)) == 1
    assert hold_out(records(["a", "b"]), 0) == [False, False]


def test_labels_with_other_characters_are_told(folder: Path) -> None:
    found = read_records([folder], PATTERN, skip_faulty=False)
    with pytest.raises(TextTrainingError, match=r"8 labels .*'[08]' 4 times"):
        labelled(found, LabelRule(), "a12345679", skip_faulty=False)
    assert len(labelled(found, LabelRule(), "a12345679", skip_faulty=True)) == 32
    with pytest.raises(TextTrainingError, match="charset's characters alone"):
        labelled(found, LabelRule(), "z", skip_faulty=True)


def test_labels_are_folded(folder: Path) -> None:
    found = read_records([folder], PATTERN, skip_faulty=False)
    assert set(labelled(found, LabelRule("upper"), "A0123456789", skip_faulty=False).texts) == {
        f"A{digit}" for digit in range(10)
    }


def test_pictures_without_labels_are_told_or_left_out(folder: Path) -> None:
    Image.new("RGB", (4, 4)).save(folder / "nothing.png")
    with pytest.raises(TextTrainingError, match=r"nothing\.png"):
        read_records([folder], PATTERN, skip_faulty=False)
    assert len(read_records([folder], PATTERN, skip_faulty=True)) == 40


def test_a_picture_that_is_none_is_named(folder: Path) -> None:
    (folder / "a1_000.png").write_bytes(b"no picture")
    found = labelled(
        read_records([folder], PATTERN, skip_faulty=False),
        LabelRule(),
        "a0123456789",
        skip_faulty=False,
    )
    at = next(at for at, record in enumerate(found.records) if record.name == "a1_000.png")
    with pytest.raises(TextTrainingError, match=r"a1_000\.png cannot be read"):
        found.picture(at)


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(TextTrainingError, match="no labelled pictures"):
        read_records([tmp_path], PATTERN, skip_faulty=False)
