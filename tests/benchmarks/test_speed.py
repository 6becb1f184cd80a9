"""The benchmark of speed: what it makes of times, and a moment of it over real HTTP."""

import numpy as np
import pytest

from benchmarks.hot_swap import ROOT
from benchmarks.peers import Measured
from benchmarks.service_process import default_sets
from benchmarks.speed import CLIENTS, PROFILES, ROWS, latencies, over_http
from benchmarks.speed_results import (
    Footprint,
    Spread,
    Throughput,
    cost_per_million,
    median_interval,
    tables,
)
from labels.puzzles import read_puzzles


def asked(*families, each=2):
    folders = [folder for folder in default_sets(ROOT) if folder.name in families]
    read = [read_puzzles(folder) for folder in folders]
    return [(puzzle, one.folder) for one in read for puzzle in one.puzzles[:each]]


def right(puzzle):
    clicks = [{"x": (a + c) // 2, "y": (b + d) // 2} for a, b, c, d in puzzle.targets]
    return {"solved": True, "confidence": 1.0, "clicks": clicks, "boxes": []}


def test_times_are_compared_puzzle_by_puzzle():
    puzzles = asked("text-words", "icon-list")
    assert [puzzle.kind for puzzle, _ in puzzles] == ["icons", "icons", "words", "words"]
    slow, fast = ROWS[0], ROWS[-1]
    nothing = {"solved": False, "confidence": 0.0, "clicks": [], "boxes": []}
    measured = [
        Measured(slow, [nothing] * 8, [90, 100, 20, 40, 90, 100, 20, 40], 0, 0),
        Measured(fast, [right(p) for p, _ in puzzles] * 2, [9, 10, 10, 10, 9, 10, 10, 30], 0, 0),
    ]
    by_name = {(one.row, one.group): one for one in latencies(measured, puzzles, rounds=2)}
    words, all_ = (by_name[fast.name, group] for group in ("words", "all"))
    assert (words.puzzles, all_.puzzles) == (2, 4)
    assert words.speed == pytest.approx((20 / 10 + 40 / 20) / 2)
    assert words.p50_ms == Spread(10, 15, 20)
    assert all_.speed == pytest.approx((2 + 10) / 2)
    assert all_.solve_rate == 1
    assert by_name[slow.name, "all"].speed == 1
    assert by_name[slow.name, "all"].solve_rate == 0


def test_the_interval_of_a_median_covers_it_and_narrows():
    values = np.random.default_rng(3).lognormal(0, 0.5, 400)
    few, many = median_interval(values[:20]), median_interval(values)
    for low, high in (few, many):
        assert low <= 1.0 <= high
    assert many[1] - many[0] < few[1] - few[0]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([3.14159] * 2, "3.14"),
        ([9, 10, 12], "10.0 (9.0 to 12.0)"),
        ([900, 1234], "1067 (900 to 1234)"),
    ],
)
def test_a_spread_is_shown_to_three_digits(values, shown):
    assert str(Spread.of(values)) == shown


def test_a_million_costs_the_core_hours_it_takes():
    # 100 a second are a million in 10,000 s, on four cores 11.1 core hours.
    assert cost_per_million(100, cores=4, price_per_core_hour=0.09) == pytest.approx(1.0)


def test_services_in_both_profiles_answer_every_client():
    throughput, footprints = over_http(asked("text-words", "icon-strip", each=1), 1, 0.1)
    cases = {(one.row, one.group, one.clients) for one in throughput}
    assert cases == {(p, g, n) for p in PROFILES for g in ("words", "all") for n in CLIENTS}
    assert all(one.solves_per_s.least > 0 for one in throughput)
    assert [one.row for one in footprints] == [f"{profile}, HTTP" for profile in PROFILES]
    for one in footprints:
        assert one.first_answer_s.least > 0
        assert 0 < one.resident_mib <= one.peak_mib


def test_the_tables_compare_with_the_usual_pipeline():
    spread = Spread.of([8.0])
    rates = [
        Throughput("usual", "words", None, Spread.of([2.0])),
        Throughput("throughput", "words", 4, spread),
        Throughput("throughput", "all", 4, spread),
    ]
    _, table, start = tables([], rates, [Footprint("usual", spread, None, 7.4)], 1, 0.36)
    columns = {column.header: list(column.cells) for column in table.columns}
    assert columns["times the usual"] == ["1.00", "4.00", ""]
    assert columns["price of 1e6"] == ["50.00", "12.50", "12.50"]
    assert [list(column.cells) for column in start.columns] == [["usual"], ["8.00"], [""], ["7"]]
