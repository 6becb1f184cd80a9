from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels.puzzles import Puzzle
from training.evaluation.scoring import Reply, contains, read_reply, score_reply

A, B, C, D = (0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10), (60, 0, 70, 10)
IN_A, IN_B, IN_C, IN_D, NOWHERE = (5, 5), (25, 5), (45, 5), (65, 5), (15, 5)


def words_puzzle(words="并细什", targets=(A, B, C), **more) -> Puzzle:
    return Puzzle("1", "1.png", {"words": tuple(words)}, tuple(words), tuple(targets), **more)


def image_puzzle(words="并细什", targets=(A, B, C), **more) -> Puzzle:
    return Puzzle("1", "1.png", {"image": "1.p.png"}, tuple(words), tuple(targets), **more)


def reply(*clicks, boxes=(A, B, C, D), solved=True, reason=None) -> Reply:
    return Reply(
        solved=solved,
        reason=reason,
        confidence=0.9,
        clicks=clicks,
        boxes=tuple(boxes),
        scores=(0.9,) * len(boxes),
    )


ORACLE = {
    # puzzle, reply, cause (None: solved)
    "in order": (words_puzzle(), reply(IN_A, IN_B, IN_C), None),
    "order swapped": (words_puzzle(), reply(IN_B, IN_A, IN_C), "wrong-item"),
    "a distractor": (words_puzzle(), reply(IN_A, IN_B, IN_D), "wrong-item"),
    "beside everything": (words_puzzle(), reply(IN_A, IN_B, NOWHERE), "wrong-item"),
    "twice the same": (words_puzzle(), reply(IN_A, IN_A, IN_C), "wrong-item"),
    "missing click, words": (words_puzzle(), reply(IN_A, IN_B), "wrong-item"),
    "extra click, words": (words_puzzle(), reply(IN_A, IN_B, IN_C, IN_D), "wrong-item"),
    "no click": (words_puzzle(), reply(), "wrong-item"),
    "missing click, picture": (image_puzzle(), reply(IN_A, IN_B), "item-count"),
    "extra click, picture": (image_puzzle(), reply(IN_A, IN_B, IN_C, IN_D), "item-count"),
    "empty picture": (
        image_puzzle(),
        reply(solved=False, reason="empty_prompt_image"),
        "item-count",
    ),
    "equal words, one order": (words_puzzle("并并什"), reply(IN_A, IN_B, IN_C), None),
    "equal words, the other": (words_puzzle("并并什"), reply(IN_B, IN_A, IN_C), None),
    "equal words apart": (words_puzzle("并什并"), reply(IN_C, IN_B, IN_A), None),
    "equal words, one box twice": (words_puzzle("并并什"), reply(IN_A, IN_A, IN_C), "wrong-item"),
    "equal words, other place": (words_puzzle("并并什"), reply(IN_A, IN_C, IN_B), "wrong-item"),
    "equal words, overlapping targets": (
        words_puzzle("并并", ((0, 0, 10, 10), (8, 0, 18, 10))),
        reply((9, 5), (2, 5)),
        None,
    ),
    "accept is larger": (
        words_puzzle(accept=((0, 0, 20, 10), None, None)),
        reply(NOWHERE, IN_B, IN_C),
        None,
    ),
    "accept is smaller": (
        words_puzzle(accept=((0, 0, 4, 10), None, None)),
        reply(IN_A, IN_B, IN_C, boxes=((0, 0, 4, 4), B, C)),
        "wrong-item",
    ),
    "accept does not help the others": (
        words_puzzle(accept=((0, 0, 20, 10), None, None)),
        reply(IN_A, NOWHERE, IN_C),
        "wrong-item",
    ),
    "first pixel": (words_puzzle(), reply((0, 0), IN_B, IN_C), None),
    "last pixel": (words_puzzle(), reply((9, 9), IN_B, IN_C), None),
    "end is exclusive": (words_puzzle(), reply((10, 9), IN_B, IN_C), "wrong-item"),
    "not detected": (words_puzzle(), reply(IN_A, IN_B, IN_D, boxes=(A, B, D)), "not-detected"),
    "box beside its target": (
        words_puzzle(),
        reply((12, 5), IN_B, IN_C, boxes=((8, 0, 16, 10), B, C)),
        "not-detected",
    ),
    "fewer boxes than words": (
        words_puzzle(),
        reply(IN_A, IN_B, boxes=(A, B), solved=False, reason="missed_target"),
        "not-detected",
    ),
    "fewer boxes than items found": (
        image_puzzle(),
        reply(IN_A, IN_B, IN_C, boxes=(A, B, C), solved=False, reason="missed_target"),
        "declined",
    ),
    "too many items found": (
        image_puzzle(),
        reply(IN_A, IN_C, IN_B, boxes=(A, B, C), solved=False, reason="missed_target"),
        "item-count",
    ),
    "declined, right": (
        words_puzzle(),
        reply(IN_A, IN_B, IN_C, solved=False, reason="low_confidence"),
        "declined",
    ),
    "declined, wrong": (
        words_puzzle(),
        reply(IN_B, IN_A, IN_C, solved=False, reason="ambiguous"),
        "declined",
    ),
    "problem": (words_puzzle(), Reply(problem="overloaded: busy"), "error"),
}


