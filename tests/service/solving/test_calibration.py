"""Calibration: Platt scaling, and files that say what is wrong with them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.solving.calibration import Calibration, CalibrationError, Calibrations, Fit

SHARES = st.floats(0.0, 1.0)


@given(SHARES)
def test_the_default_changes_nothing(share: float) -> None:
    assert Calibration().confidence(share, 1.0) == pytest.approx(share, abs=1e-6)


@given(SHARES, SHARES, st.floats(0.1, 4), st.floats(-3, 3))
def test_more_share_never_means_less_confidence(
    first: float, second: float, slope: float, bias: float
) -> None:
    calibration = Calibration(slope=slope, bias=bias)
    low, high = sorted((first, second))
    assert calibration.confidence(low, 0.9) <= calibration.confidence(high, 0.9) + 1e-12


def test_evidence_counts() -> None:
    assert Calibration().confidence(1.0, 0.5) == pytest.approx(0.5)


def test_a_bias_moves_the_logit() -> None:
    assert Calibration(slope=2, bias=1).confidence(0.5, 1.0) == pytest.approx(0.7310586)


def test_files_round_trip(tmp_path: Path) -> None:
    calibrations = Calibrations(Calibration(1.7, -6.0, 0.8, 0.3, 1.2, -0.4), Calibration(0.5))
    calibrations.save(tmp_path / "calibration.json")
    assert Calibrations.load(tmp_path / "calibration.json") == calibrations


FITS = st.lists(st.floats(-20, 5), min_size=1, max_size=6)


@given(SHARES, FITS, st.data(), st.floats(0, 3), st.floats(0, 3))
def test_a_better_fit_never_means_less_confidence(
    share: float, fits: list[float], data: st.DataObject, fit_slope: float, mean_slope: float
) -> None:
    calibration = Calibration(fit_slope=fit_slope, mean_slope=mean_slope)
    better = [fit + data.draw(st.floats(0, 10)) for fit in fits]
    low, high = (
        calibration.confidence(share, 0.9, Fit.of(np.diag(f), np.arange(len(f))))
        for f in (fits, better)
    )
    assert low <= high + 1e-12


def test_the_fit_is_that_of_the_chosen_boxes() -> None:
    scores = np.array([[-1.0, -9.0, -50.0], [-9.0, -3.0, -0.1]])
    assert Fit.of(scores, np.array([0, 1])) == Fit(-3.0, -2.0, alone=False)
    no_fit = Fit.of(scores, np.array([2, 1]))
    assert no_fit == Fit(-12.0, -7.5, alone=False), "no fit at all is all the same"
    assert Fit.of(scores[:1], np.array([0])) == Fit(-1.0, -1.0, alone=True)
    assert Fit.of(np.zeros((0, 3)), np.zeros(0, np.int64)) == Fit(0.0, 0.0, alone=False)


def test_one_item_alone_has_a_bias_of_its_own() -> None:
    calibration, fit = Calibration(alone=-1.0), Fit(0.0, 0.0, alone=True)
    assert calibration.confidence(0.5, 1.0, fit) == pytest.approx(0.2689414)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text('{"words": {"slope": 2}}', encoding="utf-8-sig")
    assert Calibrations.load(path).words.slope == 2


def test_a_known_number_of_prompt_items_round_trips(tmp_path: Path) -> None:
    calibrations = Calibrations(prompt_count=(3, 4))
    calibrations.save(tmp_path / "calibration.json")
    assert Calibrations.load(tmp_path / "calibration.json") == calibrations


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param("{", "Expecting", id="not-json"),
        pytest.param("[1]", "items", id="a-list"),
        pytest.param('{"words": {"warmth": 1}}', "warmth", id="unknown-key"),
        pytest.param('{"sounds": {}}', "sounds", id="unknown-kind"),
        pytest.param('{"words": {"slope": "steep"}}', "steep", id="no-number"),
        pytest.param('{"pictures": {"temperature": 0}}', "greater than 0", id="zero-temperature"),
        pytest.param('{"prompt_count": [4, 3]}', "prompt_count", id="count-in-the-wrong-order"),
        pytest.param('{"prompt_count": 3}', "prompt_count", id="count-is-no-pair"),
    ],
)
def test_a_bad_file_is_one_sentence(text: str, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(text)
    with pytest.raises(CalibrationError, match=r"calibration\.json") as caught:
        Calibrations.load(path)
    assert fault in str(caught.value)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="cannot be used"):
        Calibrations.load(tmp_path / "calibration.json")
