"""What becomes of the classes of the labels: kinds of box are kept, names of items become one."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from training.detector.classes import choose_classes
from training.detector.data import _set_aside, read_detection_data
from training.detector.samples import Sample
from training.errors import DetectionDataError

ICONS = tuple(f"icon-{number}" for number in range(40))

DECIDED = {
    "one class keeps its name": (("1",), {"1": 30}, "auto", ("1",)),
    "kinds of box are kept": (("target", "prompt"), {"target": 8, "prompt": 3}, "auto", None),
    "characters": (("成", "行", "A"), {"成": 900, "行": 900, "A": 900}, "auto", ("item",)),
    "many with few boxes": (ICONS, dict.fromkeys(ICONS, 12), "auto", ("item",)),
    "many with many boxes": (ICONS, dict.fromkeys(ICONS, 120), "auto", None),
    "item beside names": (("item", "lion"), {"item": 4, "lion": 4}, "auto", ("item",)),
    "only one of the list was used": (("dog", "bus", "item"), {"item": 9}, "auto", ("item",)),
    "characters, kept": (("成", "行"), {"成": 9, "行": 9}, "keep", None),
    "kinds of box, as one": (("target", "prompt"), {"target": 8, "prompt": 3}, "one", ("item",)),
    "one of them": (("target", "prompt"), {"target": 8, "prompt": 3}, "prompt", ("prompt",)),
    "in another order": (("a1", "b1"), {"a1": 8, "b1": 3}, "b1, a1", ("b1", "a1")),
}


@pytest.mark.parametrize(("names", "counts", "choice", "learnt"), DECIDED.values(), ids=DECIDED)
def test_what_is_decided(names, counts, choice, learnt) -> None:
    found = choose_classes([("mine", names)], Counter(counts), choice)
    assert found.names == (learnt or names)
    # What changes is said, and what does not is not.
    assert bool(found.sentence) == (set(found.names) != set(names))
    assert set(found.mapping.values()) == set(range(len(found.names)))


def test_what_was_done_is_one_line_that_says_how_to_choose() -> None:
    found = choose_classes([("mine", "成行")], Counter({"成": 3, "行": 2}))
    assert found.sentence == (
        "2 of 2 classes are single characters, so these are names of items and not kinds of box: "
        "all boxes are learnt as one class item; the labels keep their names, for `clickorder "
        "labels crop` and train-classifier (--classes keep learns them instead)."
    )


def test_a_puzzle_set_and_named_boxes_are_learnt_together() -> None:
    lists = [("mine", ("lion", "bus")), ("set", ("item",))]
    assert choose_classes(lists, Counter({"lion": 3, "bus": 3, "item": 9})).names == ("item",)


@pytest.mark.parametrize(
    ("lists", "choice", "sentence"),
    [
        ([("a", ("cat",))], "dog", "--classes names dog, but the data have the classes cat"),
        ([("a", ("cat",))], " , ", "names no class"),
        ([("a", ("cat",)), ("b", ("dog",))], "auto", "b has the classes dog, but a has cat"),
        ([("a", ("c", "d")), ("b", ("d", "c"))], "keep", "choose --classes one"),
    ],
)
def test_what_cannot_be(lists, choice, sentence) -> None:
    counts = Counter({name: 9 for _, names in lists for name in names})
    with pytest.raises(DetectionDataError, match=sentence):
        choose_classes(lists, counts, choice)


@given(
    st.lists(st.lists(st.integers(0, 6), max_size=5), min_size=2, max_size=30),
)
def test_held_out_pictures_never_take_the_last_box_of_a_class(drawn: list[list[int]]) -> None:
    samples = [
        Sample(Path(f"{number}.png"), np.zeros((len(c), 4), np.float32), np.array(c, np.int64))
        for number, c in enumerate(drawn)
    ]
    every = {index for classes in drawn for index in classes}
    try:
        train, held = _set_aside(samples)
    except DetectionDataError:
        # Then each picture has the only boxes of some class.
        for classes in drawn:
            others = Counter(c for other in drawn if other is not classes for c in other)
            assert any(not others[c] for c in classes)
        return
    assert {int(c) for sample in train for c in sample.classes} == every
    assert 1 <= len(held) <= max(1, round(len(samples) / 10))
    assert len(train) + len(held) == len(samples)


def test_boxes_named_by_their_characters_are_learnt_as_one_class(tmp_path: Path) -> None:
    """Each of the pictures has the only box of some character."""
    characters = "成行并细什痰"
    for number, _ in enumerate(characters):
        Image.new("RGB", (100, 50), (120, 160, 90 + number)).save(tmp_path / f"{number}.png")
        (tmp_path / f"{number}.txt").write_text(f"{number} 0.5 0.5 0.2 0.4\n")
    (tmp_path / "classes.txt").write_text("\n".join(characters) + "\n", encoding="utf-8")
    data = read_detection_data([tmp_path])
    assert (data.classes, len(data.train), len(data.validation)) == (("item",), 5, 1)
    assert {int(c) for sample in data.train for c in sample.classes} == {0}
    assert "one class item" in data.note
    with pytest.raises(DetectionDataError, match="the only boxes of some class"):
        read_detection_data([tmp_path], classes="keep")
    (tmp_path / "classes.txt").write_text("a1\na2\na3\na4\na5\na6\n")
    some = read_detection_data([tmp_path], [tmp_path], classes="a2,a5")
    assert some.classes == ("a2", "a5")
    assert [s.classes.tolist() for s in some.train] == [[], [0], [], [], [1], []]
