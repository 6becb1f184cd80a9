"""The property that was planted as the cause of failures is found, with its direction."""

from itertools import pairwise

import numpy as np
import pytest

from clickorder.audit.explanation import explain, thirds, varying

NAMES = ("size", "contrast", "texture")


def planted(n: int, log_odds: float, seed: int = 3):
    """Rows in which contrast alone decides, and whether each failed."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 3))
    chance = 1 / (1 + np.exp(-log_odds * values[:, 1]))
    rows = [dict(zip(NAMES, (30 + v[0], 40 + 9 * v[1], 5 + v[2]), strict=True)) for v in values]
    return rows, (rng.random(n) < chance).tolist()


@pytest.mark.parametrize("log_odds", [2.0, -2.0], ids=["more-fails", "less-fails"])
def test_the_planted_cause_is_found(log_odds):
    rows, failed = planted(300, log_odds)
    found = explain(rows, failed, NAMES)
    first, *others = found.effects
    assert first.name == "contrast"
    assert np.sign(first.log_odds) == np.sign(log_odds)
    assert first.is_certain
    assert first.deviation == pytest.approx(9, rel=0.15)
    assert all(abs(effect.log_odds) < 0.5 for effect in others)
    assert found.auc > 0.75


def test_chance_explains_nothing():
    rows, failed = planted(300, 0.0)
    found = explain(rows, failed, NAMES)
    assert 0.35 < found.auc < 0.65
    assert all(abs(effect.log_odds) < 0.5 for effect in found.effects)


@pytest.mark.parametrize(
    ("failed", "rows"),
    [
        pytest.param([True] * 7 + [False] * 93, None, id="too-few-failures"),
        pytest.param([False] * 7 + [True] * 93, None, id="too-few-solved"),
        pytest.param([True, False] * 50, [{"size": 3.0}] * 100, id="nothing-differs"),
        pytest.param([True, False] * 50, [{}] * 100, id="nothing-measured"),
    ],
)
def test_nothing_is_explained_by_too_little(failed, rows):
    known, _ = planted(100, 1.0)
    assert explain(rows or known, failed, NAMES) is None


def test_a_property_that_some_rows_lack_is_left_out():
    rows = [{"size": 1.0, "contrast": 2.0}, {"size": 2.0}]
    assert varying(rows, ("size", "contrast")) == ["size"]


def test_thirds_have_every_puzzle_once_and_keep_ties_together():
    rows = [{"size": float(value)} for value in (1, 1, 1, 1, 2, 3, 4, 5, 6)]
    failed = [True, False, False, False, True, True, False, True, True]
    parts = thirds(rows, failed, "size")
    assert sum(part.n for part in parts) == 9
    assert (parts[0].low, parts[0].high, parts[0].n, parts[0].solved) == (1, 1, 4, 3)
    assert all(a.high < b.low for a, b in pairwise(parts))
    assert len(thirds([{"size": 1.0}] * 5, [True] * 5, "size")) == 1
