"""The curve over labels: what is learned from is never asked, and every number asks the same."""

import pytest
from rich.console import Console

from clickorder.audit import adapting
from clickorder.audit.adapting import Adapting
from clickorder.audit.attack import labelling_minutes
from labels.puzzles import read_puzzles
from service.settings import Settings


@pytest.fixture
def trained(monkeypatch, planted):
    """Puts a training in place that only says what it was asked for; bundles solve everything."""
    asked, learned = [], []

    def adapt(folder, out, options, console):
        learned.append((len(read_puzzles(folder)), options.minutes, options.test))

    class Solver(planted):
        def __init__(self, settings):
            super().__init__(fails=lambda puzzle: settings.models_dir is None)
            asked.append(self.asked)

    monkeypatch.setattr(adapting, "adapt", adapt)
    monkeypatch.setattr(adapting, "LocalSolver", Solver)
    return asked, learned


def test_the_curve(tmp_path, make_set, trained):
    asked, learned = trained
    puzzles = make_set(tmp_path / "set", 72)
    measure = Adapting(Settings(), 0.5, Console(quiet=True))
    rows = measure(puzzles, tmp_path / "out")
    # Of 72 puzzles 50 may teach, so that 22 are left; 100 cannot.
    assert [(row.labels, row.n, row.solved) for row in rows] == [
        (0, 22, 0),
        (25, 22, 22),
        (50, 22, 22),
    ]
    assert learned == [(25, 0.5, 0.0), (50, 0.5, 0.0)]
    others = {puzzle.id for puzzle in puzzles.puzzles[50:]}
    assert all(set(ids) == others for ids in asked)
    assert rows[0].work_minutes == 0
    assert rows[1].work_minutes == pytest.approx(labelling_minutes(25, 4))
    # The same again goes on with the puzzles that it wrote.
    assert [row.labels for row in measure(puzzles, tmp_path / "out")] == [0, 25, 50]


def test_too_few_puzzles_have_no_curve(tmp_path, make_set, trained):
    puzzles = make_set(tmp_path / "set", 44)
    assert Adapting(Settings(), 0.5, Console(quiet=True))(puzzles, tmp_path / "out") == []
    assert trained == ([], [])
