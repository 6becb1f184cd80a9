import json
from pathlib import Path

import pytest

from training.core.run_folder import RunError, RunFolder, code_revision


def test_a_new_run_keeps_its_settings(tmp_path: Path) -> None:
    run = RunFolder.start(tmp_path / "run", {"steps": 5, "name": "并"}, resume=False)
    assert run.config() == {"steps": 5, "name": "并"}
    assert run.metrics() == []


def test_a_run_is_not_overwritten(tmp_path: Path) -> None:
    run = RunFolder.start(tmp_path, {}, resume=False)
    run.last.write_bytes(b"checkpoint")
    with pytest.raises(RunError, match="--resume"):
        RunFolder.start(tmp_path, {}, resume=False)
    RunFolder.start(tmp_path, {"steps": 9}, resume=True)
    assert run.config() == {"steps": 9}


def test_nothing_is_there_to_resume(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no checkpoint to resume"):
        RunFolder.start(tmp_path, {}, resume=True)


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run folder"):
        RunFolder(tmp_path).config()


def test_metrics_survive_a_torn_line_and_are_rewound(tmp_path: Path) -> None:
    run = RunFolder.start(tmp_path, {}, resume=False)
    for step in (1, 2, 3):
        run.log(step, loss=step / 2, bad=float("nan"))
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')
    assert [row["step"] for row in run.metrics()] == [1, 2, 3]
    assert run.metrics()[0] == {"step": 1, "loss": 0.5, "bad": None}
    run.rewind(2)
    assert [row["step"] for row in run.metrics()] == [1, 2]
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]


def test_the_revision_outside_a_checkout_is_unknown(tmp_path: Path) -> None:
    assert code_revision(tmp_path) == "unknown"


def test_curves_are_drawn_for_what_was_measured(tmp_path: Path) -> None:
    run = RunFolder.start(tmp_path, {}, resume=False)
    assert run.draw_curves({"loss": ("loss",)}) is None
    run.log(1, loss=2.0)
    run.log(2, loss=1.0)
    drawn = run.draw_curves({"loss": ("loss",), "nothing": ("never",)})
    assert drawn is not None
    assert drawn.stat().st_size > 1000
