import io
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from labels.puzzles import Puzzle, PuzzleSet, PuzzleWriter, read_puzzles
from training.errors import EvaluationError
from training.evaluation.evaluate import (
    OVERALL,
    as_json,
    evaluate,
    first_of_each_family,
    problems,
    summarise,
    tables,
)

A, B, C = (0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10)


def make_set(folder: Path, families: dict[str, int]) -> PuzzleSet:
    with PuzzleWriter(folder) as writer:
        Image.new("RGB", (60, 20), "white").save(folder / "0.png")
        for family, count in families.items():
            for number in range(count):
                prompt = {"image": "0.png"} if "strip" in family else {"words": ("并", "细")}
                name = f"{family}-{number}"
                writer.write(Puzzle(name, "0.png", prompt, ("并", "细"), (A, B), family=family))
    return read_puzzles(folder)


def body(*boxes, solved=True, found=(A, B, C), confidence=0.9, reason=None, total=5.0):
    return {
        "solved": solved,
        "reason": reason,
        "confidence": confidence,
        "clicks": [{"x": x1 + 5, "y": y1 + 5} for x1, y1, _, _ in boxes],
        "boxes": [{"box": list(box), "confidence": 0.8} for box in found],
        "models": {"detector": "stand-in 1"},
        "timings_ms": {"total": total},
    }


def scripted(bodies):
    """Predictions by puzzle id; everything else right."""
    return lambda puzzle, _folder: bodies.get(puzzle.id, body(A, B))


def test_summary_of_a_family(tmp_path):
    puzzles = make_set(tmp_path, {"text-strip": 10})
    bodies = {
        "text-strip-0": body(B, A, confidence=0.2),
        "text-strip-1": body(A, confidence=0.1),
        "text-strip-2": body(A, C, found=(A, C), confidence=0.3),
        "text-strip-3": body(A, B, solved=False, reason="low_confidence", confidence=0.4),
        "text-strip-4": {"status": 503, "code": "overloaded", "detail": "Busy."},
        "text-strip-5": body(A, B, total=25.0),
    }
    outcomes = evaluate([puzzles], scripted(bodies))
    (summary,) = summarise(outcomes)
    assert (summary.group, summary.n, summary.solved) == ("text-strip", 10, 5)
    assert summary.solve_rate == 0.5
    assert summary.interval == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert summary.failures == {
        "item-count": 1,
        "not-detected": 1,
        "wrong-item": 1,
        "declined": 1,
        "error": 1,
    }
    assert summary.all_found == 0.8
    assert summary.count_right == 0.8
    assert summary.service_ms == (5.0, pytest.approx(17.0))
    # 95 % of ten answers, rounded up, are all ten; the abstention's clicks are right.
    assert summary.precision_at_95_coverage == 0.6
    assert summary.coverage_at_995_precision == 0.6
    assert problems(outcomes) == {"overloaded: Busy.": 1}


def test_groups_and_all_of_them(tmp_path):
    puzzles = make_set(tmp_path, {"text-words": 3, "text-strip": 1})
    summaries = summarise(evaluate([puzzles], scripted({"text-words-2": body(B, A)})))
    assert [(s.group, s.n, s.solved) for s in summaries] == [
        ("text-words", 3, 2),
        ("text-strip", 1, 1),
        (OVERALL, 4, 3),
    ]
    assert [s.count_right for s in summaries] == [None, 1.0, 1.0]


def test_the_same_family_of_two_sets_is_kept_apart(tmp_path):
    first = make_set(tmp_path / "old", {"latin": 1, "mixed": 1})
    second = make_set(tmp_path / "new", {"latin": 1})
    groups = [s.group for s in summarise(evaluate([first, second], scripted({})))]
    assert groups == ["old: latin", "mixed", "new: latin", OVERALL]


def test_limit_is_for_each_family(tmp_path):
    puzzles = make_set(tmp_path, {"latin": 3, "mixed": 1})
    kept = first_of_each_family(puzzles, 2)
    assert [puzzle.id for puzzle in kept] == ["latin-0", "latin-1", "mixed-0"]
    assert len(evaluate([puzzles], scripted({}), limit=2)) == 3


def test_loading_is_not_measured(tmp_path):
    asked = []

    def solve(puzzle, _folder):
        asked.append(puzzle.id)
        return body(A, B)

    outcomes = evaluate([make_set(tmp_path, {"latin": 2})], solve)
    assert asked == ["latin-0", "latin-0", "latin-1"]
    assert len(outcomes) == 2


def test_nothing_to_evaluate():
    with pytest.raises(EvaluationError, match="nothing to evaluate"):
        evaluate([], scripted({}))


def test_json_has_rows_and_puzzles(tmp_path):
    puzzles = make_set(tmp_path, {"latin": 2})
    outcomes = evaluate([puzzles], scripted({"latin-1": body(B, A)}))
    result = as_json(summarise(outcomes), outcomes, solver="here")
    assert list(result) == ["solver", "models", "groups", "puzzles"]
    assert result["models"] == {"detector": "stand-in 1"}
    assert [(p["id"], p["cause"]) for p in result["puzzles"]] == [
        ("latin-0", None),
        ("latin-1", "wrong-item"),
    ]


def test_tables_fit_a_terminal_and_say_the_rates(tmp_path):
    puzzles = make_set(tmp_path, {"text-strip": 2, "latin": 2})
    outcomes = evaluate([puzzles], scripted({"latin-1": body(B, A)}))
    shown = io.StringIO()
    console = Console(file=shown, width=80)
    for table in tables(summarise(outcomes)):
        console.print(table)
    lines = shown.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in shown.getvalue()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "latin" in line]
    assert rows[:2] == [
        ["latin", "2", "50.0%", "9.5% - 90.5%", "100.0%", "-"],
        ["latin", "0", "0", "1", "0", "0"],
    ]
    assert rows[2][0] == "latin"
    assert rows[2][1] == "5.0 / 5.0"
