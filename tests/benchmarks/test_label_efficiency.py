"""Every cell is measured once and kept; what is shown is what was measured."""

import json
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer import Typer
from typer.testing import CliRunner

from benchmarks.efficiency_results import (
    BenchmarkError,
    Cell,
    Results,
    Settings,
    markdown,
    plot,
)
from benchmarks.label_efficiency import Bench, main, run_command
from benchmarks.weak_styles import STYLES
from labels.puzzles import Puzzle, read_puzzles, write_puzzles

SETTINGS = Settings(minutes=4.0, test=20, seed=1)
STYLE = next(style for style in STYLES if style.name == "halved")
COUNTS = [0, 25, 50]


def draw(folder: Path, style, count: int, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), (seed, 0, 0)).save(folder / "one.png")
    write_puzzles(
        folder,
        [
            Puzzle(
                f"{n}", "one.png", {"words": ("a",)}, ("a",), ((2, 2, 20, 20),), family=style.name
            )
            for n in range(count)
        ],
    )


class Commands:
    """Stands for the commands: learns nothing, and solves ten puzzles and a tenth of the pictures.

    Attributes:
        called: Verb and folder of every command.
        stop_at: The verb and folder at which the machine is switched off.
        fail_at: The verb and folder that end with status 1.
    """

    def __init__(self, stop_at=None, fail_at=None):
        self.called, self.stop_at, self.fail_at = [], stop_at, fail_at

    def __call__(self, command, environment, log):
        assert command[:3] == ["/some/python", "-m", "clickorder"]
        verb, folder = command[3], Path(command[4])
        known = read_puzzles(folder)
        if verb == "adapt":
            out = Path(command[command.index("--out") + 1])
            options = dict(zip(command[5::2], command[6::2], strict=True))
            assert (options["--minutes"], options["--seed"]) == ("4.0", "1")
            assert options["--test"] == "0", "what is held back teaches nothing"
            (out / "bundle").mkdir(parents=True, exist_ok=True)
            (out / "bundle" / "learned").write_text(str(len(known)))
            step = (verb, folder.name)
        else:
            assert environment["CLICKORDER_BACKEND"] == "own"
            models = environment.get("CLICKORDER_MODELS_DIR")
            learned = int((Path(models) / "learned").read_text()) if models else 0
            step = (verb, str(learned))
            solved = 10 + learned // 10
            group = {"solved": solved, "n": len(known), "failures": {"wrong-item": 20 - solved}}
            Path(command[command.index("--json") + 1]).write_text(json.dumps({"groups": [group]}))
        self.called.append(step)
        if step == self.stop_at:
            raise KeyboardInterrupt
        return int(step == self.fail_at)


def bench(out: Path, commands: Commands) -> Bench:
    results = Results.open(out / "results.json", SETTINGS)
    return Bench(out, results, "/some/python", draw, commands)


ALL = [("evaluate", "0"), ("adapt", "25"), ("evaluate", "25"), ("adapt", "50"), ("evaluate", "50")]


def test_each_count_is_adapted_to_and_put_to_the_same_unseen_puzzles(tmp_path):
    commands, told = Commands(), []
    assert bench(tmp_path, commands).measure([STYLE], COUNTS, told.append) == 0
    assert commands.called == ALL
    cells = Results.read(tmp_path / "results.json").cells
    assert [cells["halved", count].solved for count in COUNTS] == [10, 12, 15]
    assert {cell.n for cell in cells.values()} == {20}
    assert told[0] == "[1/3] halved, 0 pictures: solved 50.0% (29.9% - 70.1%)"
    pictures = tmp_path / "pictures" / "halved"
    sizes = {folder.name: len(read_puzzles(folder)) for folder in pictures.iterdir()}
    assert sizes == {"25": 25, "50": 50, "test": 20}
    seeds = {name: Image.open(pictures / name / "one.png").getpixel((0, 0))[0] for name in sizes}
    assert seeds["25"] == seeds["50"] != seeds["test"]


@pytest.mark.parametrize("place", range(len(ALL)), ids=[" ".join(step) for step in ALL])
def test_an_interrupted_run_goes_on_and_repeats_no_finished_cell(place, tmp_path):
    first = Commands(stop_at=ALL[place])
    with pytest.raises(KeyboardInterrupt):
        bench(tmp_path, first).measure([STYLE], COUNTS, print)
    second = Commands()
    assert bench(tmp_path, second).measure([STYLE], COUNTS, print) == 0
    begun = place - (ALL[place][0] == "evaluate" and ALL[place][1] != "0")
    assert second.called == ALL[begun:]
    cells = Results.read(tmp_path / "results.json").cells
    assert [cell.solved for cell in cells.values()] == [10, 12, 15]
    # The time of an adaptation that was begun before is not all of its time.
    assert {count for (_, count), cell in cells.items() if cell.resumed} == {int(ALL[place][1])} - {
        0
    }


def test_a_failed_cell_is_told_and_tried_again(tmp_path):
    told = []
    commands = Commands(fail_at=("adapt", "25"))
    assert bench(tmp_path, commands).measure([STYLE], COUNTS, told.append) == 1
    assert "`clickorder adapt` ended with status 1" in told[1]
    assert str(tmp_path / "logs" / "halved-25.log") in told[1]
    again = Commands()
    assert bench(tmp_path, again).measure([STYLE], COUNTS, told.append) == 0
    assert again.called == [("adapt", "25"), ("evaluate", "25")]


