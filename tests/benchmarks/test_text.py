"""The benchmark of text readers: its pictures, its table, its small set."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import text
from training.text.synthetic import BENCHMARK, TRAINING


def line(task: str, right: int = 9930) -> text.Line:
    return text.Line(task, right, 10_000, 0.99, 0.995, 2.5, 2.4, 1.4, task, "machine")


def test_the_same_pictures_are_drawn_every_time_and_others_for_training() -> None:
    task = text.TASKS["digits4"]
    first, second, other = (
        list(text.drawn(task, purpose, 1, 4)) for purpose in (BENCHMARK, BENCHMARK, TRAINING)
    )
    for a, b in zip(first, second, strict=True):
        assert a.text == b.text
        np.testing.assert_array_equal(a.picture, b.picture)
    assert [a.text for a in first] != [a.text for a in other]
    assert {one.picture.shape for one in first} == {(60, 160, 3)}


@pytest.mark.parametrize("name", text.TASKS)
def test_a_task_draws_what_it_says(name: str) -> None:
    task = text.TASKS[name]
    drawn = list(text.drawn(task, BENCHMARK, 0, 12))
    assert set("".join(one.text for one in drawn)) <= set(text.characters(task))
    assert all(task.lengths[0] <= len(one.text) <= task.lengths[1] for one in drawn)


def test_the_table_has_the_tasks_in_their_order() -> None:
    shown = text.table({"digits4": line("digits4"), "upper4-ctc": line("upper4-ctc")}).splitlines()
    assert len(shown) == 4
    assert "99.57 % (PyTorch)" in shown[2]
    assert "**99.30%**" in shown[3]


def test_an_interrupted_drawing_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "SMALL", 5)
    task = text.TASKS["small"]
    folder = text.draw_small(task, tmp_path / "small")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(before) == 5
    next(folder.iterdir()).unlink()
    text.draw_small(task, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_what_was_measured_before_stays(tmp_path: Path) -> None:
    import json

    kept = line("digits4")
    slots = {slot: getattr(kept, slot) for slot in text.Line.__slots__}
    (tmp_path / "results.json").write_text(json.dumps({"tasks": [slots]}))
    assert text.read_lines(tmp_path / "results.json") == {"digits4": kept}
    assert replace(kept, right=1) != kept
    assert text.read_lines(tmp_path / "absent.json") == {}


def test_an_unknown_task_is_refused(tmp_path: Path) -> None:
    import typer

    app = typer.Typer()
    app.command()(text.main)
    result = CliRunner().invoke(app, ["--task", "upper5", "--runs", str(tmp_path)])
    assert result.exit_code == 2
    assert "upper5 is no task" in result.output
