import pytest
from typer.testing import CliRunner

from benchmarks.scale import Measured, app, core_hours_of_a_million, need

MEASURED = Measured(
    40, 2, memory_mib=256, bytes_in=15_000, gateway_per_s=500, utilisation=0.5, workers=2
)


def test_what_a_load_needs():
    # A core at half its time: 10 solves a second.
    found = need(1000, MEASURED)
    assert (found.cores, found.replicas, found.gateways) == (100, 50, 2)
    assert found.memory_gib == pytest.approx(12.5)
    assert found.gbit_in == pytest.approx(0.12)
    assert need(1001, MEASURED).replicas == 51
    assert need(2000, MEASURED).cores == 2 * found.cores


def test_core_hours_of_a_million_are_those_of_a_load_that_lasts():
    seconds = 1e6 / 1000
    assert core_hours_of_a_million(MEASURED) == pytest.approx(
        need(1000, MEASURED).cores * seconds / 3600
    )


def test_the_command_prices_a_million():
    options = ["--solves-per-s", "40", "--cores", "2", "--utilisation", "0.5"]
    result = CliRunner().invoke(app, [*options, "--core-hour-price", "0.36"])
    assert result.exit_code == 0
    assert "27.78 core hours, 10.00 in money" in result.output