def test_an_evaluation_without_result_is_no_cell(tmp_path):
    told = []
    empty = Bench(
        tmp_path, Results(tmp_path / "results.json", SETTINGS), "python", draw, lambda *_: 0
    )
    assert empty.measure([STYLE], [0], told.append) == 1
    assert "has no result" in told[0]
    assert not (tmp_path / "results.json").exists()


def test_pictures_of_another_number_are_refused(tmp_path):
    draw(tmp_path / "pictures" / "halved" / "25", STYLE, 24, 2)
    told = []
    assert bench(tmp_path, Commands()).measure([STYLE], [25], told.append) == 1
    assert "has 24 puzzles and not 25" in told[0]


def test_other_settings_are_refused(tmp_path):
    bench(tmp_path, Commands()).measure([STYLE], [0], print)
    with pytest.raises(BenchmarkError, match=r"with --minutes 4.0, --test 20, --seed 1; use these"):
        Results.open(tmp_path / "results.json", Settings(5, 20, 1))


def test_commands_run_with_the_shipped_models_and_are_logged(tmp_path, monkeypatch):
    monkeypatch.setenv("CLICKORDER_MODELS_DIR", "/the/user's")
    code = "import os; print(os.environ.get('CLICKORDER_MODELS_DIR')); raise SystemExit(3)"
    log = tmp_path / "log"
    for environment in ({}, {"CLICKORDER_MODELS_DIR": "here"}):
        assert run_command([sys.executable, "-c", code], environment, log) == 3
    assert log.read_text().split("\n") == ["None", "here", ""]
    with pytest.raises(BenchmarkError, match="/no/python cannot be run"):
        run_command(["/no/python"], {}, log)


def filled(file: Path) -> Results:
    results = Results(file, Settings(4, 300, 1), cores=2)
    for cell in (
        Cell("slanted", 0, 300, 300, {}, 0.0),
        Cell("slanted", 25, 300, 300, {}, 4.5),
        Cell("overturned", 200, 300, 285, {"wrong-item": 15}, 5.04, resumed=True),
        Cell("overturned", 25, 300, 120, {"wrong-item": 180}, 4.26),
        Cell("overturned", 0, 300, 150, {"wrong-item": 150}, 0.0),
        Cell("unheard-of", 25, 300, 0, {}, 4.0),
    ):
        results.add(cell)
    return results


def test_the_table_says_what_was_measured(tmp_path):
    about, _, *table = markdown(filled(tmp_path / "results.json")).splitlines()
    assert about.startswith("300 unseen puzzles of each style; training for 4 minutes on 2 cores.")
    assert table == [
        "| style | labelled pictures | solved | minutes | errors gone |",
        "|---|---:|---:|---:|---:|",
        "| overturned | 0 | 50.0% (44.4% - 55.6%) | - | - |",
        "| overturned | 25 | 40.0% (34.6% - 45.6%) | 4.3 | -20% |",
        "| overturned | 200 | 95.0% (91.9% - 96.9%) | ≥ 5.0 | 90% |",
        "| slanted | 0 | 100.0% (98.7% - 100.0%) | - | - |",
        "| slanted | 25 | 100.0% (98.7% - 100.0%) | 4.5 | - |",
        "| unheard-of | 25 | 0.0% (0.0% - 1.3%) | 4.0 | - |",
    ]


def test_the_plot_has_a_line_for_each_style(tmp_path):
    results = filled(tmp_path / "results.json")
    plot(results, tmp_path / "all.png")
    results.cells = {key: cell for key, cell in results.cells.items() if key[0] == "slanted"}
    plot(results, tmp_path / "one.png")

    def coloured(name: str) -> set[tuple[int, ...]]:
        with Image.open(tmp_path / name) as picture:
            assert picture.width > 800
            counts = picture.convert("RGB").getcolors(1 << 24)
        return {rgb for n, rgb in counts if n > 200 and max(rgb) - min(rgb) > 60}

    assert len(coloured("one.png")) == 1
    assert len(coloured("all.png")) == 3


app = Typer(pretty_exceptions_enable=False)
app.command()(main)


def test_a_report_is_written_from_what_is_known(tmp_path):
    filled(tmp_path / "results.json")
    before = (tmp_path / "results.json").read_bytes()
    result = CliRunner().invoke(app, ["--out", str(tmp_path), "--report"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "table.md").read_text(encoding="utf-8") in result.stdout
    assert (tmp_path / "label_efficiency.png").is_file()
    assert (tmp_path / "results.json").read_bytes() == before


REFUSED = {
    "style": (["--style", "odd"], "There is no style 'odd'"),
    "counts": (["--counts", "0,many"], "--counts is '0,many'"),
    "negative": (["--counts=-1"], "--counts is '-1'"),
    "report of nothing": (["--report"], "results.json cannot be read"),
}


@pytest.mark.parametrize(("options", "part"), REFUSED.values(), ids=[*REFUSED])
def test_what_cannot_be_begun_is_one_sentence(options, part, tmp_path):
    result = CliRunner().invoke(app, ["--out", str(tmp_path), *options])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("label_efficiency: ")
    assert part in line
    assert list(tmp_path.iterdir()) == []
