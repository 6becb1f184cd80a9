"""What labelling costs is counted as a person would count it, on the commands' own functions."""

import json
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from typer import Typer
from typer.testing import CliRunner

from benchmarks.label_actions import main, markdown, measure, report, saved_share
from benchmarks.label_oracle import Purity, naming_costs, purity_of, review, single_cost
from detector import Detections
from labels.annotations import ITEM, LabelledBox
from labels.prelabel import Proposer
from labels.puzzle_annotations import read_puzzle_annotations
from labels.puzzles import Puzzle, write_puzzles


def box(x, y=0, label=ITEM, side=20):
    return LabelledBox(x, y, x + side, y + side, label)


FISH, BELL, OTHER = box(0, label="鱼"), box(40, label="钟"), box(80)

REVIEWS = {
    "all right": ([FISH, BELL, OTHER], [FISH, BELL, OTHER], {"kept": 2}),
    "boxes without names": ([box(0), box(40)], [FISH, BELL], {}),
    "nothing proposed": ([], [FISH, BELL, OTHER], {"drawn": 3}),
    "nothing there": ([FISH, box(40)], [], {"deleted": 2}),
    "one missing": ([box(40)], [FISH, BELL], {"drawn": 1}),
    "one on nothing": ([box(0), box(200)], [FISH], {"deleted": 1}),
    "missing, and one on nothing": ([box(200)], [FISH], {"drawn": 1, "deleted": 1}),
    "half a box over": ([box(10)], [FISH], {"adjusted": 1}),
    "an IoU of exactly a half": ([LabelledBox(0, 0, 20, 10)], [FISH], {}),
    "just below a half": ([LabelledBox(0, 0, 20, 9.9)], [FISH], {"adjusted": 1}),
    "touching is not lying on it": ([box(20)], [FISH], {"drawn": 1, "deleted": 1}),
    "two on one item": ([box(0), box(2)], [FISH], {"deleted": 1}),
    "one over two items": ([LabelledBox(0, 0, 60, 20)], [FISH, BELL], {"adjusted": 1, "drawn": 1}),
    "wrong name": ([box(0, label="钟")], [FISH], {"renamed": 1}),
    "wrong name on a bad box": ([box(10, label="钟")], [FISH], {"renamed": 1, "adjusted": 1}),
    "a name where the set has none": ([box(80, label="鱼")], [OTHER], {"unjudged": 1}),
    "a name on nothing goes with its box": ([box(200, label="鱼")], [], {"deleted": 1}),
    # The first box lies on the second item exactly, but so paired, the other is to be adjusted.
    "cheapest pairing": (
        [LabelledBox(3.3, 0, 13.3, 10), LabelledBox(6.6, 0, 16.6, 10)],
        [LabelledBox(0, 0, 10, 10), LabelledBox(3.3, 0, 13.3, 10)],
        {},
    ),
}


@pytest.mark.parametrize(
    ("proposed", "truth", "expected"), REVIEWS.values(), ids=[*map(str, REVIEWS)]
)
def test_a_review_costs_what_a_person_does(proposed, truth, expected):
    done = review(proposed, truth)
    parts = ("drawn", "deleted", "adjusted", "renamed", "kept", "unjudged")
    assert {part: getattr(done, part) for part in parts} == dict.fromkeys(parts, 0) | expected
    assert len(done.boxes) == len(done.truths) == len(truth)
    assert sorted(done.truths) == sorted(one.label for one in truth)


def test_after_a_review_names_are_right_or_open_and_bad_boxes_as_in_the_set():
    done = review([box(10, label="钟"), box(42)], [FISH, BELL, OTHER])
    assert [(one.x1, one.label) for one in done.boxes] == [(0, "鱼"), (42, ITEM), (80, ITEM)]
    assert done.truths == ("鱼", "钟", ITEM)


GROUPS = {
    "pure": ("aaaa", 1),
    "one to move": ("aaab", 2),
    "all different": ("abc", 3),
    "two of each": ("aabb", 3),
    "nothing that has a name: put aside": ("...", 1),
    "mostly without a name: put aside, the other moved": ("..a", 2),
    "one without a name is moved out": ("aa.", 2),
    "alone": ("a", 1),
}


@pytest.mark.parametrize(("group", "cost"), GROUPS.values(), ids=[*GROUPS])
def test_a_group_costs_its_name_and_each_crop_to_move(group, cost):
    shares = naming_costs([ITEM if label == "." else label for label in group])
    assert sum(shares) == pytest.approx(cost)
    assert len(shares) == len(group)


def test_who_shares_the_action_for_a_folder():
    assert naming_costs(["a", "b", "a"]) == [0.5, 1, 0.5]


def test_a_single_crop_is_named_if_it_has_a_name():
    assert (single_cost("鱼"), single_cost(ITEM)) == (1, 0)


