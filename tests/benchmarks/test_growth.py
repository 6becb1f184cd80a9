"""The benchmark of growth: fitted exponents, and what is reported of them."""

import pytest

from benchmarks.growth import AXES, PASSES, Curve, faults, plot, slope


def curves(power):
    return [
        Curve(
            name,
            passes,
            tuple(axis.measure(shape) for shape in axis.shapes),
            tuple(10 + 3 * axis.measure(shape) ** power for shape in axis.shapes),
        )
        for name, axis in AXES.items()
        for passes in PASSES
    ]


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_found(power):
    measures = (1.0, 2.0, 5.0, 40.0)
    assert slope(measures, [7 * m**power for m in measures]) == pytest.approx(power)


def test_constant_costs_hide_less_of_the_growth_at_the_end():
    curve = Curve("boxes", "first pass", (1, 2, 4, 8, 16), (11.0, 14.0, 26.0, 74.0, 266.0))
    assert curve.exponent < curve.last_exponent < 2


def test_what_grows_faster_than_linearly_is_told():
    assert faults(curves(1.0)) == []
    wrong = faults(curves(3.0))
    assert any("of boxes" in sentence for sentence in wrong)
    assert all("th power of" in sentence for sentence in wrong)


def test_every_axis_grows():
    for axis in AXES.values():
        measures = [axis.measure(shape) for shape in axis.shapes]
        assert measures == sorted(set(measures))
        assert all(shape.items <= shape.boxes for shape in axis.shapes)


def test_a_chart_is_drawn(tmp_path):
    plot(curves(0.7), tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
