"""The benchmark that gives the recognisers true boxes: what it tells them, what it tells us."""

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner

from benchmarks import true_boxes
from benchmarks.hot_swap import ROOT
from benchmarks.service_process import default_sets
from benchmarks.true_boxes import Trial, TrueBoxes, report, trial
from detector.detections import Detections
from labels.puzzles import read_puzzles
from service.models.backends import load_solver, make_solver
from service.settings import Settings
from service.solving.parts import Parts

SETTINGS = Settings.model_validate({"backend": "own", "threads": 1, "workers": 1})


class Blind:
    """A detector that finds nothing."""

    name = "blind"

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, int))


def test_it_knows_one_scene_and_nothing_else() -> None:
    scene = np.random.default_rng(1).integers(0, 255, (40, 60, 3), np.uint8)
    oracle = TrueBoxes()
    assert len(oracle.detect(scene)) == 0
    oracle.show(scene, [(1, 2, 11, 12), (30, 5, 42, 20)])
    found = oracle.detect(scene)
    np.testing.assert_array_equal(found.boxes, [[1, 2, 11, 12], [30, 5, 42, 20]])
    assert found.boxes.dtype == np.float32
    np.testing.assert_array_equal(found.scores, [1, 1])
    for other in (scene[:, ::-1], scene[:20], np.zeros_like(scene)):
        assert len(oracle.detect(other)) == 0


@pytest.mark.parametrize("family", ["icon-list", "text-words"])
def test_true_boxes_solve_what_a_blind_detector_cannot(family: str) -> None:
    puzzles = next(read_puzzles(p) for p in default_sets(ROOT) if p.name == family)
    shipped = load_solver(SETTINGS).parts
    oracle = TrueBoxes()
    blind, true = (
        make_solver(Parts(one, shipped.classifier, shipped.matcher, shipped.calibrations), SETTINGS)
        for one in (Blind(), oracle)
    )
    trials = [trial(blind, true, oracle, puzzles.folder, one) for one in puzzles.puzzles[:4]]
    assert not any(one.own for one in trials)
    assert sum(one.true for one in trials) >= 3


def test_the_table_says_what_is_lost_to_boxes() -> None:
    answers = [(True, True), (False, True), (False, True), (True, False)]
    latin = [Trial("latin", own, true) for own, true in answers]
    lines = report([*latin, Trial("icon-list", own=False, true=False)]).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| `latin`", "| `icon-list`"]
    assert lines[2].startswith("| `latin` | 4 | 50.0% (")
    assert " | 75.0% (" in lines[2]
    assert lines[2].endswith("| 2 | 1 |")
    assert lines[3].endswith("| 0 | 0 |")


def test_sets_without_words_or_icons_are_declined() -> None:
    app = typer.Typer()
    app.command()(true_boxes.main)
    strips = next(path for path in default_sets(ROOT) if path.name == "text-strip")
    result = CliRunner().invoke(app, [str(strips)])
    assert result.exit_code == 2
    assert "prompt of words or icons" in result.output