@pytest.mark.parametrize(("puzzle", "answer", "cause"), ORACLE.values(), ids=ORACLE.keys())
def test_oracle(puzzle, answer, cause):
    score = score_reply(puzzle, answer)
    assert score.cause == cause
    assert score.solved is (cause is None)


COUNTS = {
    # puzzle, reply, all found, count right
    "words are not counted": (words_puzzle(), reply(IN_A), True, None),
    "icons are not counted": (
        Puzzle("1", "1.png", {"icons": ("i.png",)}, ("cat",), (A,)),
        reply(IN_B),
        True,
        None,
    ),
    "picture, right": (image_puzzle(), reply(IN_C, IN_B, IN_A), True, True),
    "picture, wrong": (image_puzzle(), reply(IN_A), True, False),
    "region, right": (
        Puzzle("1", "1.png", {"region": (0, 20, 50, 30)}, ("并",), (A,)),
        reply(IN_B, boxes=(B,)),
        False,
        True,
    ),
    "missed, too few boxes to tell": (
        image_puzzle(),
        reply(IN_A, IN_B, boxes=(A, B), solved=False, reason="missed_target"),
        False,
        True,
    ),
    "problem": (image_puzzle(), Reply(problem="timeout: none"), False, False),
}


@pytest.mark.parametrize(("puzzle", "answer", "found", "count"), COUNTS.values(), ids=COUNTS.keys())
def test_found_and_counted(puzzle, answer, found, count):
    score = score_reply(puzzle, answer)
    assert (score.all_found, score.count_right) == (found, count)


def test_an_abstention_keeps_its_verdict_on_the_clicks():
    right = score_reply(words_puzzle(), reply(IN_A, IN_B, IN_C, solved=False, reason="ambiguous"))
    wrong = score_reply(words_puzzle(), reply(IN_B, IN_A, IN_C, solved=False, reason="ambiguous"))
    assert (right.correct, right.solved) == (True, False)
    assert (wrong.correct, wrong.solved) == (False, False)


@st.composite
def repeated(draw):
    """Words with repetitions, overlapping targets and clicks on a small field."""
    side = st.integers(0, 7)
    count = draw(st.integers(1, 5))
    corners = [(draw(side), draw(side)) for _ in range(count)]
    targets = tuple((x, y, x + 3, y + 3) for x, y in corners)
    words = tuple(draw(st.lists(st.sampled_from("并细"), min_size=count, max_size=count)))
    clicks = []
    for x, y in draw(st.permutations(corners)):
        clicks.append((x + draw(st.integers(0, 3)), y + draw(st.integers(0, 2))))
    return words, targets, tuple(clicks)


@given(repeated())
def test_repeated_words_against_every_order(case):
    words, targets, clicks = case
    possible = any(
        all(contains(targets[place], click) for place, click in zip(order, clicks, strict=True))
        for order in permutations(range(len(words)))
        if all(words[place] == word for place, word in zip(order, words, strict=True))
    )
    assert score_reply(words_puzzle(words, targets), reply(*clicks)).correct is possible


ANSWER = {
    "solved": True,
    "reason": None,
    "confidence": 0.981,
    "clicks": [{"x": 175, "y": 95, "box": [150, 70, 200, 120], "label": "并", "confidence": 0.99}],
    "boxes": [{"box": [150, 70, 200, 120], "confidence": 0.93}],
    "image": {"width": 344, "height": 220},
    "models": {"detector": "clickorder-detector 1.0.0"},
    "timings_ms": {"detect": 7.1, "total": 12.4},
    "request_id": "r",
}


def test_reads_the_answer_of_the_design():
    assert read_reply(ANSWER) == Reply(
        solved=True,
        confidence=0.981,
        clicks=((175.0, 95.0),),
        boxes=((150.0, 70.0, 200.0, 120.0),),
        scores=(0.93,),
        models={"detector": "clickorder-detector 1.0.0"},
        total_ms=12.4,
    )


def test_reads_a_problem():
    problem = {"status": 503, "code": "model_unavailable", "title": "T", "detail": "No model."}
    assert read_reply(problem).problem == "model_unavailable: No model."
    assert read_reply({"status": 500}).problem == "status 500: no detail"


@pytest.mark.parametrize(
    "change",
    [
        {"clicks": None},
        {"clicks": [{"x": 1}]},
        {"clicks": [{"x": "1", "y": 2}]},
        {"boxes": [{"box": [1, 2, 3], "confidence": 1.0}]},
        {"boxes": "none"},
        {"confidence": None},
        {"solved": "yes"},
        {"timings_ms": {"total": "12"}},
    ],
    ids=str,
)
def test_an_answer_that_does_not_fit_is_a_problem(change):
    assert str(read_reply(ANSWER | change).problem).startswith("bad_answer: ")
