"""Folders of any layout as scenes and groups of items."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labels.reading import read_annotations
from training.adapt.own_pictures import OwnPictures, own_pictures
from training.matcher.group_blocks import GroupBlocks, by_word, group_trials
from training.matcher.mixed_blocks import MixedBlocks, MixedSource, mixed_kinds
from training.matcher.pairs import Block
from training.matcher.picture_blocks import KIND

WORDS = ("成", "7K", "open")


def picture(path: Path, seed: int, size: tuple[int, int] = (120, 80)) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def puzzle(number: int, prompt: dict[str, object], **more: object) -> dict[str, object]:
    return {
        "id": f"p{number}",
        "background": f"p{number}.png",
        "prompt": prompt,
        "words": list(WORDS),
        "targets": [[5, 5, 25, 25], [40, 10, 60, 30], [80, 40, 100, 60]],
        "distractors": [[5, 50, 25, 70]],
        **more,
    }


def write_set(folder: Path, puzzles: list[dict[str, object]]) -> None:
    for number, line in enumerate(puzzles):
        picture(folder / str(line["background"]), number)
    text = "".join(json.dumps(line) + "\n" for line in puzzles)
    (folder / "puzzles.jsonl").write_text(text, encoding="utf-8")


@pytest.fixture
def words_set(tmp_path: Path) -> Path:
    write_set(tmp_path, [puzzle(n, {"words": list(WORDS)}) for n in range(4)])
    return tmp_path


def read(folder: Path) -> OwnPictures:
    annotations = read_annotations(folder)
    return own_pictures(annotations, [p.path for p in annotations.pictures])


def test_a_puzzle_gives_a_scene_with_every_item_and_a_group(words_set: Path) -> None:
    own = read(words_set)
    assert len(own.scenes) == len(own.groups) == 4
    assert [len(scene.boxes) for scene in own.scenes] == [4] * 4
    assert {int(c) for scene in own.scenes for c in scene.classes} == {0}
    assert [item.word for item in own.groups[0]] == [*WORDS, None]
    assert own.words == {"7K": 4, "open": 4, "成": 4}


def test_only_words_that_the_service_draws_are_drawn(words_set: Path) -> None:
    (first, *_) = read(words_set).groups
    assert [item.drawn for item in first] == [False, True, True, False]


def test_only_chosen_pictures_count(words_set: Path) -> None:
    annotations = read_annotations(words_set)
    own = own_pictures(annotations, [words_set / "p1.png"])
    assert [scene.picture.name for scene in own.scenes] == ["p1.png"]
    assert [group[0].scene.path.name for group in own.groups] == ["p1.png"]


def test_icons_ask_for_their_items(tmp_path: Path) -> None:
    icons = [picture(tmp_path / f"i{n}.png", 50 + n, (20, 20)).name for n in range(3)]
    write_set(tmp_path, [puzzle(0, {"icons": icons})])
    (group,) = read(tmp_path).groups
    assert [i.prompt.path.name if i.prompt else None for i in group] == [*icons, None]
    assert not any(item.drawn for item in group)


def test_a_prompt_picture_with_boxes_is_a_strip_and_asks(tmp_path: Path) -> None:
    picture(tmp_path / "prompt.png", 9, (90, 30))
    boxes = [[2, 2, 20, 28], [30, 2, 50, 28], [60, 2, 80, 28]]
    write_set(tmp_path, [puzzle(0, {"image": "prompt.png"}, meta={"prompt_boxes": boxes})])
    own = read(tmp_path)
    assert [scene.strip for scene in own.scenes] == [False, True]
    assert [i.prompt.box if i.prompt else None for i in own.groups[0]] == [
        *(tuple(box) for box in boxes),
        None,
    ]


def test_a_prompt_picture_without_boxes_asks_nothing(tmp_path: Path) -> None:
    picture(tmp_path / "prompt.png", 9, (90, 30))
    write_set(tmp_path, [puzzle(0, {"image": "prompt.png"})])
    own = read(tmp_path)
    assert len(own.scenes) == 1
    assert [item.prompt for item in own.groups[0]] == [None] * 4


@pytest.mark.parametrize(
    ("meta", "scenes"),
    [({}, 0), ({"prompt_boxes": [[2, 62, 12, 78], [20, 62, 30, 78], [40, 62, 50, 78]]}, 2)],
    ids=["unknown", "known"],
)
def test_a_region_whose_items_nobody_boxed_is_not_taught(
    tmp_path: Path, meta: dict[str, object], scenes: int
) -> None:
    write_set(tmp_path, [puzzle(0, {"region": [0, 60, 120, 80]}, distractors=[], meta=meta)])
    assert len(read(tmp_path).scenes) == scenes


def test_boxes_of_labelimg_are_items_and_what_has_no_name_is_no_word(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 1)
    (tmp_path / "classes.txt").write_text("cat\nitem\n")
    (tmp_path / "a.txt").write_text("0 0.2 0.3 0.2 0.2\n1 0.7 0.6 0.2 0.3\n")
    own = read(tmp_path)
    assert [item.word for item in own.groups[0]] == ["cat", None]
    assert own.scenes[0].boxes.shape == (2, 4)


def test_class_folders_have_no_scene_and_groups_of_one(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        picture(tmp_path / name / "1.png", 1, (30, 30))
    own = read(tmp_path)
    assert own.scenes == ()
    assert [[item.word for item in group] for group in own.groups] == [["cat"], ["dog"]]


class TestBlocks:
    def test_twelve_pairs_of_labels_that_fit_the_words(self, words_set: Path) -> None:
        source = GroupBlocks(read(words_set).groups, ("x", "成"))(3)
        block = source.block(KIND)
        assert block.prompt.shape == block.scene.shape == (12, 64, 64, 3)
        assert block.labels.tolist() == [1 if word == "成" else -1 for word in block.words]
        # Three puzzles of four items: one after the other, each whole.
        assert [word.startswith("?") for word in block.words] == [False] * 3 * 1 + [True] + (
            [False] * 3 + [True]
        ) * 2

    def test_every_group_comes_before_any_comes_again(self, words_set: Path) -> None:
        groups = read(words_set).groups
        source = GroupBlocks(groups, ())(5)
        decoys = [w for _ in range(4) for w in source.block(KIND).words if w.startswith("?")]
        assert len(decoys) == 12
        assert all(decoys.count(decoy) == 3 for decoy in set(decoys))

    def test_items_without_a_word_are_negatives_of_each_other(self, words_set: Path) -> None:
        block = GroupBlocks(read(words_set).groups, ())(1).block(KIND)
        decoys = [word for word in block.words if word.startswith("?")]
        assert len(set(decoys)) == len(decoys)

    def test_the_same_seed_gives_the_same_block(self, words_set: Path) -> None:
        plan = GroupBlocks(read(words_set).groups, ())
        one, two = plan(7).block(KIND), plan(7).block(KIND)
        np.testing.assert_array_equal(one.prompt, two.prompt)
        np.testing.assert_array_equal(one.scene, two.scene)

    def test_another_kind_is_refused(self, words_set: Path) -> None:
        with pytest.raises(ValueError, match="icons"):
            GroupBlocks(read(words_set).groups, ())(7).block("icons")

    def test_words_are_found_by_name(self, words_set: Path) -> None:
        found = by_word(read(words_set).groups)
        assert {word: len(items) for word, items in found.items()} == dict.fromkeys(WORDS, 4)


class TestTrials:
    def test_every_held_out_puzzle_is_one(self, words_set: Path) -> None:
        groups = read(words_set).groups
        trials = group_trials(groups[:3], groups[3:], ("成",))
        (trial,) = trials
        assert trial.prompt.shape == (3, 64, 64, 3)
        assert trial.scene.shape == trial.reading.shape == (4, 64, 64, 3)
        assert trial.labels.tolist() == [0, -1, -1, -1]

    def test_single_pictures_are_put_together(self, tmp_path: Path) -> None:
        for at, name in enumerate("abcdefgh"):
            (tmp_path / name).mkdir()
            for number in range(2):
                picture(tmp_path / name / f"{number}.png", 10 * at + number, (30, 30))
        own = read(tmp_path)
        learned, held = own.groups[::2], own.groups[1::2]
        (trial,) = group_trials(learned, held, tuple("abcdefgh"))
        assert trial.words == tuple("abcdefg")

    def test_nothing_to_tell_apart_is_no_trial(self, words_set: Path) -> None:
        (group, *_) = read(words_set).groups
        assert group_trials((), ((group[0],),), ()) == []


class _Named:
    """A source whose blocks say where they come from."""

    def __init__(self, name: str) -> None:
        self._name = name

    def block(self, kind: str) -> Block:
        pixels = np.zeros((1, 64, 64, 3), np.uint8)
        return Block(pixels, pixels, (f"{self._name} {kind}",), np.zeros(1, np.int64))


class TestMixing:
    def test_each_kind_comes_from_its_source(self) -> None:
        source = MixedSource(_Named("own"), _Named("drawn"))
        assert source.block(KIND).words == ("own pictures",)
        assert source.block("icons").words == ("drawn icons",)

    def test_a_worker_gets_both(self) -> None:
        seeds: list[int] = []

        def maker(name: str) -> Callable[[int], _Named]:
            def make(seed: int) -> _Named:
                seeds.append(seed)
                return _Named(name)

            return make

        source = MixedBlocks(maker("own"), maker("drawn"))(4)  # type: ignore[arg-type]
        assert source.block("latin").words == ("drawn latin",)
        assert len(set(seeds)) == 2

    @pytest.mark.parametrize("blocks", [1, 2, 3, 8, 15])
    def test_half_of_a_batch_is_drawn(self, blocks: int) -> None:
        kinds = mixed_kinds(blocks)
        assert sum(kinds.values()) == max(blocks, 2)
        assert kinds[KIND] == max(1, blocks - blocks // 2)
        assert min(kinds.values()) >= 1
