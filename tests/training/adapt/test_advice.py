"""What to label next, from records made for each case."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels.puzzles import Puzzle
from training.adapt.advice import advise, missed, mixed_up, number_of, percent, quoted
from training.adapt.record import Adaptation, Compared, Share, Stage
from training.evaluation.evaluate import Outcome
from training.evaluation.scoring import Reply, score_reply

A, B, C = (0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10)
FOLDER = Path("pictures")
STAGES = tuple(
    Stage(role, 1.0, 100, 0, kept=True, why="w", run=Path(role)) for role in ("detector", "matcher")
)
RECORD = Adaptation(
    folder=FOLDER,
    bundle=Path("bundle"),
    kind="boxes",
    parts={"train": 8000, "validation": 1000, "test": 1000},
    faults=(),
    compared=(Compared("solved", Share(800, 1000), Share(990, 1000)),),
    stages=STAGES,
    outcomes=(),
    class_counts={"cat": 9, "dog": 5},
    unlabelled=(),
    seconds=1.0,
    hardware="h",
    versions={},
    notes=(),
)


def middle(box):
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def outcome(name="p.png", *, words=("cat", "dog"), prompt=None, **reply):
    """Targets at A and B, a distractor at C; without more it is solved."""
    given_reply = Reply(
        **{
            "solved": True,
            "confidence": 0.5,
            "clicks": (middle(A), middle(B)),
            "boxes": (A, B, C),
            "scores": (0.9, 0.9, 0.9),
            **reply,
        }
    )
    puzzle = Puzzle(name, name, prompt or {"words": words}, words, (A, B), (C,))
    return Outcome("g", puzzle, FOLDER, given_reply, score_reply(puzzle, given_reply), 1.0)


SOLVED = outcome()
SWAPPED = {"clicks": (middle(B), middle(A))}
LOST = {"boxes": (A, C), "scores": (0.9, 0.9), "clicks": (middle(A), middle(C))}
STRIP = {"prompt": {"image": "strip.png"}, "clicks": (middle(A),)}
DECLINED = {"solved": False, "reason": "ambiguous"}
BROKEN = {"problem": "bad_picture: No picture.", "solved": False, "clicks": (), "boxes": ()}
BROKEN["scores"] = ()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"outcomes": (SOLVED,)}, ["Nothing failed"], id="nothing failed"),
        pytest.param({}, [], id="nothing to say"),
        pytest.param(
            {"outcomes": (SOLVED, outcome("x.png", **LOST), outcome("y.png", **LOST))},
            ["2 of 3 held-back pictures", 'find an item ("dog" 2 times)', "x.png, y.png"],
            id="not detected",
        ),
        pytest.param(
            {"outcomes": (outcome(**STRIP),)},
            ["1 of 1 held-back picture ", "counted wrong", "strip.png", "prompt_boxes"],
            id="item count",
        ),
        pytest.param(
            {"outcomes": (outcome(prompt={"region": (0, 20, 9, 29)}, clicks=(middle(A),)),)},
            ["counted wrong", "prompts like p.png"],
            id="item count in a region",
        ),
        pytest.param(
            {"outcomes": (SOLVED, outcome(**SWAPPED))},
            ['it took "dog" for "cat", "cat" for "dog"', '"dog" (5), "cat" (9)'],
            id="wrong item",
        ),
        pytest.param(
            {"outcomes": (outcome(clicks=(middle(C), middle(B))),), "class_counts": {"dog": 7}},
            ['it took another item for "cat"', "what is confused."],
            id="an item without a name",
        ),
        pytest.param(
            {"outcomes": (outcome("d.png", **DECLINED),)},
            ["declined", "right in 1 of them", "like d.png"],
            id="declined though right",
        ),
        pytest.param(
            {"outcomes": (outcome("d.png", **DECLINED, **SWAPPED),)},
            ["declined to answer: label more pictures like d.png"],
            id="declined and wrong",
        ),
        pytest.param(
            {"outcomes": (outcome(**BROKEN),)},
            ['no answer at all ("bad_picture: No picture.")', "labels do not help"],
            id="no answer",
        ),
        pytest.param(
            {"class_counts": {"cat": 9, "rare": 4, "lone": 1}},
            ['2 of 3 classes have fewer than 5 examples: "lone" (1), "rare" (4);'],
            id="scarce classes",
        ),
        pytest.param(
            {"class_counts": {f"c{n:02}": 1 for n in range(14)}},
            ['"c09" (1) and 4 more;'],
            id="many scarce classes",
        ),
        pytest.param(
            {"unlabelled": tuple(FOLDER / "new" / f"{n}.png" for n in range(12))},
            ["12 pictures have no labels", "prelabel", "new/0.png, ", "new/9.png and 2 more."],
            id="unlabelled",
        ),
        pytest.param(
            {"unlabelled": (Path("/else/z.png"),), "kind": "classes"},
            ["1 picture has no labels yet; label next, in this order: /else/z.png."],
            id="unlabelled elsewhere",
        ),
        pytest.param({"faults": ("a", "b")}, ["2 faults", "--fix"], id="faults"),
        pytest.param(
            {"stages": STAGES[:1]}, ["The matcher was not trained", "name the boxes"], id="no names"
        ),
        pytest.param(
            {"stages": STAGES[1:]},
            ["The detector was not trained", "draw boxes"],
            id="no boxes",
        ),
        pytest.param(
            {"stages": (STAGES[0], replace(STAGES[1], kept=False, why="3 lost"))},
            ["trained matcher is not in the bundle (3 lost)"],
            id="not taken",
        ),
        pytest.param({"compared": ()}, ["Nothing was held back"], id="nothing compared"),
        pytest.param(
            {"compared": (Compared("solved", Share(0, 0), Share(0, 0)),)},
            ["Nothing was held back"],
            id="compared on nothing",
        ),
        pytest.param(
            {
                "compared": (Compared("solved", Share(4, 20), Share(10, 20)),),
                "parts": {"train": 80, "validation": 20, "test": 20},
            },
            ["by these 20", "from 30 % to 70 %", "stays at 50 %", "about 390", "With 20 of 120"],
            id="too few",
        ),
    ],
)
def test_advice(changed, said):
    told = advise(replace(RECORD, **changed))
    assert len(told) == bool(said)
    assert all(part in told[0] for part in said), told


def test_nothing_is_said_of_totals_where_items_were_counted_and_not_pictures():
    (told,) = advise(replace(RECORD, compared=(Compared("named", Share(1, 20), Share(10, 20)),)))
    assert "Hold back more" in told
    assert "in all" not in told


def test_the_most_frequent_cause_comes_first_but_for_missing_answers():
    many = (*[outcome(**LOST)] * 2, *[outcome(**SWAPPED)] * 3, outcome(**BROKEN))
    told = advise(replace(RECORD, outcomes=many, faults=("f",), unlabelled=(Path("u.png"),)))
    begins = ["no answer at all", "wrong item was clicked", "did not find", "no labels", "1 fault"]
    assert [part for sentence in told for part in begins if part in sentence] == begins


@pytest.mark.parametrize(
    ("reply", "words", "pairs"),
    [
        pytest.param({}, ("cat", "dog"), (), id="right"),
        pytest.param(SWAPPED, ("cat", "dog"), (("cat", "dog"), ("dog", "cat")), id="swapped"),
        pytest.param(SWAPPED, ("cat", "cat"), (), id="the same word is the same"),
        pytest.param(
            {"clicks": (middle(C), (99, 99))},
            ("cat", "dog"),
            (("cat", None), ("dog", None)),
            id="elsewhere",
        ),
        pytest.param({"clicks": (middle(B),)}, ("cat", "dog"), (), id="too few clicks"),
    ],
)
def test_what_was_taken_for_what(reply, words, pairs):
    assert mixed_up(outcome(words=words, **reply)) == pairs


def test_missed_words_count_by_the_area_of_clicks():
    lost = outcome(**LOST)
    assert missed(lost) == ("dog",)
    wider = replace(lost.puzzle, accept=(None, (20, 0, 50, 10)))
    assert missed(replace(lost, puzzle=wider)) == ()


@pytest.mark.parametrize(
    ("rate", "told"),
    [
        (0.0, "0 %"),
        (0.0001, "0.1 %"),
        (0.004, "0.4 %"),
        (0.93, "93 %"),
        (0.997, "99.7 %"),
        (0.9999, "99.9 %"),
        (1.0, "100 %"),
    ],
)
def test_percent_is_honest_at_the_ends(rate, told):
    assert percent(rate) == told


@pytest.mark.parametrize(
    ("count", "thing", "told"),
    [(1, "class", "1 class"), (2, "class", "2 classes"), (1200, "picture", "1,200 pictures")],
)
def test_numbers_of_things(count, thing, told):
    assert number_of(count, thing) == told


@given(st.text())
def test_a_quoted_word_is_short_and_on_one_line(word):
    told = quoted(word)
    assert told.isprintable()
    assert len(told) <= 65
    assert len(told.splitlines()) == 1


def test_directions_are_not_turned_by_a_name():
    assert quoted("a\u202eb\nc") == '"a\ufffdb\ufffdc"'
