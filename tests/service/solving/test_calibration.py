"""Calibration: Platt scaling, and files that say what is wrong with them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.solving.calibration import (
    Calibration,
    CalibrationError,
    Calibrations,
    ConfidenceInputs,
)
from service.solving.matching import Assignment
from service.solving.tta import FIRST_PASS, SECOND_PASS

SHARES = st.floats(0.0, 1.0)


def inputs(share=1.0, seen=(1.0,), scores=None):
    """Those of as many items as were seen, each on the box of its own number."""
    seen = np.array(seen)
    scores = np.zeros((len(seen), len(seen))) if scores is None else np.array(scores, float)
    result = Assignment(np.arange(len(seen)), share, np.ones(len(seen)))
    return ConfidenceInputs.of(result, scores, np.zeros(scores.shape[1]), seen)


@given(SHARES)
def test_the_default_changes_nothing(share: float) -> None:
    assert Calibration().confidence(inputs(share)) == pytest.approx(share, abs=1e-6)


@given(SHARES, SHARES, st.floats(0, 4), st.floats(0, 4), st.floats(-3, 3))
def test_more_share_never_means_less_confidence(
    first: float, second: float, slope: float, share_slope: float, bias: float
) -> None:
    calibration = Calibration(slope=slope, share_slope=share_slope, bias=bias)
    low, high = (calibration.confidence(inputs(s, [0.9])) for s in sorted((first, second)))
    assert low <= high + 1e-12


def test_what_the_detector_saw_counts() -> None:
    assert Calibration().confidence(inputs(1.0, [0.5])) == pytest.approx(0.5)


def test_a_bias_moves_the_logit() -> None:
    assert Calibration(slope=2, bias=1).confidence(inputs(0.5)) == pytest.approx(0.7310586)


def test_a_second_scaling_is_applied_to_the_first() -> None:
    calibration = Calibration(slope=2, bias=1, own_slope=0.5, own_bias=-0.5)
    # The logit of one half is 0: 0.5 * (2 * 0 + 1) - 0.5.
    assert calibration.confidence(inputs(0.5)) == pytest.approx(0.5)
    assert calibration.confidence(inputs(0.8)) == pytest.approx(0.8)


@given(SHARES, st.floats(0, 4), st.floats(-3, 3), st.floats(0.05, 5), st.floats(-6, 6))
def test_where_an_item_may_be_absent_the_confidence_stays_below_one_half(
    share: float, slope: float, bias: float, own_slope: float, present_from: float
) -> None:
    free = Calibration(slope=slope, bias=bias, own_slope=own_slope, own_bias=0.7)
    bound = replace(free, present_from=present_from)
    given_ = inputs(share, [0.9])
    logit = bias + slope * given_.raw
    assert bound.certainty(given_) == free.confidence(given_), "a second pass finds no absent item"
    if logit < present_from:
        assert bound.confidence(given_) == min(free.confidence(given_), 0.49)
    else:
        assert bound.confidence(given_) == free.confidence(given_)


def test_files_round_trip(tmp_path: Path) -> None:
    calibrations = Calibrations(
        Calibration(1.7, -6.0, 0.8, 0.3, 1.2, -0.4), Calibration(0.5), icons=Calibration(0.7)
    )
    calibrations = replace(calibrations, icons_closely=calibrations.icons)
    calibrations.save(tmp_path / "calibration.json")
    assert Calibrations.load(tmp_path / "calibration.json") == calibrations


FITS = st.lists(st.floats(-20, 0), min_size=1, max_size=6)
SLOPES = st.floats(0, 3)


@given(SHARES, FITS, st.data(), st.lists(SLOPES, min_size=4, max_size=4))
def test_a_better_fit_never_means_less_confidence(
    share: float, fits: list[float], data: st.DataObject, slopes: list[float]
) -> None:
    names = ("fit_slope", "mean_slope", "worst_slope", "average_slope")
    calibration = Calibration(**dict(zip(names, slopes, strict=True)))
    better = [fit * data.draw(st.floats(0, 1)) for fit in fits]
    low, high = (
        calibration.confidence(inputs(share, [0.9] * len(f), np.diag(f))) for f in (fits, better)
    )
    assert low <= high + 1e-12


def test_the_inputs_are_those_of_the_chosen_boxes() -> None:
    scores = np.log([[0.5, 1e-4, 1e-30], [1e-4, 0.2, 0.9]])
    found = ConfidenceInputs.of(
        Assignment(np.array([0, 1]), 0.75, np.ones(2)),
        scores + np.log([0.8, 0.5, 1.0]),
        np.log([0.8, 0.5, 1.0]),
        np.array([0.8, 0.5, 1.0], np.float32),
    )
    assert found.raw == pytest.approx(np.log(0.3 / 0.7)), "0.75 * 0.8 * 0.5"
    assert found.share == pytest.approx(np.log(3))
    assert (found.detection, found.faintest) == pytest.approx((np.log(0.4), np.log(0.5)))
    assert found.worst_fit == pytest.approx(np.log(0.1)), "the detector's doubt included"
    assert found.mean_fit == pytest.approx(np.log([0.4, 0.1]).mean())
    assert found.worst == pytest.approx(np.log(0.2 / 0.8)), "the detector apart"
    assert found.mean == pytest.approx((0 + np.log(0.25)) / 2)
    assert (found.boxes, found.items, found.alone) == (pytest.approx(np.log(3)), 2, 0)


@pytest.mark.parametrize(
    ("share", "logit"),
    [(0.75, np.log(3) - 9), (0.2, np.log(0.25) - 9), (1.0, 0.0)],
    ids=["likelier", "unlikelier", "no-other"],
)
def test_the_cut_of_a_prompt_picture_may_be_doubtful(share: float, logit: float) -> None:
    result = Assignment(np.array([0]), 1.0, np.ones(1))
    found = ConfidenceInputs.of(result, np.zeros((1, 1)), np.zeros(1), np.ones(1), share)
    assert found.cut == pytest.approx(logit)
    doubtful = Calibration(slope=0, cut_slope=0.2)
    assert doubtful.confidence(found) == pytest.approx(1 / (1 + np.exp(-0.2 * logit)))


def test_no_fit_at_all_is_all_the_same() -> None:
    found = inputs(scores=[[-50.0]])
    assert (found.worst_fit, found.worst, found.alone) == (-12, -12, 1)
    assert inputs(scores=[[0.0]]).worst == 9, "and so is a perfect one"


def test_one_item_alone_has_a_bias_of_its_own() -> None:
    calibration = Calibration(alone=-1.0)
    assert calibration.confidence(inputs(0.5)) == pytest.approx(0.2689414)
    assert calibration.confidence(inputs(0.5, [1.0, 1.0])) == pytest.approx(0.5)


def test_the_fit_is_that_of_the_chosen_boxes() -> None:
    scores = np.array([[-1.0, -9.0, -50.0], [-9.0, -3.0, -0.1]])

    def fit(rows: list[int], boxes: list[int]) -> tuple[float, float, float]:
        result = Assignment(np.array(boxes), 1.0, np.ones(len(boxes)))
        found = ConfidenceInputs.of(result, scores[rows], np.zeros(3), np.ones(3))
        return found.worst_fit, found.mean_fit, found.alone

    assert fit([0, 1], [0, 1]) == (-3.0, -2.0, 0)
    assert fit([0, 1], [2, 1]) == (-12.0, -7.5, 0), "no fit at all is all the same"
    assert fit([0], [0]) == (-1.0, -1.0, 1)


def test_icons_have_a_calibration_of_their_own_or_that_of_pictures() -> None:
    pictures, closely, icons = (Calibration(bias=bias) for bias in (1.0, 2.0, 3.0))
    shared = Calibrations(pictures=pictures, pictures_closely=closely)
    assert shared.of("icons", FIRST_PASS) == pictures
    assert shared.of("icons", SECOND_PASS) == closely
    assert replace(shared, icons=icons).of("icons", FIRST_PASS) == icons
    assert replace(shared, icons=icons).of("pictures", FIRST_PASS) == pictures


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