PURITIES = {
    "pure": (["aaa", "bb"], "", Purity(2, 5, 5, 0)),
    "mixed": (["aab", "bbb"], "cd", Purity(2, 6, 5, 2)),
    "crops without a name do not count": (["aa.", "..", "."], ".a", Purity(3, 2, 2, 1)),
    "one crop alone agrees with nobody": (["a..", "b"], "", Purity(2, 0, 0, 0)),
}


@pytest.mark.parametrize(("groups", "singles", "expected"), PURITIES.values(), ids=[*PURITIES])
def test_purity_is_of_crops_with_company(groups, singles, expected):
    def names(text):
        return [ITEM if label == "." else label for label in text]

    assert purity_of([names(group) for group in groups], names(singles)) == expected


corner = st.integers(0, 60)
boxes = st.builds(
    lambda x, y, w, h, label: LabelledBox(x, y, x + w, y + h, label),
    corner, corner, st.integers(1, 50), st.integers(1, 50), st.sampled_from(["a", "b", ITEM]),
)  # fmt: skip
few = st.lists(boxes, max_size=4)


@given(st.lists(boxes, max_size=8))
def test_perfect_proposals_cost_nothing(truth):
    done = review(truth, truth)
    assert (done.box_actions, done.renamed) == (0, 0)
    named = [one for one in truth if one.label != ITEM]
    # Where items lie on the same place, which box is whose cannot be told.
    if len({one.xyxy for one in truth}) == len(truth):
        assert done.kept == len(named)


@given(st.lists(boxes, max_size=8))
def test_no_proposals_cost_what_labelling_by_hand_does(truth):
    done = review([], truth)
    assert done.box_actions == done.drawn == len(truth)
    assert all(one.label == ITEM for one in done.boxes)
    names = sum(map(single_cost, done.truths)) + done.renamed
    assert names == sum(one.label != ITEM for one in truth)


@given(few, few)
def test_no_pairing_costs_less(proposed, truth):
    """Against all ways to pair, tried one by one."""

    def cost(pairs):
        right = sum(overlap(a, b) >= 0.5 for a, b in pairs)
        return len(proposed) + len(truth) - 2 * len(pairs) + len(pairs) - right

    short, long = sorted((proposed, truth), key=len)
    ways = [
        [(a, b) for a, b in zip(short, order, strict=True) if overlap(a, b) > 0]
        for order in permutations(long, len(short))
    ]
    assert review(proposed, truth).box_actions == min(map(cost, ways))


def overlap(first, second):
    width = min(first.x2, second.x2) - max(first.x1, second.x1)
    height = min(first.y2, second.y2) - max(first.y1, second.y1)
    shared = max(width, 0) * max(height, 0)
    areas = [(one.x2 - one.x1) * (one.y2 - one.y1) for one in (first, second)]
    return shared / (sum(areas) - shared)


SHARES = {
    "all saved": ([4, 6], [0, 0], (1, 1, 1)),
    "nothing saved": ([4, 6], [4, 6], (0, 0, 0)),
    "half of every picture": ([4, 6], [2, 3], (0.5, 0.5, 0.5)),
    "more work than by hand": ([4, 4], [5, 5], (-0.25, -0.25, -0.25)),
    "nothing to do by hand": ([0, 0], [1, 1], (0, 0, 0)),
    "one picture of two": ([1, 1], [0, 1], (0.5, 0, 1)),
}


@pytest.mark.parametrize(("hand", "tools", "expected"), SHARES.values(), ids=[*SHARES])
def test_the_share_saved_and_its_interval(hand, tools, expected):
    found = saved_share(np.array(hand, float), np.array(tools, float))
    assert found == pytest.approx(expected)


# All the way, on the functions behind the commands.

COLOURS = {"red": (220, 20, 20), "green": (20, 220, 20), ITEM: (20, 20, 220)}


@pytest.fixture
def squares(tmp_path):
    """Two pictures, each with a red, a green and a blue square; the blue one has no name."""
    rows = {"a": {"red": 5, "green": 45, ITEM: 85}, "b": {"green": 10, "red": 50, ITEM: 90}}
    puzzles = []
    for number, (name, places) in enumerate(rows.items()):
        picture = Image.new("RGB", (140, 40), (240, 240, 240 - number))
        for kind, x in places.items():
            shade = tuple(value + number for value in COLOURS[kind])
            ImageDraw.Draw(picture).rectangle((x, 8, x + 23, 31), fill=shade)
        picture.save(tmp_path / f"{name}.png")
        corners = {kind: (x, 8, x + 24, 32) for kind, x in places.items()}
        blue = corners.pop(ITEM)
        words = tuple(corners)
        puzzles.append(
            Puzzle(name, f"{name}.png", {"words": words}, words, tuple(corners.values()), (blue,))
        )
    write_puzzles(tmp_path, puzzles)
    return tmp_path


class Finder:
    """A detector that finds what was asked of it, whatever the picture."""

    name = "finder"

    def __init__(self, *found):
        self._found = list(found)

    def detect(self, _image):
        corners = np.array(self._found.pop(0), np.float32).reshape(-1, 4)
        return Detections(
            corners, np.full(len(corners), 0.9, np.float32), np.zeros(len(corners), int)
        )


def colour(crops):
    """What is in the middle of each crop."""
    return np.array([crop[crop.shape[0] // 2, crop.shape[1] // 2] for crop in crops], np.float32)


def measured(folder, *found, embed=colour):
    pictures = read_puzzle_annotations(folder).pictures
    finder = Finder(*found)

    def proposer(names):
        return Proposer(finder, None, names)

    return measure("squares", pictures, proposer, embed, folder=folder, known_names=False)


def everything(folder):
    return [[one.xyxy for one in p.boxes] for p in read_puzzle_annotations(folder).pictures]


def test_all_boxes_found_and_grouped_by_kind(squares):
    before = {path.name: path.read_bytes() for path in squares.iterdir()}
    done = measured(squares, *everything(squares))
    assert {path.name: path.read_bytes() for path in squares.iterdir()} == before
    (row,) = report([done])
    hundred = row["per_100_pictures"]
    assert hundred["by_hand"] == {"boxes": 300, "names": 200}
    # Two colours to name, and the blue ones to put aside: three actions for two pictures.
    assert hundred["with_tools"] == {"boxes": 0, "names": 150}
    assert row["saved"]["all"][0] == pytest.approx(1 - 150 / 500)
    assert row["groups"] == {"groups": 3, "together": 4, "agreeing": 4, "single": 0}


def test_nothing_found_and_nothing_alike_is_labelling_by_hand(squares):
    def unlike(crops):
        return np.eye(len(crops), dtype=np.float32)

    (row,) = report([measured(squares, [], [], embed=unlike)])
    hundred = row["per_100_pictures"]
    assert hundred["by_hand"] == hundred["with_tools"]
    assert row["saved"]["all"] == (0, 0, 0)
    assert row["groups"]["single"] == 4


def test_all_taken_for_one_kind(squares):
    def same(crops):
        return np.ones((len(crops), 2), np.float32)

    (row,) = report([measured(squares, *everything(squares), embed=same)])
    # Six crops in one group: its name, and four that are something else.
    assert row["per_100_pictures"]["with_tools"]["names"] == 250
    assert row["groups"] == {"groups": 1, "together": 4, "agreeing": 2, "single": 0}


def test_boxes_drawn_in_the_review_are_grouped_too(squares):
    first, second = everything(squares)
    (row,) = report([measured(squares, first[:1], [*second, (110, 0, 139, 7)])])
    assert row["counts"]["drawn"] == 2
    assert row["counts"]["deleted"] == 1
    assert row["per_100_pictures"]["with_tools"] == {"boxes": 150, "names": 150}


def test_several_families_have_a_row_of_all(squares):
    one = measured(squares, *everything(squares))
    rows = report([one, one])
    assert [(row["family"], row["pictures"]) for row in rows] == [
        ("squares", 2), ("squares", 2), ("all", 4)
    ]  # fmt: skip
    assert rows[2]["per_100_pictures"] == rows[0]["per_100_pictures"]
    lines = markdown(rows).splitlines()
    assert len(lines) == 5
    assert len({line.count("|") for line in lines}) == 1
    assert "300 + 200 = 500 | 0 + 150 = 150 | 70 %" in lines[2]


def command():
    app = Typer()
    app.command()(main)
    return app


def test_the_command_with_the_shipped_models(tmp_path, pytestconfig):
    family = pytestconfig.rootpath / "benchmarks" / "puzzles" / "composite"
    file = tmp_path / "actions.json"
    arguments = [str(family), "--limit", "3", "--json", str(file)]
    done = CliRunner().invoke(command(), arguments)
    assert done.exit_code == 0, done.output
    assert "| `composite` (3) |" in done.output
    (row,) = json.loads(file.read_text())["rows"]
    lines = (family / "puzzles.jsonl").read_text().splitlines()[:3]
    items = [json.loads(line) for line in lines]
    targets = sum(len(one["targets"]) for one in items)
    # Those in the prompt are boxes as well, and their order tells their names.
    prompts = sum(len(one["meta"]["prompt_boxes"]) for one in items)
    others = sum(len(one["distractors"]) for one in items)
    by_hand = row["per_100_pictures"]["by_hand"]
    assert by_hand["boxes"] == pytest.approx((targets + prompts + others) / 0.03)
    assert by_hand["names"] == pytest.approx((targets + prompts) / 0.03)
    # The shipped detector is better than none.
    assert row["per_100_pictures"]["with_tools"]["boxes"] < by_hand["boxes"]


def test_what_is_no_puzzle_set_is_told_in_a_sentence(tmp_path):
    done = CliRunner().invoke(command(), [str(tmp_path)])
    assert done.exit_code == 2
    assert "label_actions: " in done.output
    assert "Traceback" not in done.output
